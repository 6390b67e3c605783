#include "policy/breaker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct gw_breaker_options OPTIONS = {
    .threshold = 3, .recovery_ms = 1000, .trials = 2, .lease_ms = 500};

/* A breaker, its clock, and the transitions it told of. */
struct world {
    struct gw_breaker *breaker;
    int64_t now;
    unsigned n_changes;
    enum gw_breaker_state from, to;
};

static void note_change(void *user, enum gw_breaker_state from, enum gw_breaker_state to) {
    struct world *w = user;
    w->n_changes++;
    w->from = from;
    w->to = to;
}

static int begin(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->breaker = gw_breaker_new(OPTIONS, note_change, w);
    w->now = 1000000;
    *state = w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    gw_breaker_free(w->breaker);
    free(w);
    return 0;
}

static bool admit(struct world *w, struct gw_breaker_permit *permit) {
    int64_t retry_after;
    return gw_breaker_admit(w->breaker, w->now, permit, &retry_after);
}

static struct gw_breaker_permit must_admit(struct world *w) {
    struct gw_breaker_permit permit;
    assert_true(admit(w, &permit));
    return permit;
}

static int64_t must_refuse(struct world *w) {
    struct gw_breaker_permit permit;
    int64_t retry_after = 0;
    assert_false(gw_breaker_admit(w->breaker, w->now, &permit, &retry_after));
    return retry_after;
}

static void report(struct world *w, struct gw_breaker_permit permit, enum gw_breaker_report what) {
    gw_breaker_report(w->breaker, permit, what, w->now);
}

static void call(struct world *w, enum gw_breaker_report what) {
    report(w, must_admit(w), what);
}

static void assert_state(struct world *w, enum gw_breaker_state expected) {
    assert_int_equal(gw_breaker_state(w->breaker, w->now), expected);
}

static void open_it(struct world *w) {
    for (unsigned i = 0; i < OPTIONS.threshold; i++)
        call(w, GW_BREAKER_FAILURE);
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
    assert_int_equal(w->from, GW_BREAKER_CLOSED);
    assert_int_equal(w->to, GW_BREAKER_OPEN);
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
    assert_int_equal(w->to, GW_BREAKER_HALF_OPEN);
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
    assert_int_equal(must_refuse(w), 1000);
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
    struct world w = {.now = 5};
    w.breaker = gw_breaker_new((struct gw_breaker_options){.lease_ms = 10}, note_change, &w);
    call(&w, GW_BREAKER_FAILURE); /* a threshold of 1 */
    assert_int_equal(w.to, GW_BREAKER_OPEN);
    must_admit(&w);
    must_refuse(&w); /* one trial */
    gw_breaker_configure(w.breaker, (struct gw_breaker_options){.trials = 100000, .lease_ms = 10});
    for (int i = 1; i < GW_BREAKER_MAX_TRIALS; i++)
        must_admit(&w);
    must_refuse(&w);
    gw_breaker_free(w.breaker);
}

/* --- The properties of random histories --- */

enum { HISTORIES = 300, STEPS = 400, HELD = 64 };

struct history {
    struct world *w;
    struct gw_breaker_permit held[HELD]; /* admitted, not yet reported */
    int n_held;
    unsigned changes_at_admission[HELD];
    int64_t opened_at;
};

static unsigned unexpired_trials(const struct history *h) {
    unsigned n = 0;
    for (int i = 0; i < h->n_held; i++)
        n += h->held[i].trial && h->changes_at_admission[i] == h->w->n_changes &&
             h->held[i].lease_until_ms > h->w->now;
    return n;
}

static void step_admit(struct history *h) {
    if (h->n_held == HELD)
        return;
    bool must_be_refused =
        h->w->n_changes && h->w->to == GW_BREAKER_OPEN && h->w->now < h->opened_at + 1000;
    struct gw_breaker_permit permit;
    if (!admit(h->w, &permit))
        return;
    assert_false(must_be_refused);
    h->held[h->n_held] = permit;
    h->changes_at_admission[h->n_held++] = h->w->n_changes;
    assert_true(unexpired_trials(h) <= OPTIONS.trials);
}

