#include "policy/bulkhead.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes_so_many(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead;
    gw_bulkhead_init(&bulkhead);
    gw_bulkhead_configure(&bulkhead, 2, 0);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    assert_false(gw_bulkhead_try_enter(&bulkhead));
    gw_bulkhead_leave(&bulkhead);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    assert_false(gw_bulkhead_try_enter(&bulkhead));
}

static void without_a_limit_takes_all(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead;
    gw_bulkhead_init(&bulkhead);
    for (int i = 0; i < 10000; i++)
        assert_true(gw_bulkhead_try_enter(&bulkhead));
}

static void count_grants(void *user) {
    ++*(int *)user;
}

#define WAITER(n_grants) \
    { .granted = count_grants, .user = (n_grants) }

static void lets_so_many_wait(void **state) {
    (void)state;
    int granted = 0;
    struct gw_bulkhead bulkhead;
    struct gw_bulkhead_waiter a = WAITER(&granted), b = a, c = a;
    gw_bulkhead_init(&bulkhead);
    assert_false(gw_bulkhead_try_wait(&bulkhead, &a));
    gw_bulkhead_configure(&bulkhead, 1, 2);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    assert_true(gw_bulkhead_try_wait(&bulkhead, &a));
    assert_true(gw_bulkhead_try_wait(&bulkhead, &b));
    assert_false(gw_bulkhead_try_wait(&bulkhead, &c));
    assert_false(gw_bulkhead_stop_waiting(&bulkhead, &a));
    assert_true(gw_bulkhead_try_wait(&bulkhead, &c));
    assert_int_equal(granted, 0);
}

static void a_place_goes_to_who_waits_longest(void **state) {
    (void)state;
    int granted[3] = {0};
    struct gw_bulkhead bulkhead;
    struct gw_bulkhead_waiter waiters[] = {WAITER(&granted[0]), WAITER(&granted[1]),
                                           WAITER(&granted[2])};
    gw_bulkhead_init(&bulkhead);
    gw_bulkhead_configure(&bulkhead, 1, 3);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    for (int i = 0; i < 3; i++)
        assert_true(gw_bulkhead_try_wait(&bulkhead, &waiters[i]));
    assert_false(gw_bulkhead_stop_waiting(&bulkhead, &waiters[1]));
    gw_bulkhead_leave(&bulkhead);
    assert_int_equal(granted[0], 1);
    assert_false(gw_bulkhead_try_enter(&bulkhead)); /* nobody gets past him */
    assert_true(gw_bulkhead_stop_waiting(&bulkhead, &waiters[0]));
    gw_bulkhead_leave(&bulkhead);
    assert_int_equal(granted[1], 0);
    assert_int_equal(granted[2], 1);
    assert_true(gw_bulkhead_stop_waiting(&bulkhead, &waiters[2]));
    gw_bulkhead_leave(&bulkhead);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
}

static void a_place_that_is_free_by_now_is_had_at_once(void **state) {
    (void)state;
    int granted = 0;
    struct gw_bulkhead bulkhead;
    struct gw_bulkhead_waiter late = WAITER(&granted);
    gw_bulkhead_init(&bulkhead);
    gw_bulkhead_configure(&bulkhead, 1, 1);
    assert_true(gw_bulkhead_try_wait(&bulkhead, &late));
    assert_int_equal(granted, 1);
    assert_true(gw_bulkhead_stop_waiting(&bulkhead, &late));
}

static void a_higher_limit_lets_those_in_who_wait(void **state) {
    (void)state;
    int granted = 0;
    struct gw_bulkhead bulkhead;
    struct gw_bulkhead_waiter a = WAITER(&granted), b = a;
    gw_bulkhead_init(&bulkhead);
    gw_bulkhead_configure(&bulkhead, 1, 2);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    gw_bulkhead_try_wait(&bulkhead, &a);
    gw_bulkhead_try_wait(&bulkhead, &b);
    gw_bulkhead_configure(&bulkhead, 2, 2);
    assert_int_equal(granted, 1);
    gw_bulkhead_configure(&bulkhead, 0, 2);
    assert_int_equal(granted, 2);
}

static void a_new_limit_counts_those_inside(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead;
    gw_bulkhead_init(&bulkhead);
    for (int i = 0; i < 5; i++)
        assert_true(gw_bulkhead_try_enter(&bulkhead));
    gw_bulkhead_configure(&bulkhead, 3, 0);
    assert_false(gw_bulkhead_try_enter(&bulkhead));
    for (int i = 0; i < 3; i++)
        gw_bulkhead_leave(&bulkhead);
    assert_true(gw_bulkhead_try_enter(&bulkhead));
    assert_false(gw_bulkhead_try_enter(&bulkhead));
}

/* --- Several threads --- */

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2, CHAIRS = 2 };

struct crowd {
    struct gw_bulkhead bulkhead;
    atomic_uint inside, most_inside, n_waited;
};

static void go_inside(struct crowd *crowd) {
    unsigned n = atomic_fetch_add(&crowd->inside, 1) + 1, known = atomic_load(&crowd->most_inside);
    while (n > known && !atomic_compare_exchange_weak(&crowd->most_inside, &known, n))
        ;
    atomic_fetch_sub(&crowd->inside, 1);
    gw_bulkhead_leave(&crowd->bulkhead);
}

static void tell_nobody(void *user) {
    (void)user;
}

/* Some give up before they have a place, and some just as they are given it. */
static void wait_for_place(struct crowd *crowd, int patience) {
    struct gw_bulkhead_waiter waiter = {.granted = tell_nobody};
    if (!gw_bulkhead_try_wait(&crowd->bulkhead, &waiter))
        return;
    while (patience-- > 0 && !atomic_load(&waiter.has_place))
        ;
    atomic_fetch_add(&crowd->n_waited, 1);
    if (gw_bulkhead_stop_waiting(&crowd->bulkhead, &waiter))
        go_inside(crowd);
}

static void *visit(void *user) {
    struct crowd *crowd = user;
    for (int i = 0; i < ROUNDS; i++) {
        if (gw_bulkhead_try_enter(&crowd->bulkhead))
            go_inside(crowd);
        else
            wait_for_place(crowd, i % 50);
    }
    return NULL;
}

static void is_shared_by_threads(void **state) {
    (void)state;
    struct crowd crowd = {0};
    gw_bulkhead_init(&crowd.bulkhead);
    gw_bulkhead_configure(&crowd.bulkhead, PLACES, CHAIRS);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(crowd.most_inside, 1, PLACES);
    assert_int_equal(crowd.bulkhead.running, 0);
    assert_int_equal(crowd.bulkhead.waiting, 0);
    assert_true(TAILQ_EMPTY(&crowd.bulkhead.line));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_so_many),
        cmocka_unit_test(without_a_limit_takes_all),
        cmocka_unit_test(lets_so_many_wait),
        cmocka_unit_test(a_place_goes_to_who_waits_longest),
        cmocka_unit_test(a_place_that_is_free_by_now_is_had_at_once),
        cmocka_unit_test(a_higher_limit_lets_those_in_who_wait),
        cmocka_unit_test(a_new_limit_counts_those_inside),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
