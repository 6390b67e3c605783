/* What holds for a breaker whatever happens to it: random histories, several threads at once. */
#include "breaker_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { HISTORIES = 200, STEPS = 1000, HELD = 8, TRIALS = 3, LEASE_MS = 500, RECOVERY_MS = 1000 };

static const struct gw_breaker_options KINDS[] = {
    {.threshold = 3, .recovery_ms = RECOVERY_MS, .trials = TRIALS, .lease_ms = LEASE_MS},
    {.window = {.calls = 10},
     .failure_rate = 0.5,
     .minimum_calls = 5,
     .recovery_ms = RECOVERY_MS,
     .trials = TRIALS,
     .lease_ms = LEASE_MS},
    {.threshold = 10,
     .window = {.ms = 5000},
     .failure_rate = 0.6,
     .minimum_calls = 4,
     .slow_call_ms = 50,
     .slow_rate = 0.7,
     .recovery_ms = RECOVERY_MS,
     .trials = TRIALS,
     .lease_ms = LEASE_MS},
};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

/* Successes that may be needed: a window full of failures opens once more before the trials. */
enum { LONGEST_WAY = 10 + TRIALS };

struct held {
    struct gw_breaker_permit permit;
    unsigned changes; /* there had been when it was admitted */
};

struct history {
    struct world *w;
    struct held held[HELD]; /* admitted, not yet reported */
    int n_held;
    unsigned reopened; /* since it was closed */
    bool is_ill;       /* the backend: most calls fail */
};

/* The state without the recovery time: half-open begins with an admission. */
static enum gw_breaker_state told_state(const struct history *h) {
    return h->w->n_changes ? h->w->last.to : GW_BREAKER_CLOSED;
}

static bool may_admit(const struct history *h) {
    unsigned doublings = h->reopened < 3 ? h->reopened : 3;
    switch (told_state(h)) {
    case GW_BREAKER_FORCED_OPEN:
        return false;
    case GW_BREAKER_OPEN:
        return h->w->now >= h->w->changed_at + (RECOVERY_MS << doublings);
    default:
        return true;
    }
}

static bool must_be_admitted(const struct history *h) {
    return told_state(h) == GW_BREAKER_CLOSED || told_state(h) == GW_BREAKER_DISABLED;
}

static unsigned unexpired_trials(const struct history *h) {
    unsigned n = 0;
    for (int i = 0; i < h->n_held; i++)
        n += h->held[i].permit.trial && h->held[i].changes == h->w->n_changes &&
             h->held[i].permit.lease_until_ms > h->w->now;
    return n;
}

static void step_admit(struct history *h) {
    if (h->n_held == HELD)
        return;
    bool may = may_admit(h), must = must_be_admitted(h);
    struct gw_breaker_permit permit;
    int64_t ignored;
    bool looked = gw_breaker_lets_in(h->w->breaker, h->w->now, &ignored);
    bool admitted = admit(h->w, &permit);
    assert_true(admitted ? may : !must);
    assert_int_equal(looked, admitted);
    if (!admitted)
        return;
    h->held[h->n_held++] = (struct held){permit, h->w->n_changes};
    assert_true(unexpired_trials(h) <= TRIALS);
}

static void count_reopenings(struct history *h) {
    if (h->w->last.from == GW_BREAKER_HALF_OPEN && h->w->last.to == GW_BREAKER_OPEN)
        h->reopened++;
    else
        h->reopened = 0;
}

static enum gw_breaker_report any_outcome(const struct history *h) {
    int dice = rand() % 20;
    if (dice < 2)
        return GW_BREAKER_IGNORED;
    return (dice < 4) != h->is_ill ? GW_BREAKER_FAILURE : GW_BREAKER_SUCCESS;
}

