/* Breakers that look at a window of calls: the scenarios that resilience4j, gobreaker and Polly
 * publish for theirs, in our words. */
#include "breaker_fixture.h"

static const struct gw_breaker_options BY_COUNT = {
    .window = {.calls = 10},
    .failure_rate = 0.5,
    .minimum_calls = 10,
    .slow_call_ms = 2000,
    .slow_rate = 0.8,
    .recovery_ms = 5000,
    .trials = 3,
    .lease_ms = 60000,
};

static const struct gw_breaker_options BY_TIME = {
    .window = {.ms = 10000},
    .failure_rate = 0.1,
    .minimum_calls = 100,
    .recovery_ms = 5000,
    .trials = 1,
    .lease_ms = 60000,
};

static int by_count(void **state) {
    *state = world_new(BY_COUNT);
    return 0;
}

static int by_time(void **state) {
    *state = world_new(BY_TIME);
    return 0;
}

static int end(void **state) {
    world_free(*state);
    return 0;
}

static void call_of(struct world *w, enum gw_breaker_report what, int64_t duration_ms) {
    gw_breaker_report(w->breaker, must_admit(w), what, duration_ms, w->now);
}

static void calls_of(struct world *w, unsigned n, enum gw_breaker_report what,
                     int64_t duration_ms) {
    while (n--)
        call_of(w, what, duration_ms);
}

static void wait_for_trials(struct world *w) {
    struct gw_breaker_snapshot snapshot;
    gw_breaker_snapshot(w->breaker, w->now, &snapshot);
    w->now = snapshot.next_trial_ms;
    assert_state(w, GW_BREAKER_HALF_OPEN);
}

/* --- resilience4j: by count --- */

static void rates_mean_nothing_below_the_minimum(void **state) {
    struct world *w = *state;
    calls(w, 9, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "10 of 10 calls failed (100 %)");
}

static void it_opens_at_the_rate_and_not_below(void **state) {
    struct world *w = *state;
    calls(w, 4, GW_BREAKER_FAILURE);
    calls(w, 6, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED); /* 40 % */
    calls(w, 2, GW_BREAKER_SUCCESS);    /* two failures leave the window */
    calls(w, 2, GW_BREAKER_FAILURE);    /* and two, as two come */
    assert_state(w, GW_BREAKER_CLOSED);
    calls(w, 2, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "5 of 10 calls failed (50 %)");
}

static void a_success_too_can_complete_the_minimum(void **state) {
    struct world *w = *state;
    calls(w, 5, GW_BREAKER_FAILURE);
    calls(w, 4, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_OPEN);
}

static void ignored_calls_are_in_no_window(void **state) {
    struct world *w = *state;
    calls(w, 9, GW_BREAKER_FAILURE);
    calls(w, 50, GW_BREAKER_IGNORED);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_SUCCESS);
    assert_string_equal(w->last.reason, "9 of 10 calls failed (90 %)");
}

static void too_many_slow_calls_open_it(void **state) {
    struct world *w = *state;
    calls_of(w, 2, GW_BREAKER_SUCCESS, 1999);
    calls_of(w, 7, GW_BREAKER_SUCCESS, 2000);
    assert_state(w, GW_BREAKER_CLOSED);
    call_of(w, GW_BREAKER_SUCCESS, 9000);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "8 of 10 calls were slow (80 %)");
}

static void slow_failures_count_for_both(void **state) {
    struct world *w = *state;
    calls_of(w, 4, GW_BREAKER_FAILURE, 2000);
    calls_of(w, 5, GW_BREAKER_SUCCESS, 0);
    struct gw_breaker_snapshot s;
    gw_breaker_snapshot(w->breaker, w->now, &s);
    assert_int_equal(s.window.calls, 9);
    assert_int_equal(s.window.failures, 4);
    assert_int_equal(s.window.slow, 4);
    assert_true(s.failure_rate == 4.0 / 9 && s.slow_rate == 4.0 / 9);
}

