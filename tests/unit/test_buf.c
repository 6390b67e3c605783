#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct gw_buf *buf, struct gw_str expected) {
    struct gw_str s = gw_buf_str(buf);
    if (!gw_str_equal(s, expected))
        fail_msg("expected %.*s, got %.*s", GW_STR_ARG(expected), GW_STR_ARG(s));
}

static void begins_empty(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    assert_non_null(gw_buf_str(&buf).data);
    assert_int_equal(gw_buf_str(&buf).len, 0);
    gw_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.cap, 0);
    gw_buf_fini(&buf);
}

static void appends(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    gw_buf_append(&buf, "a\0b", 3);
    gw_buf_append_str(&buf, GW_STR("c"));
    gw_buf_append_char(&buf, 'd');
    gw_buf_printf(&buf, "%s-%d", "e", 42);
    check(&buf, GW_STR("a\0bcde-42"));
    gw_buf_clear(&buf);
    check(&buf, GW_STR(""));
    gw_buf_fini(&buf);
}

static void grows(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    for (int i = 0; i < 1000; i++)
        gw_buf_printf(&buf, "%05d", i);
    assert_int_equal(buf.len, 5000);
    assert_memory_equal(buf.data + 4995, "00999", 5);
    memset(gw_buf_reserve(&buf, 100000), 'x', 100000);
    assert_int_equal(buf.len, 5000);
    assert_true(buf.cap >= 105000);
    gw_buf_fini(&buf);
    assert_int_equal(buf.cap, 0);
}

static void moves(void **state) {
    (void)state;
    struct gw_buf from = {0}, to = {0};
    gw_buf_append(&from, "abc", 3);
    gw_buf_move(&to, &from);
    check(&to, GW_STR("abc"));
    check(&from, GW_STR(""));
    assert_null(from.data);
    gw_buf_fini(&to);
}

static void check_json(struct gw_str in, const char *expected) {
    struct gw_buf buf = {0};
    gw_buf_append_json(&buf, in);
    check(&buf, gw_str_from(expected));
    gw_buf_fini(&buf);
}

static void each_character_of_ascii_stands_for_itself_or_is_escaped(void **state) {
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        bool is_escaped = c < ' ' || c == 0x7f || c == '"' || c == '\\';
        struct gw_buf buf = {0};
        gw_buf_append_json(&buf, (struct gw_str){(char[]){(char)c}, 1});
        assert_int_equal(buf.len > 3, is_escaped);
        assert_int_equal(buf.data[1], is_escaped ? '\\' : c);
        gw_buf_fini(&buf);
    }
}

static void writes_json_strings(void **state) {
    (void)state;
    check_json(GW_STR(""), "\"\"");
    check_json(GW_STR("a/b caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"a/b caf\xc3\xa9 \xf0\x9f\x98\x80\"");
    check_json(GW_STR("\"\\\n\r\t\0\x1f\x7f"), "\"\\\"\\\\\\n\\r\\t\\u0000\\u001f\\u007f\"");
    check_json(GW_STR("\xc2\x80\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009f\xc2\xa0\"");
}

static void replaces_what_is_not_utf8(void **state) {
    (void)state;
    check_json(GW_STR("a\xff"), "\"a\xef\xbf\xbd\"");
    check_json(GW_STR("\xc3"), "\"\xef\xbf\xbd\"");
    check_json(GW_STR("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json(GW_STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json(GW_STR("\xe2\x82x"), "\"\xef\xbf\xbd\xef\xbf\xbdx\"");
}

static void writes_integers(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    gw_buf_append_int(&buf, 0);
    gw_buf_append_int(&buf, -70);
    gw_buf_append_int(&buf, INT64_MAX);
    gw_buf_append_int(&buf, INT64_MIN);
    check(&buf, GW_STR("0-709223372036854775807-9223372036854775808"));
    gw_buf_fini(&buf);
}

static void owns_texts(void **state) {
    (void)state;
    char given[] = "one";
    struct gw_str first = gw_str_from(given), none = {0}, last = GW_STR("three");
    struct gw_buf buf = {0};
    gw_buf_own(&buf, (struct gw_str *const[]){&first, &none, &last}, 3);
    given[0] = 'x';
    assert_true(gw_str_equal(first, GW_STR("one")));
    assert_int_equal(none.len, 0);
    assert_true(gw_str_equal(last, GW_STR("three")));
    assert_ptr_equal(first.data, buf.data);
    assert_int_equal(buf.len, 8);
    gw_buf_fini(&buf);
}

static void percent_encodes(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    gw_buf_append_percent(&buf, GW_STR("aZ09-._~ /?#%\0\xc3\xa9"));
    check(&buf, GW_STR("aZ09-._~%20%2F%3F%23%25%00%C3%A9"));
    gw_buf_fini(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_empty),
        cmocka_unit_test(appends),
        cmocka_unit_test(grows),
        cmocka_unit_test(moves),
        cmocka_unit_test(each_character_of_ascii_stands_for_itself_or_is_escaped),
        cmocka_unit_test(writes_json_strings),
        cmocka_unit_test(replaces_what_is_not_utf8),
        cmocka_unit_test(writes_integers),
        cmocka_unit_test(owns_texts),
        cmocka_unit_test(percent_encodes),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
