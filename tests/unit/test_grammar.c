#include "http/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ALPHA "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

/* The class holds these characters of ASCII and no others. */
static void check_class(enum gw_char_class class, const char *members) {
    for (int c = 0; c < 128; c++) {
        bool expected = c != 0 && strchr(members, c);
        if (gw_char_is((char)c, class) != expected)
            fail_msg("class %d, character %d", class, c);
    }
}

static void check_obs_text(enum gw_char_class class, bool expected) {
    for (int c = 128; c < 256; c++)
        assert_int_equal(gw_char_is((char)c, class), expected);
}

static void knows_the_classes(void **state) {
    (void)state;
    /* RFC 9110, 5.6.2 */
    check_class(GW_CHAR_TOKEN, "!#$%&'*+-.^_`|~" DIGIT ALPHA);
    /* RFC 3986: pchar = unreserved / pct-encoded / sub-delims / ":" / "@" */
    check_class(GW_CHAR_PATH, "-._~%!$&'()*+,;=:@/" DIGIT ALPHA);
    check_class(GW_CHAR_QUERY, "-._~%!$&'()*+,;=:@/?[\\]^`{|}" DIGIT ALPHA);
    check_class(GW_CHAR_HOST, "-._~!$&'()*+,;=" DIGIT ALPHA);
    check_class(GW_CHAR_FIELD, "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" DIGIT ALPHA);
}

static void keeps_obs_text_to_values(void **state) {
    (void)state;
    check_obs_text(GW_CHAR_FIELD, true);
    check_obs_text(GW_CHAR_TOKEN, false);
    check_obs_text(GW_CHAR_PATH, false);
    check_obs_text(GW_CHAR_QUERY, false);
    check_obs_text(GW_CHAR_HOST, false);
}

static void knows_tokens(void **state) {
    (void)state;
    assert_true(gw_str_is_token(GW_STR("X-Any_1")));
    assert_false(gw_str_is_token(GW_STR("")));
    assert_false(gw_str_is_token(GW_STR("a b")));
    assert_int_equal(gw_str_span(GW_STR("name: value"), GW_CHAR_TOKEN), 4);
    assert_int_equal(gw_str_span(GW_STR(""), GW_CHAR_TOKEN), 0);
}

static void accepts_authorities(void **state) {
    (void)state;
    static const char *const good[] = {
        "a",
        "a.example.com",
        "A:80",
        "a:",
        "a:65535",
        "127.0.0.1:8000",
        "a_b",
        "a%20b:1",
        "[::1]",
        "[::]:",
        "[::1]:8000",
        "[1:2:3:4:5:6:7:8]",
        "[::ffff:127.0.0.1]",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!gw_authority_is_valid(gw_str_from(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void refuses_authorities(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "a:65536",
        "a:+1",
        "a:1:2",
        "a:b",
        "a b",
        "u@a",
        "a/b",
        "a%2",
        "a%2g",
        "a\\b",
        "::1",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[::1]80",
        "[::1%25eth0]",
        "[1:2]",
        "[::g]",
        "[v1.a]",
        "[a]",
        "x[::1]",
        "[127.0.0.1]",
        "\xc3\xa9",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (gw_authority_is_valid(gw_str_from(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    assert_false(gw_authority_is_valid(GW_STR("[::1\0]")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_classes),   cmocka_unit_test(keeps_obs_text_to_values),
        cmocka_unit_test(knows_tokens),        cmocka_unit_test(accepts_authorities),
        cmocka_unit_test(refuses_authorities),
    };
    return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