static void slow_trials_open_it_again(void **state) {
    struct world *w = *state;
    calls_of(w, 10, GW_BREAKER_SUCCESS, 2000);
    wait_for_trials(w);
    call_of(w, GW_BREAKER_SUCCESS, 2000);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "trial was slow");
    wait_for_trials(w);
    calls_of(w, 3, GW_BREAKER_SUCCESS, 1999);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void the_window_is_empty_after_closing(void **state) {
    struct world *w = *state;
    calls(w, 10, GW_BREAKER_FAILURE);
    wait_for_trials(w);
    calls(w, 3, GW_BREAKER_SUCCESS);
    calls(w, 9, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void a_small_window_lowers_the_minimum(void **state) {
    (void)state;
    struct gw_breaker_options options = BY_COUNT;
    options.minimum_calls = 100;
    struct world *w = world_new(options);
    calls(w, 9, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
    world_free(w);
}

static void rates_that_have_no_binary_form_are_met_exactly(void **state) {
    (void)state;
    struct gw_breaker_options options = BY_COUNT;
    options.window.calls = options.minimum_calls = 100;
    options.failure_rate = 0.07;
    struct world *w = world_new(options);
    calls(w, 7, GW_BREAKER_FAILURE);
    calls(w, 93, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_OPEN);
    world_free(w);
}

/* --- gobreaker: failures in a row beside a window, trials, results that come late --- */

static void failures_in_a_row_open_it_before_the_window_speaks(void **state) {
    (void)state;
    struct gw_breaker_options options = BY_TIME;
    options.threshold = 6;
    struct world *w = world_new(options);
    calls(w, 5, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_SUCCESS);
    calls(w, 6, GW_BREAKER_FAILURE);
    assert_string_equal(w->last.reason, "6 failures in a row");
    world_free(w);
}

static void half_open_takes_so_many_and_refuses_the_next(void **state) {
    struct world *w = *state;
    struct gw_breaker_permit trials[3], more;
    calls(w, 10, GW_BREAKER_FAILURE);
    wait_for_trials(w);
    for (int i = 0; i < 3; i++)
        trials[i] = must_admit(w);
    assert_false(admit(w, &more));
    for (int i = 0; i < 3; i++)
        report(w, trials[i], GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void results_from_before_are_not_in_the_new_window(void **state) {
    struct world *w = *state;
    struct gw_breaker_permit old[20];
    for (int i = 0; i < 20; i++)
        old[i] = must_admit(w);
    calls(w, 10, GW_BREAKER_FAILURE);
    wait_for_trials(w);
    calls(w, 3, GW_BREAKER_SUCCESS);
    for (int i = 0; i < 20; i++)
        report(w, old[i], GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    struct gw_breaker_snapshot s;
    gw_breaker_snapshot(w->breaker, w->now, &s);
    assert_int_equal(s.window.calls, 0);
}

/* --- Polly and resilience4j: by time --- */

static void a_ratio_needs_its_throughput(void **state) {
    struct world *w = *state;
    calls(w, 99, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_OPEN);
    assert_string_equal(w->last.reason, "99 of 100 calls failed (99 %)");
}

static void throughput_outside_of_the_window_is_none(void **state) {
    struct world *w = *state;
    calls(w, 99, GW_BREAKER_FAILURE);
    w->now += BY_TIME.window.ms;
    calls(w, 99, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_OPEN);
}

static void old_failures_are_outweighed_or_gone(void **state) {
    struct world *w = *state;
    calls(w, 9, GW_BREAKER_FAILURE);
    w->now += 5000;
    calls(w, 91, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED); /* 9 % */
    w->now += 5000;                     /* the failures are gone */
    calls(w, 10, GW_BREAKER_FAILURE);
    assert_state(w, GW_BREAKER_CLOSED); /* 10 of 101 */
    call(w, GW_BREAKER_FAILURE);
    assert_string_equal(w->last.reason, "11 of 102 calls failed (11 %)");
}

static void one_trial_decides(void **state) {
    struct world *w = *state;
    calls(w, 100, GW_BREAKER_FAILURE);
    w->now += 4999;
    struct gw_breaker_permit permit;
    assert_false(admit(w, &permit));
    w->now += 1;
    permit = must_admit(w);
    struct gw_breaker_permit second;
    assert_false(admit(w, &second));
    report(w, permit, GW_BREAKER_SUCCESS);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void a_window_of_another_size_begins_empty_and_the_same_one_does_not(void **state) {
    struct world *w = *state;
    struct gw_breaker_options options = BY_COUNT;
    calls(w, 9, GW_BREAKER_FAILURE);
    gw_breaker_configure(w->breaker, options);
    struct gw_breaker_snapshot s;
    gw_breaker_snapshot(w->breaker, w->now, &s);
    assert_int_equal(s.window.calls, 9);
    options.window.calls = 20;
    gw_breaker_configure(w->breaker, options);
    call(w, GW_BREAKER_FAILURE);
    gw_breaker_snapshot(w->breaker, w->now, &s);
    assert_int_equal(s.window.calls, 1);
    assert_state(w, GW_BREAKER_CLOSED);
}

#define COUNTED(test) cmocka_unit_test_setup_teardown(test, by_count, end)
#define TIMED(test)   cmocka_unit_test_setup_teardown(test, by_time, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        COUNTED(rates_mean_nothing_below_the_minimum),
        COUNTED(it_opens_at_the_rate_and_not_below),
        COUNTED(a_success_too_can_complete_the_minimum),
        COUNTED(ignored_calls_are_in_no_window),
        COUNTED(too_many_slow_calls_open_it),
        COUNTED(slow_failures_count_for_both),
        COUNTED(slow_trials_open_it_again),
        COUNTED(the_window_is_empty_after_closing),
        cmocka_unit_test(a_small_window_lowers_the_minimum),
        cmocka_unit_test(rates_that_have_no_binary_form_are_met_exactly),
        cmocka_unit_test(failures_in_a_row_open_it_before_the_window_speaks),
        COUNTED(half_open_takes_so_many_and_refuses_the_next),
        COUNTED(results_from_before_are_not_in_the_new_window),
        TIMED(a_ratio_needs_its_throughput),
        TIMED(throughput_outside_of_the_window_is_none),
        TIMED(old_failures_are_outweighed_or_gone),
        TIMED(one_trial_decides),
        COUNTED(a_window_of_another_size_begins_empty_and_the_same_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
