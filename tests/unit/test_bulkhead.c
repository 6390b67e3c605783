#include "policy/bulkhead.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes_so_many(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead = {0};
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
    struct gw_bulkhead bulkhead = {0};
    for (int i = 0; i < 10000; i++)
        assert_true(gw_bulkhead_try_enter(&bulkhead));
}

static void lets_so_many_wait(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead = {0};
    assert_false(gw_bulkhead_try_wait(&bulkhead));
    gw_bulkhead_configure(&bulkhead, 1, 2);
    assert_true(gw_bulkhead_try_wait(&bulkhead));
    assert_true(gw_bulkhead_try_wait(&bulkhead));
    assert_false(gw_bulkhead_try_wait(&bulkhead));
    gw_bulkhead_stop_waiting(&bulkhead);
    assert_true(gw_bulkhead_try_wait(&bulkhead));
    assert_true(gw_bulkhead_try_enter(&bulkhead)); /* those who wait take no place */
}

static void a_new_limit_counts_those_inside(void **state) {
    (void)state;
    struct gw_bulkhead bulkhead = {0};
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

enum { THREADS = 4, ROUNDS = 20000, PLACES = 2, CHAIRS = 1 };

struct crowd {
    struct gw_bulkhead bulkhead;
    atomic_uint inside, sitting, most_inside, most_sitting;
};

static void note_most(atomic_uint *most, unsigned n) {
    unsigned known = atomic_load(most);
    while (n > known && !atomic_compare_exchange_weak(most, &known, n))
        ;
}

static void *visit(void *user) {
    struct crowd *crowd = user;
    for (int i = 0; i < ROUNDS; i++) {
        if (gw_bulkhead_try_enter(&crowd->bulkhead)) {
            note_most(&crowd->most_inside, atomic_fetch_add(&crowd->inside, 1) + 1);
            atomic_fetch_sub(&crowd->inside, 1);
            gw_bulkhead_leave(&crowd->bulkhead);
        } else if (gw_bulkhead_try_wait(&crowd->bulkhead)) {
            note_most(&crowd->most_sitting, atomic_fetch_add(&crowd->sitting, 1) + 1);
            atomic_fetch_sub(&crowd->sitting, 1);
            gw_bulkhead_stop_waiting(&crowd->bulkhead);
        }
    }
    return NULL;
}

static void is_shared_by_threads(void **state) {
    (void)state;
    struct crowd crowd = {0};
    gw_bulkhead_configure(&crowd.bulkhead, PLACES, CHAIRS);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(crowd.most_inside, 1, PLACES);
    assert_in_range(crowd.most_sitting, 0, CHAIRS);
    assert_int_equal(crowd.bulkhead.running, 0);
    assert_int_equal(crowd.bulkhead.waiting, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_so_many),        cmocka_unit_test(without_a_limit_takes_all),
        cmocka_unit_test(lets_so_many_wait),    cmocka_unit_test(a_new_limit_counts_those_inside),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
