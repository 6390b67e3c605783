#include "admin/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gw_body body;

static int forget(void **state) {
    (void)state;
    gw_body_fini(&body);
    body = (struct gw_body){0};
    return 0;
}

static bool reads(const char *text, const char *known) {
    forget(NULL);
    return gw_body_read(&body, gw_str_from(text), known);
}

static void assert_complaint(const char *expected) {
    assert_int_equal(body.complaint.len, strlen(expected));
    assert_memory_equal(body.complaint.data, expected, strlen(expected));
}

static void an_object_is_read(void **state) {
    (void)state;
    struct gw_buf reason = {0};
    uint64_t number = 7;
    assert_true(reads(" { \"reason\" :\t\"a \\\"b\\\" \\u00e4\" ,\r\n\"n\": 42 } ", "n reason"));
    assert_true(gw_body_text(&body, "reason", 100, &reason));
    assert_int_equal(reason.len, 8);
    assert_memory_equal(reason.data, "a \"b\" \xc3\xa4", 8);
    assert_true(gw_body_number(&body, "n", 1, 42, &number));
    assert_int_equal(number, 42);
    gw_buf_fini(&reason);
}

static void nothing_is_an_empty_object(void **state) {
    (void)state;
    uint64_t number = 7;
    assert_true(reads("", "n"));
    assert_true(gw_body_number(&body, "n", 1, 42, &number));
    assert_true(reads("{}", ""));
    assert_int_equal(number, 7);
}

static void what_is_no_object_is_told(void **state) {
    (void)state;
    static const char *const bad[] = {"[]",   "1",          "x",         "{",           "{\"n\"}",
                                      "{} x", "{\"n\":1,}", "{\"n\" 1}", "{\"n\":01}",  "{n:1}",
                                      " ",    "{\"n\":",    "{\"n\":1]", "{\"\\x\":1}", "{,}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(reads(bad[i], "n"));
        assert_false(body.is_object);
    }
    assert_complaint("the body is not a JSON object: byte 1: expected a string as key");
}

static void members_are_known_and_there_once(void **state) {
    (void)state;
    assert_false(reads("{\"n\":1,\"m\":[{}],\"k\":2}", "n"));
    assert_true(body.is_object);
    assert_complaint("m: there is no such member");
    assert_false(reads("{\"n\":1,\"n\":2}", "n"));
    assert_complaint("n: is there twice");
    assert_false(reads("{\"m\":1,", "n")); /* it is no object in the first place */
    assert_false(body.is_object);
}

static void numbers_have_a_range(void **state) {
    (void)state;
    static const char *const bad[] = {"0",     "43",   "-1",   "1.0", "1e1",
                                      "\"1\"", "null", "true", "[1]"};
    uint64_t number = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[32] = "{\"n\":";
        strcat(strcat(text, bad[i]), "}");
        assert_true(reads(text, "n"));
        assert_false(gw_body_number(&body, "n", 1, 42, &number));
        assert_complaint("n: must be a number from 1 to 42");
    }
    assert_int_equal(number, 7);
}

static void a_text_is_there_and_not_too_long(void **state) {
    (void)state;
    struct gw_buf text = {0};
    reads("{}", "t");
    assert_false(gw_body_text(&body, "t", 3, &text));
    assert_complaint("t: is missing");
    static const char *const bad[] = {"{\"t\":1}", "{\"t\":\"\"}", "{\"t\":null}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reads(bad[i], "t");
        assert_false(gw_body_text(&body, "t", 3, &text));
        assert_complaint("t: must be a text");
    }
    reads("{\"t\":\"1234\"}", "t");
    assert_false(gw_body_text(&body, "t", 3, &text));
    assert_complaint("t: is too long");
    assert_int_equal(text.len, 0);
    gw_buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_object_is_read, forget),
        cmocka_unit_test_teardown(nothing_is_an_empty_object, forget),
        cmocka_unit_test_teardown(what_is_no_object_is_told, forget),
        cmocka_unit_test_teardown(members_are_known_and_there_once, forget),
        cmocka_unit_test_teardown(numbers_have_a_range, forget),
        cmocka_unit_test_teardown(a_text_is_there_and_not_too_long, forget),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
