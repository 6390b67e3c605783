#include "http/outgoing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int begin(void **state) {
    static struct gw_outgoing outgoing;
    *state = &outgoing;
    return 0;
}

static int end(void **state) {
    struct gw_outgoing *outgoing = *state;
    gw_outgoing_fini(outgoing);
    *outgoing = (struct gw_outgoing){0};
    return 0;
}

/* To copy and to write are of one opinion about it. */
static bool copies_field(struct gw_outgoing *outgoing, struct gw_str field) {
    struct gw_call_request request = {.method = "GET", .fields = &field, .n_fields = 1};
    bool is_written = gw_outgoing_write(outgoing, &request, GW_STR("h"), "/");
    assert_int_equal(gw_outgoing_copy(outgoing, &request), is_written);
    return is_written;
}

static void copies_fields_and_body(void **state) {
    struct gw_outgoing *outgoing = *state;
    char first[] = "a: 1", body[] = "body";
    struct gw_str fields[] = {{first, 4}, GW_STR("b:\xc3\xa9\t2")};
    struct gw_call_request request = {
        .method = "POST", .fields = fields, .n_fields = 2, .body = {body, 4}, .has_body = true};
    assert_true(gw_outgoing_copy(outgoing, &request));
    memset(first, '#', 4);
    memset(body, '#', 4);
    assert_int_equal(outgoing->n_lines, 2);
    assert_string_equal(outgoing->lines[0], "a: 1");
    assert_string_equal(outgoing->lines[1], "b:\xc3\xa9\t2");
    assert_true(gw_str_equal(outgoing->body, GW_STR("body")));
}

static void is_used_again(void **state) {
    struct gw_outgoing *outgoing = *state;
    static char large[100000];
    memset(large, 'x', sizeof large);
    struct gw_str many[40];
    for (int i = 0; i < 40; i++)
        many[i] = GW_STR("name: value");
    struct gw_call_request request = {
        .method = "PUT", .fields = many, .n_fields = 40, .body = {large, sizeof large}};
    assert_true(gw_outgoing_copy(outgoing, &request));
    assert_int_equal(outgoing->n_lines, 40);
    assert_memory_equal(outgoing->body.data, large, sizeof large);
    gw_outgoing_trim(outgoing);
    assert_int_equal(outgoing->text.cap, 0);
    assert_true(copies_field(outgoing, GW_STR("one: 1")));
    assert_int_equal(outgoing->n_lines, 1);
    assert_int_equal(outgoing->body.len, 0);
}

static void refuses_malformed_fields(void **state) {
    struct gw_outgoing *outgoing = *state;
    static const struct gw_str bad[] = {
        GW_STR(""),        GW_STR("no colon"),    GW_STR(": b"),         GW_STR("a : b"),
        GW_STR("a b: c"),  GW_STR("a: b\r\nc:d"), GW_STR("a: b\nc: d"),  GW_STR("a: b\r"),
        GW_STR("a: b\0c"), GW_STR("a\0: b"),      GW_STR("\xc3\xa9: b"), GW_STR("a: \x7f"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(copies_field(outgoing, bad[i]));
    assert_true(copies_field(outgoing, GW_STR("a:")));
}

static void refuses_fields_that_frame(void **state) {
    struct gw_outgoing *outgoing = *state;
    assert_false(copies_field(outgoing, GW_STR("Content-Length: 3")));
    assert_false(copies_field(outgoing, GW_STR("transfer-ENCODING: chunked")));
    assert_true(copies_field(outgoing, GW_STR("content-lengths: 3")));
}

static void refuses_a_method_that_is_no_token(void **state) {
    static const char *const bad[] = {"", "G T", "GET ", "G\tT", "G\r\nT", "G/T", "G\xc3\xa9T"};
    struct gw_outgoing *outgoing = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gw_call_request request = {.method = bad[i]};
        assert_false(gw_outgoing_copy(outgoing, &request));
    }
    struct gw_call_request request = {.method = "M-SEARCH"};
    assert_true(gw_outgoing_copy(outgoing, &request));
}

static bool writes(struct gw_outgoing *outgoing, const struct gw_call_request *request,
                   const char *expected) {
    assert_true(gw_outgoing_write(outgoing, request, GW_STR("h:1"), "/a?b"));
    return gw_str_equal(gw_buf_str(&outgoing->text), gw_str_from(expected));
}

static void writes_a_request(void **state) {
    struct gw_outgoing *outgoing = *state;
    struct gw_str fields[] = {GW_STR("a: 1"), GW_STR("b:2")};
    struct gw_call_request request = {.method = "GET", .fields = fields, .n_fields = 2};
    assert_true(
        writes(outgoing, &request, "GET /a?b HTTP/1.1\r\nHost: h:1\r\na: 1\r\nb:2\r\n\r\n"));
    request = (struct gw_call_request){.method = "POST", .body = GW_STR("body"), .has_body = true};
    assert_true(writes(outgoing, &request,
                       "POST /a?b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 4\r\n\r\nbody"));
    request = (struct gw_call_request){.method = "PATCH"};
    assert_true(writes(outgoing, &request,
                       "PATCH /a?b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n"));
    request = (struct gw_call_request){.method = "DELETE"};
    assert_true(writes(outgoing, &request, "DELETE /a?b HTTP/1.1\r\nHost: h:1\r\n\r\n"));
}

static void knows_what_may_be_repeated(void **state) {
    struct gw_outgoing *outgoing = *state;
    static const char *const yes[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    static const char *const no[] = {"POST", "PATCH", "get", "PURGE"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        struct gw_call_request request = {.method = yes[i]};
        assert_true(gw_outgoing_write(outgoing, &request, GW_STR("h"), "/"));
        assert_true(outgoing->is_idempotent);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        struct gw_call_request request = {.method = no[i]};
        assert_true(gw_outgoing_write(outgoing, &request, GW_STR("h"), "/"));
        assert_false(outgoing->is_idempotent);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(copies_fields_and_body),
        TEST(is_used_again),
        TEST(refuses_malformed_fields),
        TEST(refuses_fields_that_frame),
        TEST(refuses_a_method_that_is_no_token),
        TEST(writes_a_request),
        TEST(knows_what_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
