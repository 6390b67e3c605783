#include "base/ticker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static _Thread_local volatile int n_ticks;
static _Thread_local volatile int64_t spent_us;

static void on_tick(int64_t us) {
    n_ticks = n_ticks + 1;
    spent_us = spent_us + us;
}

static int64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void work(int64_t us) {
    for (int64_t until = cpu_us() + us; cpu_us() < until;)
        ;
}

static void ticks_while_the_thread_works(void **state) {
    (void)state;
    gw_ticker_start(on_tick);
    gw_ticker_start(on_tick); /* has them already */
    n_ticks = 0;
    spent_us = 0;
    work(200000);
    assert_in_range(n_ticks, 5, 50);
    assert_in_range(spent_us, 150000, 250000);
}

static void sleeps_with_the_thread(void **state) {
    (void)state;
    struct timespec pause = {0, 100000000};
    gw_ticker_start(on_tick);
    n_ticks = 0;
    while (nanosleep(&pause, &pause) != 0)
        ;
    assert_in_range(n_ticks, 0, 2);
}

static void *work_on_another(void *n) {
    gw_ticker_start(on_tick);
    work(100000);
    *(int *)n = n_ticks;
    return NULL;
}

static void each_thread_has_its_own(void **state) {
    (void)state;
    pthread_t other;
    int n_others = 0;
    gw_ticker_start(on_tick);
    int before = n_ticks;
    assert_int_equal(pthread_create(&other, NULL, work_on_another, &n_others), 0);
    pthread_join(other, NULL);
    assert_in_range(n_others, 3, 50);
    assert_in_range(n_ticks - before, 0, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_while_the_thread_works),
        cmocka_unit_test(sleeps_with_the_thread),
        cmocka_unit_test(each_thread_has_its_own),
    };
    return cmocka_run_group_tests_name("ticker", tests, NULL, NULL);
}
