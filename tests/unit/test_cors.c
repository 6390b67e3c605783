#include "http/cors.h"

#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LIST GW_STR("https://a.example,\thttps://b.example:8443 ")

#define VARY   "Vary: Origin\r\n"
#define EXPOSE "Access-Control-Expose-Headers: X-Correlation-ID\r\n"
#define METHODS                                                                      \
    "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" \
    "Access-Control-Max-Age: 600\r\n"
#define ORIGIN    "Origin: https://b.example:8443\r\n"
#define PREFLIGHT ORIGIN "Access-Control-Request-Method: PUT\r\n"

struct request {
    struct gw_parser parser;
    struct gw_buf fields;
};

static const struct gw_message *parse(struct request *request, const char *method,
                                      const char *fields) {
    static const struct gw_parser_limits limits = {1000, 10000, 20};
    struct gw_buf text = {0};
    struct gw_str body;
    gw_buf_printf(&text, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);
    struct gw_str in = gw_buf_str(&text);
    gw_parser_init(&request->parser, GW_PARSER_REQUEST, &limits);
    assert_int_equal(gw_parser_next(&request->parser, &in, &body), GW_PARSER_HEAD);
    gw_buf_fini(&text);
    return &request->parser.message;
}

static void forget(struct request *request) {
    gw_parser_fini(&request->parser);
    gw_buf_fini(&request->fields);
}

static void check_fields(struct request *request, const char *expected) {
    gw_buf_append_char(&request->fields, '\0');
    assert_string_equal(request->fields.data, expected);
    forget(request);
}

static void check_response(struct gw_str allowed, const char *fields, const char *expected) {
    struct request request = {0};
    gw_cors_append(&request.fields, allowed, parse(&request, "GET", fields));
    check_fields(&request, expected);
}

static void check_preflight(struct gw_str allowed, const char *fields, const char *expected) {
    struct request request = {0};
    gw_cors_append_preflight(&request.fields, allowed, parse(&request, "OPTIONS", fields));
    check_fields(&request, expected);
}

static bool is_preflight(const char *method, const char *fields) {
    struct request request = {0};
    bool is = gw_cors_is_preflight(parse(&request, method, fields));
    forget(&request);
    return is;
}

static void says_nothing_if_off(void **state) {
    (void)state;
    check_response(GW_STR(""), ORIGIN, "");
    check_preflight(GW_STR(""), PREFLIGHT, "");
}

static void allows_listed_origins(void **state) {
    (void)state;
    check_response(LIST, ORIGIN,
                   VARY "Access-Control-Allow-Origin: https://b.example:8443\r\n"
                        "Access-Control-Allow-Credentials: true\r\n" EXPOSE);
}

static void varies_also_for_others(void **state) {
    (void)state;
    check_response(LIST, "", VARY);
    check_response(LIST, "Origin: https://c.example\r\n", VARY);
    check_response(LIST, "Origin: https://b.example\r\n", VARY);
    check_response(LIST, "Origin: https://b.example:84\r\n", VARY);
    check_response(LIST, "Origin: null\r\n", VARY);
    check_response(GW_STR("https://a.example,,"), "Origin:\r\n", VARY);
}

static void allows_any_origin_without_credentials(void **state) {
    (void)state;
    const char *open = "Access-Control-Allow-Origin: *\r\n" EXPOSE;
    check_response(GW_STR("*"), ORIGIN, open);
    check_response(GW_STR("https://b.example:8443, *"), ORIGIN, open);
    check_response(GW_STR("*"), "", "");
}

static void knows_a_preflight(void **state) {
    (void)state;
    assert_true(is_preflight("OPTIONS", PREFLIGHT));
    assert_false(is_preflight("GET", PREFLIGHT));
    assert_false(is_preflight("OPTIONS", ORIGIN));
    assert_false(is_preflight("OPTIONS", "Access-Control-Request-Method: PUT\r\n"));
}

static void answers_a_preflight(void **state) {
    (void)state;
    check_preflight(LIST, PREFLIGHT, METHODS);
    check_preflight(GW_STR("*"), PREFLIGHT, METHODS);
    check_preflight(LIST, "Origin: https://c.example\r\n", "");
}

static void echoes_only_names(void **state) {
    (void)state;
    check_preflight(LIST, PREFLIGHT "Access-Control-Request-Headers: x-a, content-type\r\n",
                    METHODS "Access-Control-Allow-Headers: x-a, content-type\r\n");
    check_preflight(LIST, PREFLIGHT "Access-Control-Request-Headers: x a\r\n", METHODS);
    check_preflight(LIST, PREFLIGHT "Access-Control-Request-Headers: x-a,,b\r\n", METHODS);
    check_preflight(LIST, PREFLIGHT "Access-Control-Request-Headers:\r\n", METHODS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_if_off),
        cmocka_unit_test(allows_listed_origins),
        cmocka_unit_test(varies_also_for_others),
        cmocka_unit_test(allows_any_origin_without_credentials),
        cmocka_unit_test(knows_a_preflight),
        cmocka_unit_test(answers_a_preflight),
        cmocka_unit_test(echoes_only_names),
    };
    return cmocka_run_group_tests_name("cors", tests, NULL, NULL);
}
