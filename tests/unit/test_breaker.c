#include "breaker_fixture.h"

static const struct gw_breaker_options OPTIONS = {
    .threshold = 3, .recovery_ms = 1000, .trials = 2, .lease_ms = 500};

static int begin(void **state) {
    *state = world_new(OPTIONS);
    return 0;
}

static int end(void **state) {
    world_free(*state);
    return 0;
}

static int64_t must_refuse(struct world *w) {
    struct gw_breaker_permit permit;
    int64_t retry_after = 0, foretold = 0;
    assert_false(gw_breaker_lets_in(w->breaker, w->now, &foretold));
    assert_false(gw_breaker_admit(w->breaker, w->now, &permit, &retry_after));
    assert_int_equal(foretold, retry_after);
    return retry_after;
}

static void open_it(struct world *w) {
    calls(w, OPTIONS.threshold, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
}

static void opens_after_failures_in_a_row(void **state) {
    struct world *w = *state;
    call(w, GW_BREAKER_FAILURE);
    call(w, GW_BREAKER_FAILURE);
    call(w, GW_BREAKER_SUCCESS); /* ends the row */
    call(w, GW_BREAKER_FAILURE);
    call(w, GW_BREAKER_IGNORED); /* does not */
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    assert_int_equal(w->n_changes, 0);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    assert_int_equal(w->n_changes, 1);
    assert_int_equal(w->last.from, GW_BREAKER_CLOSED);
    assert_int_equal(w->last.to, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "3 failures in a row");
}

static void open_says_when_to_come_back(void **state) {
    struct world *w = *state;
    open_it(w);
    assert_int_equal(must_refuse(w), 1000);
    w->now += 999;
    assert_int_equal(must_refuse(w), 1);
    assert_state(w, GW_BREAKER_OPEN);
    w->now += 1;
    assert_state(w, GW_BREAKER_HALF_OPEN);
    assert_true(must_admit(w).trial);
    assert_int_equal(w->last.to, GW_BREAKER_HALF_OPEN);
    assert_string_equal(w->last.reason, "open for 1.0 s");
}

static void half_open_lets_in_so_many_trials(void **state) {
    struct world *w = *state;
    open_it(w);
    w->now += 1000;
    must_admit(w);
    w->now += 100;
    struct gw_breaker_permit second = must_admit(w);
    assert_int_equal(must_refuse(w), 400); /* when the first lease ends */
    report(w, second, GW_BREAKER_IGNORED);
    must_admit(w);
    must_refuse(w);
}

static void a_lease_expires(void **state) {
    struct world *w = *state;
    open_it(w);
    w->now += 1000;
    struct gw_breaker_permit lost = must_admit(w);
    must_admit(w);
    w->now += 499;
    must_refuse(w);
    w->now += 1;
    must_admit(w);
    report(w, lost, GW_BREAKER_FAILURE); /* too late to count */
    assert_state(w, GW_BREAKER_HALF_OPEN);
    must_admit(w);
    must_refuse(w);
}

static void successes_close_it(void **state) {
    struct world *w = *state;
    open_it(w);
    w->now += 1000;
    call(w, GW_BREAKER_SUCCESS);
    call(w, GW_BREAKER_IGNORED);
    assert_state(w, GW_BREAKER_HALF_OPEN);
    call(w, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
    assert_int_equal(w->n_changes, 3);
    assert_string_equal(w->last.reason, "2 trials succeeded");
    call(w, GW_BREAKER_FAILURE); /* counts from zero again */
    assert_state(w, GW_BREAKER_CLOSED);
}

static void one_failed_trial_opens_it_again(void **state) {
    struct world *w = *state;
    open_it(w);
    w->now += 1000;
    struct gw_breaker_permit other = must_admit(w);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "trial failed");
    report(w, other, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_OPEN);
}

static void late_reports_change_nothing(void **state) {
    struct world *w = *state;
    struct gw_breaker_permit old = must_admit(w);
    open_it(w);
    report(w, old, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_OPEN);
    w->now += 1000;
    call(w, GW_BREAKER_SUCCESS);
    call(w, GW_BREAKER_SUCCESS);
    for (int i = 0; i < 10; i++)
        report(w, old, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* Its lease would pass for one of those of now: they end at the same time. */
static void a_late_trial_changes_nothing(void **state) {
    struct world *w = *state;
    struct gw_breaker_options options = OPTIONS;
    options.lease_ms = 5000;
    gw_breaker_configure(w->breaker, options);
    open_it(w);
    w->now += 1000;
    struct gw_breaker_permit late = must_admit(w);
    call(w, GW_BREAKER_FAILURE);
    gw_breaker_configure(w->breaker, OPTIONS);
    w->now += 4500;
    assert_int_equal(must_admit(w).lease_until_ms, late.lease_until_ms);
    report(w, late, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_HALF_OPEN);
}

static void new_options_keep_the_state(void **state) {
    struct world *w = *state;
    call(w, GW_BREAKER_FAILURE);
    struct gw_breaker_options options = OPTIONS;
    options.threshold = 2;
    options.recovery_ms = 50;
    options.trials = 1;
    gw_breaker_configure(w->breaker, options);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    assert_int_equal(must_refuse(w), 50);
    w->now += 50;
    struct gw_breaker_permit trial = must_admit(w);
    must_refuse(w);
    report(w, trial, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void options_out_of_range_are_brought_into_it(void **state) {
    (void)state;
    struct world *w = world_new((struct gw_breaker_options){.threshold = 1, .lease_ms = 10});
    call(w, GW_BREAKER_FAILURE);
    assert_string_equal(w->last.reason, "1 failure in a row");
    assert_int_equal(must_refuse(w), 1); /* a recovery time of 1 ms */
    w->now++;
    must_admit(w);
    must_refuse(w); /* one trial */
    gw_breaker_configure(w->breaker, (struct gw_breaker_options){.trials = 100000, .lease_ms = 10});
    for (int i = 1; i < GW_BREAKER_MAX_TRIALS; i++)
        must_admit(w);
    must_refuse(w);
    world_free(w);
}

static void without_a_threshold_failures_in_a_row_open_nothing(void **state) {
    (void)state;
    struct world *w = world_new((struct gw_breaker_options){.recovery_ms = 1000, .trials = 1});
    calls(w, 1000, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    world_free(w);
}

/* --- The recovery time --- */

static void fail_a_trial(struct world *w) {
    w->now += must_refuse(w);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
}

static void close_by_trials(struct world *w) {
    w->now += must_refuse(w);
    calls(w, OPTIONS.trials, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void recovery_doubles_up_to_eight_times(void **state) {
    struct world *w = *state;
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 8000, 8000};
    open_it(w);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(must_refuse(w), expected[i]);
        fail_a_trial(w);
    }
    close_by_trials(w);
    open_it(w);
    assert_int_equal(must_refuse(w), 1000); /* as if nothing had been */
}

static void recovery_doubles_up_to_the_maximum(void **state) {
    (void)state;
    struct gw_breaker_options options = OPTIONS;
    options.recovery_max_ms = 2500;
    struct world *w = world_new(options);
    open_it(w);
    fail_a_trial(w);
    assert_int_equal(must_refuse(w), 2000);
    fail_a_trial(w);
    assert_int_equal(must_refuse(w), 2500);
    options.recovery_max_ms = 10; /* below the recovery time: that is the maximum then */
    gw_breaker_configure(w->breaker, options);
    assert_int_equal(must_refuse(w), 1000);
    world_free(w);
}

static void an_expired_trial_is_no_success(void **state) {
    struct world *w = *state;
    open_it(w);
    w->now += 1000;
    for (int i = 0; i < 10; i++) {
        struct gw_breaker_permit lost = must_admit(w);
        w->now += OPTIONS.lease_ms;
        report(w, lost, GW_BREAKER_SUCCESS);
    }
    assert_state(w, GW_BREAKER_HALF_OPEN);
    calls(w, OPTIONS.trials, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* --- An operator's hand --- */

static void forced_open_stays_so(void **state) {
    struct world *w = *state;
    struct gw_breaker_permit old = must_admit(w);
    gw_breaker_force_open(w->breaker, w->now);
    assert_string_equal(w->last.reason, "forced by operator");
    report(w, old, GW_BREAKER_SUCCESS);
    w->now += 1000 * OPTIONS.recovery_ms;
    assert_state(w, GW_BREAKER_FORCED_OPEN);
    assert_int_equal(must_refuse(w), OPTIONS.recovery_ms);
    gw_breaker_close(w->breaker, w->now);
    assert_string_equal(w->last.reason, "closed by operator");
    calls(w, OPTIONS.threshold - 1, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void disabled_counts_nothing(void **state) {
    struct world *w = *state;
    calls(w, OPTIONS.threshold - 1, GW_BREAKER_FAILURE);
    struct gw_breaker_permit before = must_admit(w);
    gw_breaker_disable(w->breaker, w->now);
    assert_string_equal(w->last.reason, "disabled by operator");
    calls(w, 100, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_DISABLED);
    struct gw_breaker_permit during = must_admit(w);
    gw_breaker_reset(w->breaker, w->now);
    assert_string_equal(w->last.reason, "reset by operator");
    report(w, before, GW_BREAKER_FAILURE);
    report(w, during, GW_BREAKER_FAILURE);
    calls(w, OPTIONS.threshold - 1, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void closing_what_is_closed_keeps_the_counts_and_a_reset_does_not(void **state) {
    struct world *w = *state;
    calls(w, OPTIONS.threshold - 1, GW_BREAKER_FAILURE);
    gw_breaker_reset(w->breaker, w->now);
    calls(w, OPTIONS.threshold - 1, GW_BREAKER_FAILURE);
    gw_breaker_close(w->breaker, w->now);
    assert_int_equal(w->n_changes, 0);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
}

static void an_operator_ends_the_doubling(void **state) {
    struct world *w = *state;
    open_it(w);
    fail_a_trial(w);
    gw_breaker_close(w->breaker, w->now);
    open_it(w);
    assert_int_equal(must_refuse(w), 1000);
}

static void news_of_recovery_ends_the_doubling(void **state) {
    struct world *w = *state;
    open_it(w);
    fail_a_trial(w);
    fail_a_trial(w);
    assert_int_equal(must_refuse(w), 4000);
    w->now += 300;
    gw_breaker_expect_recovery(w->breaker);
    assert_int_equal(must_refuse(w), 700); /* never less than the first time */
    fail_a_trial(w);
    assert_int_equal(must_refuse(w), 2000); /* it was not true */
}

static void to_look_is_not_to_enter(void **state) {
    struct world *w = *state;
    int64_t ignored;
    open_it(w);
    w->now += 1000;
    for (int i = 0; i < 10; i++)
        assert_true(gw_breaker_lets_in(w->breaker, w->now, &ignored));
    assert_int_equal(w->n_changes, 1);
    must_admit(w);
    must_admit(w);
    assert_int_equal(must_refuse(w), 500); /* both trials are out */
    w->now += 500;
    assert_true(gw_breaker_lets_in(w->breaker, w->now, &ignored));
}

/* --- What there is to see --- */

static struct gw_breaker_snapshot look(struct world *w) {
    struct gw_breaker_snapshot snapshot;
    gw_breaker_snapshot(w->breaker, w->now, &snapshot);
    return snapshot;
}

static void a_snapshot_of_the_closed(void **state) {
    struct world *w = *state;
    struct gw_breaker_snapshot s = look(w);
    assert_int_equal(s.state, GW_BREAKER_CLOSED);
    assert_int_equal(s.since_ms, 0);
    assert_string_equal(s.reason, "");
    calls(w, 2, GW_BREAKER_FAILURE);
    assert_int_equal(look(w).failures_in_a_row, 2);
    assert_int_equal(look(w).next_trial_ms, 0);
}

static void a_snapshot_of_the_open_and_the_half_open(void **state) {
    struct world *w = *state;
    open_it(w);
    struct gw_breaker_snapshot s = look(w);
    assert_int_equal(s.state, GW_BREAKER_OPEN);
    assert_int_equal(s.since_ms, w->now);
    assert_string_equal(s.reason, "3 failures in a row");
    assert_int_equal(s.next_trial_ms, w->now + 1000);
    w->now += 1000;
    assert_int_equal(look(w).state, GW_BREAKER_HALF_OPEN);
    call(w, GW_BREAKER_SUCCESS);
    must_admit(w);
    s = look(w);
    assert_int_equal(s.successes, 1);
    assert_int_equal(s.leases, 1);
    assert_int_equal(s.trials, OPTIONS.trials);
    w->now += OPTIONS.lease_ms;
    assert_int_equal(look(w).leases, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_after_failures_in_a_row, begin, end),
        cmocka_unit_test_setup_teardown(open_says_when_to_come_back, begin, end),
        cmocka_unit_test_setup_teardown(half_open_lets_in_so_many_trials, begin, end),
        cmocka_unit_test_setup_teardown(a_lease_expires, begin, end),
        cmocka_unit_test_setup_teardown(successes_close_it, begin, end),
        cmocka_unit_test_setup_teardown(one_failed_trial_opens_it_again, begin, end),
        cmocka_unit_test_setup_teardown(late_reports_change_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_late_trial_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(new_options_keep_the_state, begin, end),
        cmocka_unit_test(options_out_of_range_are_brought_into_it),
        cmocka_unit_test(without_a_threshold_failures_in_a_row_open_nothing),
        cmocka_unit_test_setup_teardown(recovery_doubles_up_to_eight_times, begin, end),
        cmocka_unit_test(recovery_doubles_up_to_the_maximum),
        cmocka_unit_test_setup_teardown(an_expired_trial_is_no_success, begin, end),
        cmocka_unit_test_setup_teardown(forced_open_stays_so, begin, end),
        cmocka_unit_test_setup_teardown(disabled_counts_nothing, begin, end),
        cmocka_unit_test_setup_teardown(
            closing_what_is_closed_keeps_the_counts_and_a_reset_does_not, begin, end),
        cmocka_unit_test_setup_teardown(an_operator_ends_the_doubling, begin, end),
        cmocka_unit_test_setup_teardown(news_of_recovery_ends_the_doubling, begin, end),
        cmocka_unit_test_setup_teardown(to_look_is_not_to_enter, begin, end),
        cmocka_unit_test_setup_teardown(a_snapshot_of_the_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_snapshot_of_the_open_and_the_half_open, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
