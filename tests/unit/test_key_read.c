#include "engine/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_key(struct gw_str value, const char *expected) {
    struct gw_buf key = {0};
    bool ok = gw_key_read(value, &key);
    if (ok != (expected != NULL))
        fail_msg("<%.*s> is %sa key", GW_STR_ARG(value), ok ? "" : "not ");
    if (expected) {
        assert_int_equal(key.len, strlen(expected));
        assert_memory_equal(key.data, expected, key.len);
    }
    gw_buf_fini(&key);
}

#define ASSERT_KEY(value, expected) assert_key(GW_STR(value), expected)

static void a_string_in_quotes_is_what_is_in_them(void **state) {
    (void)state;
    ASSERT_KEY("\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    ASSERT_KEY("\"a\"", "a");
    ASSERT_KEY("\"a b, c;~!\"", "a b, c;~!");
    ASSERT_KEY("\"\\\"\\\\\"", "\"\\");
}

static void a_word_is_itself(void **state) {
    (void)state;
    ASSERT_KEY("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324");
    ASSERT_KEY("a;b=c\\d~!", "a;b=c\\d~!");
}

static void anything_else_is_none(void **state) {
    (void)state;
    ASSERT_KEY("", NULL);
    ASSERT_KEY("\"", NULL);
    ASSERT_KEY("\"\"", NULL);
    ASSERT_KEY("\"a", NULL);
    ASSERT_KEY("a\"", NULL);
    ASSERT_KEY("a b", NULL);
    ASSERT_KEY("a,b", NULL);
    ASSERT_KEY("a\tb", NULL);
    ASSERT_KEY("\"a\tb\"", NULL);
    ASSERT_KEY("\"a\" ", NULL);
    ASSERT_KEY("\"a\"b", NULL);
    ASSERT_KEY("\"a\", \"b\"", NULL);
    ASSERT_KEY("\"a\";b=c", NULL); /* parameters: the draft has none */
    ASSERT_KEY("\"a\\b\"", NULL);
    ASSERT_KEY("\"a\\", NULL);
    ASSERT_KEY("\"a\\\"", NULL);
    ASSERT_KEY("\"a\\\0\"", NULL);
    ASSERT_KEY("a\0b", NULL);
    ASSERT_KEY("\"a\0b\"", NULL);
    ASSERT_KEY("\"\xc3\xa4\"", NULL);
    ASSERT_KEY("\xc3\xa4", NULL);
    ASSERT_KEY("\x7f", NULL);
}

static void it_is_at_most_255_long(void **state) {
    char text[GW_KEY_MAX_LEN + 4];
    (void)state;
    memset(text, 'x', sizeof text);
    struct gw_buf key = {0};
    assert_true(gw_key_read((struct gw_str){text, GW_KEY_MAX_LEN}, &key));
    gw_buf_clear(&key);
    assert_false(gw_key_read((struct gw_str){text, GW_KEY_MAX_LEN + 1}, &key));
    gw_buf_clear(&key);
    text[0] = text[GW_KEY_MAX_LEN + 1] = '"';
    assert_true(gw_key_read((struct gw_str){text, GW_KEY_MAX_LEN + 2}, &key));
    assert_int_equal(key.len, GW_KEY_MAX_LEN);
    gw_buf_clear(&key);
    text[GW_KEY_MAX_LEN + 1] = 'x';
    text[GW_KEY_MAX_LEN + 2] = '"';
    assert_false(gw_key_read((struct gw_str){text, GW_KEY_MAX_LEN + 3}, &key));
    gw_buf_fini(&key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_in_quotes_is_what_is_in_them),
        cmocka_unit_test(a_word_is_itself),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(it_is_at_most_255_long),
    };
    return cmocka_run_group_tests_name("key_read", tests, NULL, NULL);
}