static void step_report(struct history *h, enum gw_breaker_report what) {
    if (h->n_held == 0)
        return;
    int i = rand() % h->n_held;
    bool stale = h->changes_at_admission[i] != h->w->n_changes;
    unsigned changes = h->w->n_changes;
    report(h->w, h->held[i], what);
    if (stale)
        assert_int_equal(h->w->n_changes, changes);
    else if (h->w->n_changes != changes && h->w->to == GW_BREAKER_OPEN)
        h->opened_at = h->w->now;
    h->held[i] = h->held[--h->n_held];
    h->changes_at_admission[i] = h->changes_at_admission[h->n_held];
}

static void step(struct history *h) {
    switch (rand() % 4) {
    case 0:
        h->w->now += rand() % 300;
        break;
    case 1:
        step_report(h, (enum gw_breaker_report)(rand() % 3));
        break;
    default:
        step_admit(h);
    }
}

/* Whatever happened before, a backend that answers again gets its breaker closed. */
static void assert_closes_at_last(struct history *h) {
    h->w->now += OPTIONS.recovery_ms + OPTIONS.lease_ms;
    for (unsigned i = 0; i < OPTIONS.trials; i++)
        call(h->w, GW_BREAKER_SUCCESS);
    assert_state(h->w, GW_BREAKER_CLOSED);
}

static void holds_in_random_histories(void **state) {
    (void)state;
    srand(20260131);
    for (int i = 0; i < HISTORIES; i++) {
        void *world;
        begin(&world);
        struct history h = {.w = world};
        for (int j = 0; j < STEPS; j++)
            step(&h);
        assert_closes_at_last(&h);
        end(&world);
    }
}

/* --- Several threads --- */

enum { THREADS = 4, ROUNDS = 20000 };

struct crowd {
    struct gw_breaker *breaker;
    atomic_llong now;
    atomic_uint changes[3][3]; /* from, to */
};

static void count_change(void *user, enum gw_breaker_state from, enum gw_breaker_state to) {
    struct crowd *crowd = user;
    atomic_fetch_add(&crowd->changes[from][to], 1);
}

static void *visit(void *user) {
    struct crowd *crowd = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        struct gw_breaker_permit permit;
        int64_t retry_after, now = atomic_fetch_add(&crowd->now, 1);
        if (!gw_breaker_admit(crowd->breaker, now, &permit, &retry_after))
            continue;
        gw_breaker_report(crowd->breaker, permit, (enum gw_breaker_report)(rand_r(&seed) % 2), now);
        gw_breaker_state(crowd->breaker, now);
    }
    return NULL;
}

/* The threads' transitions, put together, must be one walk through the states. */
static void assert_one_walk(struct crowd *crowd) {
    atomic_uint(*to)[3] = crowd->changes;
    unsigned opened = to[GW_BREAKER_CLOSED][GW_BREAKER_OPEN];
    unsigned reopened = to[GW_BREAKER_HALF_OPEN][GW_BREAKER_OPEN];
    unsigned tried = to[GW_BREAKER_OPEN][GW_BREAKER_HALF_OPEN];
    unsigned closed = to[GW_BREAKER_HALF_OPEN][GW_BREAKER_CLOSED];
    enum gw_breaker_state end = gw_breaker_state(crowd->breaker, 0);
    assert_true(opened > 1 && reopened > 1 && closed > 1);
    assert_int_equal(opened - closed, end != GW_BREAKER_CLOSED);
    assert_int_equal(opened + reopened - tried, end == GW_BREAKER_OPEN);
    assert_int_equal(to[GW_BREAKER_OPEN][GW_BREAKER_CLOSED], 0);
    assert_int_equal(to[GW_BREAKER_CLOSED][GW_BREAKER_HALF_OPEN], 0);
}

static void is_shared_by_threads(void **state) {
    (void)state;
    struct crowd crowd = {0};
    struct gw_breaker_options options = {
        .threshold = 3, .recovery_ms = 5, .trials = 2, .lease_ms = INT32_MAX};
    crowd.breaker = gw_breaker_new(options, count_change, &crowd);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_one_walk(&crowd);
    gw_breaker_free(crowd.breaker);
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
        cmocka_unit_test_setup_teardown(new_options_keep_the_state, begin, end),
        cmocka_unit_test(options_out_of_range_are_brought_into_it),
        cmocka_unit_test(holds_in_random_histories),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
