#include "policy/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define START 1000000

static void add(struct gw_window *window, int64_t now, unsigned n, bool failed, bool slow) {
    while (n--)
        gw_window_add(window, failed, slow, now);
}

static void assert_totals(struct gw_window *window, int64_t now, unsigned calls, unsigned failures,
                          unsigned slow) {
    struct gw_window_counts totals = gw_window_totals(window, now);
    assert_int_equal(totals.calls, calls);
    assert_int_equal(totals.failures, failures);
    assert_int_equal(totals.slow, slow);
}

static void of_no_size_sees_nothing(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){0});
    add(&window, START, 5, true, true);
    assert_totals(&window, START, 0, 0, 0);
    gw_window_fini(&window);
}

static void by_count_forgets_the_oldest(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.calls = 3});
    add(&window, START, 1, true, false);
    add(&window, START, 1, false, true);
    assert_totals(&window, START, 2, 1, 1);
    add(&window, START, 1, true, true);
    assert_totals(&window, START + 86400000, 3, 2, 2); /* the time means nothing */
    add(&window, START, 1, false, false);
    assert_totals(&window, START, 3, 1, 2);
    add(&window, START, 2, false, false);
    assert_totals(&window, START, 3, 0, 0);
    gw_window_fini(&window);
}

static void by_count_is_as_if_the_last_were_counted(void **state) {
    (void)state;
    enum { SIZE = 7, N = 500 };
    struct gw_window window;
    bool failed[N];
    srand(1);
    gw_window_init(&window, (struct gw_window_options){.calls = SIZE});
    for (int i = 0; i < N; i++) {
        unsigned expected = 0;
        failed[i] = rand() % 2;
        gw_window_add(&window, failed[i], false, START);
        for (int j = i < SIZE ? 0 : i - SIZE + 1; j <= i; j++)
            expected += failed[j];
        assert_int_equal(gw_window_totals(&window, START).failures, expected);
    }
    gw_window_fini(&window);
}

static void by_time_forgets_tenth_by_tenth(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.ms = 10000});
    add(&window, START, 2, true, false);
    add(&window, START + 999, 1, true, true);
    add(&window, START + 1000, 4, false, true);
    assert_totals(&window, START + 9999, 7, 3, 5);
    assert_totals(&window, START + 10000, 4, 0, 4);
    assert_totals(&window, START + 10999, 4, 0, 4);
    assert_totals(&window, START + 11000, 0, 0, 0);
    gw_window_fini(&window);
}

static void by_time_a_long_silence_empties_it(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.ms = 10000});
    for (int i = 0; i < 10; i++)
        add(&window, START + i * 1000, 1, true, false);
    assert_totals(&window, START + 9000, 10, 10, 0);
    add(&window, START + 86400000, 1, false, false);
    assert_totals(&window, START + 86400000, 1, 0, 0);
    gw_window_fini(&window);
}

static void by_time_a_clock_that_was_read_earlier_is_of_the_newest_tenth(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.ms = 10000});
    add(&window, START, 1, true, false);
    add(&window, START - 5, 1, true, false);
    assert_totals(&window, START - 5, 2, 2, 0);
    assert_totals(&window, START + 9999, 2, 2, 0);
    gw_window_fini(&window);
}

static void by_time_it_may_be_shorter_than_ten_milliseconds(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.ms = 1});
    add(&window, START, 1, true, false);
    assert_totals(&window, START, 1, 1, 0);
    assert_totals(&window, START + 10, 0, 0, 0);
    gw_window_fini(&window);
}

static void other_options_empty_it(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.calls = 5});
    add(&window, START, 5, true, false);
    gw_window_configure(&window, (struct gw_window_options){.calls = 5});
    assert_totals(&window, START, 5, 5, 0);
    gw_window_configure(&window, (struct gw_window_options){.ms = 5});
    assert_totals(&window, START, 0, 0, 0);
    add(&window, START, 5, true, false);
    assert_totals(&window, START, 5, 5, 0);
    gw_window_clear(&window);
    assert_totals(&window, START, 0, 0, 0);
    gw_window_fini(&window);
}

static void too_large_a_count_is_brought_into_range(void **state) {
    (void)state;
    struct gw_window window;
    gw_window_init(&window, (struct gw_window_options){.calls = UINT32_MAX});
    add(&window, START, GW_WINDOW_MAX_CALLS + 1, true, false);
    assert_totals(&window, START, GW_WINDOW_MAX_CALLS, GW_WINDOW_MAX_CALLS, 0);
    gw_window_fini(&window);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_no_size_sees_nothing),
        cmocka_unit_test(by_count_forgets_the_oldest),
        cmocka_unit_test(by_count_is_as_if_the_last_were_counted),
        cmocka_unit_test(by_time_forgets_tenth_by_tenth),
        cmocka_unit_test(by_time_a_long_silence_empties_it),
        cmocka_unit_test(by_time_a_clock_that_was_read_earlier_is_of_the_newest_tenth),
        cmocka_unit_test(by_time_it_may_be_shorter_than_ten_milliseconds),
        cmocka_unit_test(other_options_empty_it),
        cmocka_unit_test(too_large_a_count_is_brought_into_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
