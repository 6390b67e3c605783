#include "base/log_fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME  "\"time\":\"2026-01-31T12:00:00.000Z\""
#define START INT64_C(1769860800) /* 2026-01-31T12:00:00Z */

static struct gw_log_fold fold;
static char told[20000];

/* `at` is in seconds. */
static bool holds(enum gw_log_level level, const char *same, const char *line, int64_t at) {
    struct gw_log_record record = {.time_us = (START + at) * 1000000,
                                   .level = level,
                                   .same = gw_str_from(same),
                                   .line = gw_str_from(line)};
    return gw_log_fold_holds(&fold, &record, at * 1000);
}

/* The lines that are due then. */
static const char *due(int64_t at) {
    struct gw_buf out = {0};
    while (gw_log_fold_next(&fold, at * 1000, (START + at) * 1000000, &out))
        gw_buf_append_char(&out, '\n');
    assert_true(out.len < sizeof told);
    if (out.len)
        memcpy(told, out.data, out.len);
    told[out.len] = '\0';
    gw_buf_fini(&out);
    return told;
}

static int init(void **state) {
    (void)state;
    fold.every_ms = 60000;
    return 0;
}

static int fini(void **state) {
    (void)state;
    gw_log_fold_fini(&fold);
    return 0;
}

static void the_first_is_written_and_the_others_counted(void **state) {
    (void)state;
    assert_false(holds(GW_LOG_ERROR, "boom", "{" TIME ",\"id\":0}", 0));
    for (int i = 1; i <= 3; i++) {
        char line[100];
        snprintf(line, sizeof line, "{" TIME ",\"id\":%d}", i);
        assert_true(holds(GW_LOG_ERROR, "boom", line, i * 10));
    }
    assert_string_equal(due(59), "");
    assert_int_equal(gw_log_fold_due_ms(&fold), 60000);
    assert_string_equal(due(60), "{\"time\":\"2026-01-31T12:01:00.000Z\",\"id\":3,\"repeated\":3,"
                                 "\"first_at\":\"2026-01-31T12:00:10.000Z\","
                                 "\"last_at\":\"2026-01-31T12:00:30.000Z\"}\n");
    assert_string_equal(due(60), "");
}

static void each_minute_has_its_count(void **state) {
    (void)state;
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 1));
    assert_non_null(strstr(due(60), "\"repeated\":1,"));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 119));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 119));
    assert_string_equal(due(119), "");
    assert_non_null(strstr(due(120), "\"repeated\":2,\"first_at\":\"2026-01-31T12:01:59.000Z\""));
}

static void after_a_quiet_minute_it_is_a_first_again(void **state) {
    (void)state;
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 60));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 61));
    assert_non_null(strstr(due(120), "repeated"));
    assert_string_equal(due(180), "");
    assert_int_equal(gw_log_fold_due_ms(&fold), INT64_MAX);
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 181));
}

static void what_differs_is_not_folded(void **state) {
    (void)state;
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_ERROR, "a", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "b", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "aa", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "", "{" TIME "}", 0));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
}

static void a_very_long_line_is_not_folded(void **state) {
    (void)state;
    static char line[10000];
    memset(line, 'x', sizeof line - 1);
    assert_false(holds(GW_LOG_WARN, "a", line, 0));
    assert_false(holds(GW_LOG_WARN, "a", line, 0));
    assert_false(holds(GW_LOG_WARN, line, "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, line, "{" TIME "}", 0));
}

static void the_kinds_are_bounded(void **state) {
    (void)state;
    char same[20];
    for (int i = 0; i < GW_LOG_FOLD_KINDS + 100; i++) {
        snprintf(same, sizeof same, "%d", i);
        assert_false(holds(GW_LOG_WARN, same, "{" TIME "}", 0));
    }
    assert_true(holds(GW_LOG_WARN, "0", "{" TIME "}", 1));
    snprintf(same, sizeof same, "%d", GW_LOG_FOLD_KINDS);
    assert_false(holds(GW_LOG_WARN, same, "{" TIME "}", 1));
    assert_false(holds(GW_LOG_WARN, same, "{" TIME "}", 1));
    assert_false(holds(GW_LOG_WARN, same, "{" TIME "}", 60)); /* the others are forgotten */
    assert_true(holds(GW_LOG_WARN, same, "{" TIME "}", 61));
}

static void at_the_end_all_is_told(void **state) {
    (void)state;
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_true(holds(GW_LOG_WARN, "a", "{" TIME "}", 1));
    struct gw_buf out = {0};
    assert_true(gw_log_fold_next(&fold, INT64_MAX, START * 1000000, &out));
    assert_false(gw_log_fold_next(&fold, INT64_MAX, START * 1000000, &out));
    assert_int_equal(fold.n, 0);
    gw_buf_fini(&out);
}

static void it_may_be_off(void **state) {
    (void)state;
    fold.every_ms = 0;
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_false(holds(GW_LOG_WARN, "a", "{" TIME "}", 0));
    assert_int_equal(fold.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_is_written_and_the_others_counted, init, fini),
        cmocka_unit_test_setup_teardown(each_minute_has_its_count, init, fini),
        cmocka_unit_test_setup_teardown(after_a_quiet_minute_it_is_a_first_again, init, fini),
        cmocka_unit_test_setup_teardown(what_differs_is_not_folded, init, fini),
        cmocka_unit_test_setup_teardown(a_very_long_line_is_not_folded, init, fini),
        cmocka_unit_test_setup_teardown(the_kinds_are_bounded, init, fini),
        cmocka_unit_test_setup_teardown(it_may_be_off, init, fini),
        cmocka_unit_test_setup_teardown(at_the_end_all_is_told, init, fini),
    };
    return cmocka_run_group_tests_name("log_fold", tests, NULL, NULL);
}
