#include "policy/balancer.h"
#include "random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#define ALL UINT64_MAX

static bool contains(uint64_t set, unsigned host) {
    return set >> host & 1;
}

static void one_host_is_always_it(void **state) {
    (void)state;
    struct gw_balancer *balancer = gw_balancer_new(1);
    uint64_t random = 1;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(gw_balancer_pick(balancer, ALL, 0, next_random(&random)), 0);
        assert_int_equal(gw_balancer_pick(balancer, 0, 1, next_random(&random)), 0);
    }
    gw_balancer_free(balancer);
}

/* Whatever the number of hosts, and whatever of them is healthy or tried. */
static void follows_the_order_of_preference(void **state) {
    (void)state;
    uint64_t random = 2;
    for (unsigned n = 1; n <= GW_BALANCER_MAX_HOSTS; n++) {
        struct gw_balancer *balancer = gw_balancer_new(n);
        uint64_t all = ALL >> (64 - n);
        for (int i = 0; i < 500; i++) {
            uint64_t healthy = next_random(&random) & next_random(&random) & all;
            uint64_t tried = next_random(&random) & (i % 3 ? ALL : healthy);
            uint64_t well = healthy ? healthy : all;
            uint64_t expected = well & ~tried ? well & ~tried : well;
            unsigned host = gw_balancer_pick(balancer, healthy, tried, next_random(&random));
            assert_in_range(host, 0, n - 1);
            assert_true(contains(expected, host));
            gw_balancer_begin(balancer, host);
        }
        gw_balancer_free(balancer);
    }
}

static void of_two_the_less_busy(void **state) {
    (void)state;
    struct gw_balancer *balancer = gw_balancer_new(2);
    uint64_t random = 3;
    gw_balancer_begin(balancer, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(gw_balancer_pick(balancer, ALL, 0, next_random(&random)), 1);
    gw_balancer_end(balancer, 0);
    gw_balancer_begin(balancer, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(gw_balancer_pick(balancer, ALL, 0, next_random(&random)), 0);
    gw_balancer_free(balancer);
}

/* The busiest one is never picked, as it never meets one that is busier. */
static void never_the_busiest_of_many(void **state) {
    (void)state;
    struct gw_balancer *balancer = gw_balancer_new(10);
    uint64_t random = 4;
    gw_balancer_begin(balancer, 7);
    for (int i = 0; i < 10000; i++)
        assert_int_not_equal(gw_balancer_pick(balancer, ALL, 0, next_random(&random)), 7);
    gw_balancer_free(balancer);
}

enum { PICKS = 100000 };

static void idle_hosts_are_equally_likely(void **state) {
    (void)state;
    enum { HOSTS = 7 };
    struct gw_balancer *balancer = gw_balancer_new(HOSTS);
    unsigned picks[HOSTS] = {0};
    uint64_t random = 5;
    for (int i = 0; i < PICKS; i++)
        picks[gw_balancer_pick(balancer, ALL, 0, next_random(&random))]++;
    for (int i = 0; i < HOSTS; i++)
        assert_in_range(picks[i], PICKS / HOSTS * 95 / 100, PICKS / HOSTS * 105 / 100);
    gw_balancer_free(balancer);
}

/* A thousand requests at once on ten hosts: two choices keep them within a few of each other, where
 * one choice would be off by about thirty (three times the root of a hundred). */
static void spreads_evenly(void **state) {
    (void)state;
    enum { HOSTS = 10, REQUESTS = 1000 };
    struct gw_balancer *balancer = gw_balancer_new(HOSTS);
    unsigned load[HOSTS] = {0};
    uint64_t random = 6;
    for (int i = 0; i < REQUESTS; i++) {
        unsigned host = gw_balancer_pick(balancer, ALL, 0, next_random(&random));
        gw_balancer_begin(balancer, host);
        load[host]++;
    }
    for (int i = 0; i < HOSTS; i++)
        assert_in_range(load[i], REQUESTS / HOSTS - 5, REQUESTS / HOSTS + 5);
    gw_balancer_free(balancer);
}

/* --- Several threads --- */

enum { THREADS = 4, ROUNDS = 20000 };

static void *visit(void *user) {
    struct gw_balancer *balancer = user;
    uint64_t random = (uintptr_t)&random;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned host = gw_balancer_pick(balancer, ALL, 0, next_random(&random));
        gw_balancer_begin(balancer, host);
        gw_balancer_end(balancer, host);
    }
    return NULL;
}

/* No count is lost: host 0 with one request is the busier of the two again. */
static void is_shared_by_threads(void **state) {
    (void)state;
    struct gw_balancer *balancer = gw_balancer_new(2);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, balancer), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned busy = 0; busy < 2; busy++) {
        gw_balancer_begin(balancer, busy);
        for (uint64_t random = 0; random < 100; random++)
            assert_int_equal(gw_balancer_pick(balancer, ALL, 0, random), !busy);
        gw_balancer_end(balancer, busy);
    }
    gw_balancer_free(balancer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_is_always_it),
        cmocka_unit_test(follows_the_order_of_preference),
        cmocka_unit_test(of_two_the_less_busy),
        cmocka_unit_test(never_the_busiest_of_many),
        cmocka_unit_test(idle_hosts_are_equally_likely),
        cmocka_unit_test(spreads_evenly),
        cmocka_unit_test(is_shared_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