static void step_report(struct history *h, enum gw_breaker_report what) {
    if (h->n_held == 0)
        return;
    int i = rand() % h->n_held;
    unsigned changes = h->w->n_changes;
    gw_breaker_report(h->w->breaker, h->held[i].permit, what, rand() % 100, h->w->now);
    if (h->held[i].changes != changes)
        assert_int_equal(h->w->n_changes, changes);
    if (h->w->n_changes != changes)
        count_reopenings(h);
    h->held[i] = h->held[--h->n_held];
}

static void step_operate(struct history *h) {
    static void (*const hands[])(struct gw_breaker *, int64_t) = {
        gw_breaker_force_open, gw_breaker_close, gw_breaker_reset, gw_breaker_disable};
    unsigned changes = h->w->n_changes;
    hands[rand() % 4](h->w->breaker, h->w->now);
    if (h->w->n_changes != changes)
        h->reopened = 0;
}

static void step(struct history *h) {
    int dice = rand() % 100;
    if (dice < 1)
        step_operate(h);
    else if (dice < 3)
        h->is_ill = !h->is_ill;
    else if (dice < 20)
        h->w->now += rand() % 600;
    else if (dice < 60)
        step_report(h, any_outcome(h));
    else
        step_admit(h);
}

/* Whatever happened before, a backend that answers again gets its breaker closed; only an
 * operator's word is left to the operator. */
static void assert_closes_at_last(struct history *h) {
    if (told_state(h) == GW_BREAKER_FORCED_OPEN || told_state(h) == GW_BREAKER_DISABLED)
        gw_breaker_close(h->w->breaker, h->w->now);
    for (int i = 0; i < LONGEST_WAY; i++) {
        h->w->now += 8 * RECOVERY_MS + LEASE_MS;
        call(h->w, GW_BREAKER_SUCCESS);
    }
    assert_state(h->w, GW_BREAKER_CLOSED);
}

static void holds_in_random_histories(void **state) {
    (void)state;
    unsigned changes = 0;
    srand(20260131);
    for (int i = 0; i < HISTORIES * N_KINDS; i++) {
        struct history h = {.w = world_new(KINDS[i % N_KINDS])};
        for (int j = 0; j < STEPS; j++)
            step(&h);
        changes += h.w->n_changes;
        assert_closes_at_last(&h);
        world_free(h.w);
    }
    assert_true(changes > HISTORIES * N_KINDS * 10); /* they were not idle */
}

/* --- Several threads --- */

enum { THREADS = 4, ROUNDS = 20000 };

struct crowd {
    struct gw_breaker *breaker;
    atomic_llong now;
    atomic_uint changes[3][3]; /* from, to */
    atomic_uint n_wrong;       /* snapshots with more trials than there may be */
};

static void count_change(void *user, const struct gw_breaker_change *change) {
    struct crowd *crowd = user;
    atomic_fetch_add(&crowd->changes[change->from][change->to], 1);
}

static void *visit(void *user) {
    struct crowd *crowd = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        struct gw_breaker_permit permit;
        struct gw_breaker_snapshot snapshot;
        int64_t retry_after, now = atomic_fetch_add(&crowd->now, 1);
        if (!gw_breaker_admit(crowd->breaker, now, &permit, &retry_after))
            continue;
        gw_breaker_report(crowd->breaker, permit, (enum gw_breaker_report)(rand_r(&seed) % 2), 0,
                          now);
        gw_breaker_snapshot(crowd->breaker, now, &snapshot);
        atomic_fetch_add(&crowd->n_wrong, snapshot.leases > snapshot.trials);
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
    struct gw_breaker_options options = {.threshold = 3,
                                         .window = {.ms = 100},
                                         .failure_rate = 0.9,
                                         .minimum_calls = 10,
                                         .recovery_ms = 5,
                                         .trials = 2,
                                         .lease_ms = INT32_MAX};
    crowd.breaker = gw_breaker_new(options, count_change, &crowd);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.n_wrong, 0);
    assert_one_walk(&crowd);
    gw_breaker_free(crowd.breaker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_in_random_histories),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
