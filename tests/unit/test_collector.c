#include "http/collector.h"

#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
    struct gw_call_response response;
    struct gw_collector collector;
};

static int begin(void **state) {
    static struct world world;
    gw_collector_begin(&world.collector, &world.response, 10);
    *state = &world;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    gw_buf_fini(&w->response.fields);
    gw_buf_fini(&w->response.body);
    return 0;
}

static void lines(struct world *w, const char *const text[], size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_true(gw_collector_line(&w->collector, gw_str_from(text[i])));
}

#define LINES(w, ...)                            \
    lines(w, (const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void assert_fields(struct world *w, unsigned status, const char *expected) {
    assert_int_equal(w->response.status, status);
    assert_true(gw_str_equal(gw_buf_str(&w->response.fields), gw_str_from(expected)));
}

static void keeps_the_fields_of_a_head(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 404 Not Found\r\n", "A: 1\r\n");
    assert_false(gw_collector_has_head(&w->collector));
    LINES(w, "b:2\n", "\r\n");
    assert_true(gw_collector_has_head(&w->collector));
    assert_fields(w, 404, "A: 1\r\nb:2\r\n");
}

static void reads_a_status_without_a_reason(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 204\r\n", "\r\n");
    assert_fields(w, 204, "");
}

static void an_interim_response_leaves_nothing(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 103 Early Hints\r\n", "Link: x\r\n", "\r\n");
    assert_false(gw_collector_has_head(&w->collector));
    LINES(w, "HTTP/1.1 200 OK\r\n", "A: 1\r\n", "\r\n");
    assert_fields(w, 200, "A: 1\r\n");
}

static void trailers_are_left_out(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 200 OK\r\n", "\r\n", "Trailer: 1\r\n", "HTTP/1.1 500 x\r\n", "\r\n");
    assert_fields(w, 200, "");
}

static void a_folded_field_is_one_line(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 200 OK\r\n", "A: 1\r\n", "\t 2 \r\n", " 3\r\n", "B: 4\r\n", "\r\n");
    assert_fields(w, 200, "A: 1 2 3\r\nB: 4\r\n");
}

static void takes_a_head_whole(void **state) {
    struct world *w = *state;
    static const struct gw_parser_limits limits = {.request_line = 99, .head = 99, .fields = 9};
    struct gw_parser parser;
    struct gw_str piece, in = GW_STR("HTTP/1.1 103 -\r\nLink: x\r\n\r\n"
                                     "HTTP/1.1 204 -\r\nA:1\r\nb:  2 \r\n\r\n");
    gw_parser_init(&parser, GW_PARSER_RESPONSE, &limits);
    assert_int_equal(gw_parser_next(&parser, &in, &piece), GW_PARSER_HEAD);
    gw_collector_head(&w->collector, &parser.message);
    assert_fields(w, 103, "link: x\r\n");
    assert_int_equal(gw_parser_next(&parser, &in, &piece), GW_PARSER_END);
    assert_int_equal(gw_parser_next(&parser, &in, &piece), GW_PARSER_HEAD);
    gw_collector_head(&w->collector, &parser.message);
    assert_fields(w, 204, "a: 1\r\nb: 2\r\n");
    gw_parser_fini(&parser);
}

static void a_body_is_limited(void **state) {
    struct world *w = *state;
    assert_true(gw_collector_body(&w->collector, GW_STR("01234")));
    assert_true(gw_collector_body(&w->collector, GW_STR("56789")));
    assert_false(w->collector.too_large);
    assert_false(gw_collector_body(&w->collector, GW_STR("x")));
    assert_true(w->collector.too_large);
    assert_true(gw_str_equal(gw_buf_str(&w->response.body), GW_STR("0123456789")));
}

static void a_head_is_limited(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 200 OK\r\n");
    int n = 0;
    while (gw_collector_line(&w->collector, GW_STR("a-name: and-a-value\r\n")) && n < 100000)
        n++;
    assert_in_range(n, 10000, 20000);
    assert_true(w->collector.too_large);
}

static void begins_anew(void **state) {
    struct world *w = *state;
    LINES(w, "HTTP/1.1 200 OK\r\n", "A: 1\r\n");
    gw_collector_body(&w->collector, GW_STR("body"));
    gw_collector_begin(&w->collector, &w->response, 10);
    assert_fields(w, 0, "");
    LINES(w, "HTTP/1.1 201 Created\r\n", "\r\n");
    assert_fields(w, 201, "");
    assert_int_equal(w->response.body.len, 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_fields_of_a_head),
        TEST(reads_a_status_without_a_reason),
        TEST(an_interim_response_leaves_nothing),
        TEST(trailers_are_left_out),
        TEST(a_folded_field_is_one_line),
        TEST(takes_a_head_whole),
        TEST(a_body_is_limited),
        TEST(a_head_is_limited),
        TEST(begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
