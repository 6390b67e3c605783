#include "policy/path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The segments between bars, "|a||b|", or "bad". */
static void check(const char *raw, const char *expected) {
    struct gw_path path;
    struct gw_buf decoded = {0}, told = {0};
    if (gw_path_parse(&path, gw_str_from(raw), &decoded)) {
        gw_buf_append_char(&told, '|');
        for (unsigned i = 0; i < path.n; i++)
            gw_buf_printf(&told, "%.*s|", GW_STR_ARG(path.segments[i]));
    } else {
        gw_buf_printf(&told, "bad");
    }
    gw_buf_append_char(&told, '\0');
    assert_string_equal(told.data, expected);
    gw_buf_fini(&told);
    gw_buf_fini(&decoded);
}

static void splits_at_slashes(void **state) {
    (void)state;
    check("/", "||");
    check("/a", "|a|");
    check("/a/", "|a||");
    check("/a//b", "|a||b|");
    check("//", "|||");
}

static void wants_a_leading_slash(void **state) {
    (void)state;
    check("", "bad");
    check("*", "bad");
    check("a/b", "bad");
}

static void decodes_after_splitting(void **state) {
    (void)state;
    check("/a%2Fb/c%2f", "|a/b|c/|");
    check("/%41%7a%20%C3%A9", "|Az \xc3\xa9|");
    check("/%252e", "|%2e|");
    check("/a+b", "|a+b|");
}

static void refuses_broken_escapes(void **state) {
    (void)state;
    check("/%", "bad");
    check("/a%4", "bad");
    check("/%4/1", "bad");
    check("/%4g", "bad");
    check("/%-1", "bad");
    check("/%00", "bad");
    check("/a%00b/c", "bad");
}

static void resolves_dot_segments(void **state) {
    (void)state;
    check("/.", "||");
    check("/a/.", "|a||");
    check("/a/./b", "|a|b|");
    check("/a/b/..", "|a||");
    check("/a/..", "||");
    check("/a/../b", "|b|");
    check("/a/%2e%2E/b/%2e", "|b||");
    check("/a/b/c/./../../g", "|a|g|"); /* RFC 3986, 5.2.4 */
    check("//..", "||");
    check("/.../..a/a..", "|...|..a|a..|");
    check("/..%2f", "|../|");
}

static void refuses_to_climb_out(void **state) {
    (void)state;
    check("/..", "bad");
    check("/../", "bad");
    check("/%2e./a", "bad");
    check("/a/../../a", "bad");
    check("/./..", "bad");
}

static void counts_what_it_does_not_keep(void **state) {
    (void)state;
    struct gw_buf raw = {0}, decoded = {0};
    struct gw_path path;
    for (int i = 0; i < GW_PATH_MAX_SEGMENTS + 5; i++)
        gw_buf_printf(&raw, "/%d", i);
    assert_true(gw_path_parse(&path, gw_buf_str(&raw), &decoded));
    assert_int_equal(path.n, GW_PATH_MAX_SEGMENTS + 5);
    for (int i = 0; i < 6; i++)
        gw_buf_printf(&raw, "/..");
    assert_true(gw_path_parse(&path, gw_buf_str(&raw), &decoded));
    assert_int_equal(path.n, GW_PATH_MAX_SEGMENTS);
    assert_true(gw_str_equal(path.segments[path.n - 1], GW_STR("")));
    assert_true(gw_str_equal(path.segments[path.n - 2], GW_STR("62")));
    gw_buf_fini(&raw);
    gw_buf_fini(&decoded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_slashes),
        cmocka_unit_test(wants_a_leading_slash),
        cmocka_unit_test(decodes_after_splitting),
        cmocka_unit_test(refuses_broken_escapes),
        cmocka_unit_test(resolves_dot_segments),
        cmocka_unit_test(refuses_to_climb_out),
        cmocka_unit_test(counts_what_it_does_not_keep),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
