#include "admin/excerpt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The member for a fault at `line` of a file with this text, without what stands around it. */
static void assert_excerpt(const char *text, const char *file, unsigned line,
                           const char *expected) {
    struct gw_sources *sources = gw_sources_new();
    struct gw_fault fault = {.file = gw_str_from(file), .line = line};
    struct gw_buf out = {0};
    gw_buf_append_str(&gw_sources_add(sources, GW_STR("routes/a.lua"))->text, gw_str_from(text));
    gw_sources_seal(sources);
    gw_excerpt_append(&out, sources, &fault);
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    gw_buf_fini(&out);
    gw_sources_free(sources);
}

static void has_the_lines_around(void **state) {
    (void)state;
    assert_excerpt("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "routes/a.lua", 6,
                   "\"excerpt\":{\"first_line\":2,\"lines\":[\"2\",\"3\",\"4\",\"5\",\"6\",\"7\","
                   "\"8\"]}");
}

static void ends_with_the_file(void **state) {
    (void)state;
    assert_excerpt("one\ntwo", "routes/a.lua", 1,
                   "\"excerpt\":{\"first_line\":1,\"lines\":[\"one\",\"two\"]}");
    assert_excerpt("one\ntwo\n", "routes/a.lua", 3,
                   "\"excerpt\":{\"first_line\":1,\"lines\":[\"one\",\"two\"]}");
    assert_excerpt("", "routes/a.lua", 1, "\"excerpt\":{\"first_line\":1,\"lines\":[]}");
    assert_excerpt("one\n", "routes/a.lua", 4000000000u,
                   "\"excerpt\":{\"first_line\":3999999996,\"lines\":[]}");
}

static void keeps_tabs_and_empty_lines(void **state) {
    (void)state;
    assert_excerpt("\tx\r\n\r\ny\n", "routes/a.lua", 2,
                   "\"excerpt\":{\"first_line\":1,\"lines\":[\"\\tx\",\"\",\"y\"]}");
}

static void cuts_long_lines(void **state) {
    (void)state;
    char text[1001], expected[400];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    snprintf(expected, sizeof expected, "\"excerpt\":{\"first_line\":1,\"lines\":[\"%.240s\"]}",
             text);
    assert_excerpt(text, "routes/a.lua", 1, expected);
}

static void is_of_the_scripts_only(void **state) {
    (void)state;
    assert_excerpt("one\n", "routes/b.lua", 1, "");
    assert_excerpt("one\n", "/etc/passwd", 1, "");
    assert_excerpt("one\n", "routes/../routes/a.lua", 1, "");
    assert_excerpt("one\n", "", 1, "");
    assert_excerpt("one\n", "routes/a.lua", 0, "");
    struct gw_fault fault = {.file = GW_STR("routes/a.lua"), .line = 1};
    struct gw_buf out = {0};
    gw_excerpt_append(&out, NULL, &fault);
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_lines_around),       cmocka_unit_test(ends_with_the_file),
        cmocka_unit_test(keeps_tabs_and_empty_lines), cmocka_unit_test(cuts_long_lines),
        cmocka_unit_test(is_of_the_scripts_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
