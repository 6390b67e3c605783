#include "policy/retry_budget.h"
#include "random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct gw_retry_budget_options OPTIONS = {.ratio = 0.2, .per_second = 3};

#define START 1000000

static int begin(void **state) {
    *state = gw_retry_budget_new(OPTIONS);
    return 0;
}

static int end(void **state) {
    gw_retry_budget_free(*state);
    return 0;
}

static void deposit(struct gw_retry_budget *budget, unsigned n, int64_t now) {
    while (n--)
        gw_retry_budget_deposit(budget, now);
}

/* How many retries there are to be had at this moment. */
static unsigned withdraw_all(struct gw_retry_budget *budget, int64_t now) {
    unsigned n = 0;
    while (n < 100000 && gw_retry_budget_withdraw(budget, now))
        n++;
    return n;
}

static void the_idle_have_the_minimum_of_each_second(void **state) {
    assert_int_equal(withdraw_all(*state, START), 3);
    assert_int_equal(withdraw_all(*state, START + 999), 0);
    assert_int_equal(withdraw_all(*state, START + 1000), 3);
    assert_int_equal(withdraw_all(*state, START + 9000), 3); /* what was not taken is not saved */
}

static void the_busy_have_a_share_of_their_calls(void **state) {
    deposit(*state, 1000, START);
    assert_int_equal(withdraw_all(*state, START), 200);
    deposit(*state, 4, START);
    assert_int_equal(withdraw_all(*state, START), 1); /* 200.8 */
    deposit(*state, 1, START);
    assert_int_equal(withdraw_all(*state, START), 0); /* 201 */
}

static void the_minimum_is_not_on_top_of_the_share(void **state) {
    deposit(*state, 150, START);
    assert_int_equal(withdraw_all(*state, START), 30);
    deposit(*state, 5, START);
    assert_int_equal(withdraw_all(*state, START), 1);
    assert_int_equal(withdraw_all(*state, START + 1000), 3); /* of another second */
}

static void calls_and_retries_are_forgotten_after_ten_seconds(void **state) {
    for (int i = 0; i < 10; i++)
        deposit(*state, 100, START + i * 1000);
    assert_int_equal(withdraw_all(*state, START + 9000), 200);
    assert_int_equal(withdraw_all(*state, START + 18000), 3); /* 100 calls, 200 retries */
    assert_int_equal(withdraw_all(*state, START + 19000), 3);
    deposit(*state, 100, START + 19000);
    assert_int_equal(withdraw_all(*state, START + 19000), 14); /* 20, less the six of before */
}

static void a_clock_that_was_read_earlier_does_no_harm(void **state) {
    deposit(*state, 500, START);
    deposit(*state, 500, START - 1); /* the second before */
    assert_int_equal(withdraw_all(*state, START), 200);
    assert_int_equal(withdraw_all(*state, START - 1), 3);
}

static void new_options_hold_for_what_was_spent(void **state) {
    deposit(*state, 1000, START);
    assert_int_equal(withdraw_all(*state, START), 200);
    gw_retry_budget_configure(*state, (struct gw_retry_budget_options){.ratio = 0.3});
    assert_int_equal(withdraw_all(*state, START), 100);
    gw_retry_budget_configure(*state, (struct gw_retry_budget_options){.ratio = 0});
    assert_int_equal(withdraw_all(*state, START + 10000), 0);
}

/* --- Never too many, whenever they are asked for --- */

enum { MILLISECONDS = 120000 };

struct second {
    unsigned calls, retries;
};

static struct second sum_of_ten(const struct second *seconds, int last) {
    struct second sum = {0};
    for (int i = last < 9 ? 0 : last - 9; i <= last; i++) {
        sum.calls += seconds[i].calls;
        sum.retries += seconds[i].retries;
    }
    return sum;
}

static void is_never_overdrawn(void **state) {
    static struct second seconds[MILLISECONDS / 1000];
    uint64_t random = 1;
    for (int64_t now = 0; now < MILLISECONDS; now++) {
        struct second *second = &seconds[now / 1000];
        unsigned n = (now / 7000) % 3 ? (unsigned)(next_random(&random) % 3) : 0; /* and silence */
        deposit(*state, n, START + now);
        second->calls += n;
        if (!gw_retry_budget_withdraw(*state, START + now))
            continue;
        second->retries++;
        struct second sum = sum_of_ten(seconds, (int)(now / 1000));
        assert_true(second->retries <= 3 || sum.retries < sum.calls * 0.2 + 1);
    }
    assert_true(sum_of_ten(seconds, MILLISECONDS / 1000 - 1).retries > 0);
}

/* --- Several threads --- */

enum { THREADS = 4, ROUNDS = 20000 };

struct crowd {
    struct gw_retry_budget *budget;
    atomic_uint granted;
};

static void *visit(void *user) {
    struct crowd *crowd = user;
    for (int i = 0; i < ROUNDS; i++) {
        gw_retry_budget_deposit(crowd->budget, START);
        atomic_fetch_add(&crowd->granted, gw_retry_budget_withdraw(crowd->budget, START));
    }
    return NULL;
}

static void is_shared_by_threads(void **state) {
    struct crowd crowd = {.budget = *state};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* No deposit is lost: whatever was not granted yet is there now. */
    assert_int_equal(crowd.granted + withdraw_all(*state, START), THREADS * ROUNDS / 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_idle_have_the_minimum_of_each_second, begin, end),
        cmocka_unit_test_setup_teardown(the_busy_have_a_share_of_their_calls, begin, end),
        cmocka_unit_test_setup_teardown(the_minimum_is_not_on_top_of_the_share, begin, end),
        cmocka_unit_test_setup_teardown(calls_and_retries_are_forgotten_after_ten_seconds, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_clock_that_was_read_earlier_does_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(new_options_hold_for_what_was_spent, begin, end),
        cmocka_unit_test_setup_teardown(is_never_overdrawn, begin, end),
        cmocka_unit_test_setup_teardown(is_shared_by_threads, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
