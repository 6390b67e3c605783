/* Good messages and what is made of them, limits, and responses. What must be refused is in
 * test_smuggling.c. */
#include "parser_fixture.h"

static void tells_requests(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN(""), "idle\n"},
        {IN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("get /lower HTTP/1.1\r\nHost: a\r\n\r\n"),
         "get /lower 1.1 path=/lower query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("GET /a%2Fb/c?x=1&y=[2]|? HTTP/1.1\r\nHost: a:8000\r\n\r\n"),
         "GET /a%2Fb/c?x=1&y=[2]|? 1.1 path=/a%2Fb/c query=x=1&y=[2]|? host=a:8000 keep\n"
         "host: a:8000\nend\nidle\n"},
        {IN("GET //a? HTTP/1.1\r\nHost: a\r\n\r\n"),
         "GET //a? 1.1 path=//a query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("GET / HTTP/1.1\r\nHoSt:\t a \t \r\nX-Empty:\r\nX-Latin:caf\xe9 a: b\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a keep\nhost: a\nx-empty: \nx-latin: caf\xe9 a: b\nend\n"
         "idle\n"},
        {IN("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("GET / HTTP/1.1\r\nHost: a"), "more\n"},
        {IN("\r"), "more\n"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_target_forms(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("GET http://u.example:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n"),
         "GET http://u.example:81/p?q 1.1 path=/p query=q host=u.example:81 keep\nhost: other\nend\n"
         "idle\n"},
        {IN("GET HTTPS://u HTTP/1.1\r\nHost: u\r\n\r\n"),
         "GET HTTPS://u 1.1 path=/ query= host=u keep\nhost: u\nend\nidle\n"},
        {IN("GET http://[::1]?q=/ HTTP/1.0\r\n\r\n"),
         "GET http://[::1]?q=/ 1.0 path=/ query=q=/ host=[::1] close\nend\nidle\n"},
        {IN("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
         "OPTIONS * 1.1 path=* query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), "error 501"},
        {IN("GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("GET http://user:pw@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
        {IN("GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n"), "error 400"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_versions(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("GET / HTTP/1.0\r\n\r\n"), "GET / 1.0 path=/ query= host= close\nend\nidle\n"},
        {IN("GET / HTTP/1.7\r\nHost: a\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a keep\nhost: a\nend\nidle\n"},
        {IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "error 505"},
        {IN("GET / HTTP/0.9\r\n\r\n"), "error 505"},
        {IN("GET / HTTP/1.10\r\n\r\n"), "error 400"},
        {IN("GET / HTTP/1\r\n\r\n"), "error 400"},
        {IN("GET / http/1.1\r\n\r\n"), "error 400"},
        {IN("GET / HTTPS/1.1\r\n\r\n"), "error 400"},
        {IN("GET /\r\n\r\n"), "error 400"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_persistence(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a close\nhost: a\nconnection: Close\nend\nidle\n"},
        {IN("GET / HTTP/1.0\r\nConnection: x, KEEP-alive\r\n\r\n"),
         "GET / 1.0 path=/ query= host= keep\nconnection: x, KEEP-alive\nend\nidle\n"},
        {IN("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: ,close\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a close\nhost: a\nconnection: keep-alive\n"
         "connection: ,close\nend\nidle\n"},
        {IN("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, xclose\r\n\r\n"),
         "GET / 1.1 path=/ query= host=a keep\nhost: a\nconnection: closed, xclose\nend\nidle\n"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_bodies(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
         "POST / 1.1 path=/ query= host=a keep length=5\nhost: a\ncontent-length: 5\n"
         "body: hello\nend\nidle\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
         "POST / 1.1 path=/ query= host=a keep length=0\nhost: a\ncontent-length: 0\nend\nidle\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello"),
         "POST / 1.1 path=/ query= host=a keep length=9\nhost: a\ncontent-length: 9\n"
         "body: hello\nmore\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
            "5\r\nhello\r\n00B;x=\"y\"\r\n, my world\n\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n"),
         "POST / 1.1 path=/ query= host=a keep chunked\nhost: a\ntransfer-encoding: Chunked\n"
         "body: hello, my world\n\nend\nidle\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         "POST / 1.1 path=/ query= host=a keep chunked\nhost: a\ntransfer-encoding: chunked\n"
         "end\nidle\n"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_expectations(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
         "POST / 1.1 path=/ query= host=a keep continue length=1\nhost: a\nexpect: 100-Continue\n"
         "content-length: 1\nmore\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
         "POST / 1.1 path=/ query= host=a keep\nhost: a\nexpect: 100-continue\nend\nidle\n"},
        {IN("POST / HTTP/1.0\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\nx"),
         "POST / 1.0 path=/ query= host= close length=1\nexpect: 200-ok\ncontent-length: 1\n"
         "body: x\nend\nidle\n"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"), "error 417"},
        {IN("POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n"), "error 417"},
    };
    CHECK_REQUESTS(cases);
}

static void tells_pipelined_requests(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
            "GET /2 HTTP/1.0\r\n\r\n\r\n"
            "GET /3 HTTP/1.1\r\nHost: b\r\n\r\nGET"),
         "POST /1 1.1 path=/1 query= host=a keep length=2\nhost: a\ncontent-length: 2\nbody: hi\n"
         "end\nGET /2 1.0 path=/2 query= host= close\nend\n"
         "GET /3 1.1 path=/3 query= host=b keep\nhost: b\nend\nmore\n"},
        {IN("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n GET /2"),
         "GET /1 1.1 path=/1 query= host=a keep\nhost: a\nend\nerror 400"},
    };
    CHECK_REQUESTS(cases);
}

/* --- Stopping between messages --- */

static void leaves_the_next_request_alone(void **state) {
    (void)state;
    struct gw_parser parser;
    struct gw_str in = GW_STR("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2"), body;
    gw_parser_init(&parser, GW_PARSER_REQUEST, &transcript_limits);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_HEAD);
    assert_false(gw_parser_is_idle(&parser));
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_END);
    assert_true(gw_parser_is_idle(&parser));
    assert_true(gw_str_equal(in, GW_STR("GET /2")));
    assert_true(gw_str_equal(gw_message_path(&parser.message), GW_STR("/1")));
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_MORE);
    assert_false(gw_parser_is_idle(&parser));
    gw_parser_fini(&parser);
}

static void stays_failed(void **state) {
    (void)state;
    struct gw_parser parser;
    struct gw_str in = GW_STR("\x16\x03\x01"), good = GW_STR("GET / HTTP/1.0\r\n\r\n"), body;
    gw_parser_init(&parser, GW_PARSER_REQUEST, &transcript_limits);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_ERROR);
    assert_int_equal(gw_parser_next(&parser, &good, &body), GW_PARSER_ERROR);
    assert_int_equal(parser.error.status, 400);
    assert_int_equal(gw_parser_finish(&parser), GW_PARSER_ERROR);
    gw_parser_fini(&parser);
}

/* --- Limits --- */

static void keeps_limits(void **state) {
    (void)state;
    static const struct gw_parser_limits limits = {.request_line = 20, .head = 24, .fields = 2};
    static const struct parser_case cases[] = {
        {IN("GET /12345 HTTP/1.0\r\n\r\n"), "error 414"},
        {IN("GET /1234 HTTP/1.0\r\n\r\n"),
         "GET /1234 1.0 path=/1234 query= host= close\nend\nidle\n"},
        {IN("GET /1234567890123456"), "error 414"},
        {IN("GET / HTTP/1.0\r\na: 56789\r\nb: 67890123\r\n\r\n"), "error 431"},
        {IN("GET / HTTP/1.0\r\na: 56789\r\nb: 6789012\r\n\r\n"),
         "GET / 1.0 path=/ query= host= close\na: 56789\nb: 6789012\nend\nidle\n"},
        {IN("GET / HTTP/1.0\r\na: 56789\r\nb: 678901234567890"), "error 431"},
        {IN("GET / HTTP/1.0\r\na:\r\nb:\r\nc:\r\n\r\n"), "error 431"},
        {IN("\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
         "GET / 1.0 path=/ query= host= close\nend\nidle\n"},
        {IN("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"), "error 400"},
        /* They are counted anew for each message. */
        {IN("\r\n\r\n\r\nGET /1 HTTP/1.0\r\na: 56789\r\n\r\n"
            "\r\n\r\n\r\nGET /2 HTTP/1.0\r\nb: 56789\r\nc: 56789\r\n\r\n"),
         "GET /1 1.0 path=/1 query= host= close\na: 56789\nend\n"
         "GET /2 1.0 path=/2 query= host= close\nb: 56789\nc: 56789\nend\nidle\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], GW_PARSER_REQUEST, &limits);
}

static void keeps_the_method_short(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.0\r\n\r\n"),
         "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / 1.0 path=/ query= host= close\nend\nidle\n"},
        {IN("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.0\r\n\r\n"), "error 501"},
    };
    CHECK_REQUESTS(cases);
}

static void takes_a_hundred_fields(void **state) {
    (void)state;
    struct gw_buf in = {0};
    struct transcript t;
    gw_buf_printf(&in, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < 100; i++)
        gw_buf_printf(&in, "X-%d: %0200d\r\n", i, i);
    gw_buf_printf(&in, "\r\n");
    transcript_init(&t, GW_PARSER_REQUEST, &transcript_limits);
    const char *told = transcript_of(&t, gw_buf_str(&in), 0);
    assert_non_null(strstr(told, "\nx-99: 0000"));
    assert_non_null(strstr(told, "end\nidle\n"));
    transcript_fini(&t);
    gw_buf_fini(&in);
}

/* --- Responses --- */

static void tells_responses(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"),
         "200 1.1 keep length=2\ncontent-length: 2\nbody: hi\nend\n"
         "404 1.1 keep length=0\ncontent-length: 0\nend\nidle\n"},
        {IN("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
         "200 1.1 keep chunked\ntransfer-encoding: chunked\nbody: hi\nend\nidle\n"},
        {IN("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n"),
         "100 1.1 keep\nend\n204 1.1 keep length=7\ncontent-length: 7\nend\nidle\n"},
        {IN("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
         "304 1.1 keep length=7\ncontent-length: 7\nend\nidle\n"},
        {IN("HTTP/1.1 200 caf\xe9\r\nHost: ?\r\n\r\nall that comes\n"),
         "200 1.1 close\nhost: ?\nbody: all that comes\n\nmore\n"},
        {IN("HTTP/1.1 099 x\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1 2000\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1 20\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1  200 OK\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1 200 \x01\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1\r\n\r\n"), "error 400"},
        {IN("GET / HTTP/1.1\r\n\r\n"), "error 400"},
        {IN("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
         "error 400"},
    };
    CHECK_RESPONSES(cases);
}

static void ends_a_response_with_the_connection(void **state) {
    (void)state;
    struct gw_parser parser;
    struct gw_str in = GW_STR("HTTP/1.1 200 OK\r\n\r\nx"), body;
    gw_parser_init(&parser, GW_PARSER_RESPONSE, &transcript_limits);
    assert_int_equal(gw_parser_finish(&parser), GW_PARSER_MORE);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_HEAD);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_BODY);
    assert_int_equal(gw_parser_finish(&parser), GW_PARSER_END);
    gw_parser_fini(&parser);
}

static void knows_a_response_cut_off(void **state) {
    (void)state;
    struct gw_parser parser;
    struct gw_str in = GW_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"), body;
    gw_parser_init(&parser, GW_PARSER_RESPONSE, &transcript_limits);
    while (gw_parser_next(&parser, &in, &body) != GW_PARSER_MORE)
        ;
    assert_int_equal(gw_parser_finish(&parser), GW_PARSER_ERROR);
    gw_parser_fini(&parser);
}

static void knows_an_answer_to_head(void **state) {
    (void)state;
    struct gw_parser parser;
    struct gw_str in = GW_STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), body;
    gw_parser_init(&parser, GW_PARSER_RESPONSE, &transcript_limits);
    parser.answers_head = true;
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_HEAD);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_END);
    gw_parser_fini(&parser);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_requests),
        cmocka_unit_test(tells_target_forms),
        cmocka_unit_test(tells_versions),
        cmocka_unit_test(tells_persistence),
        cmocka_unit_test(tells_bodies),
        cmocka_unit_test(tells_expectations),
        cmocka_unit_test(tells_pipelined_requests),
        cmocka_unit_test(leaves_the_next_request_alone),
        cmocka_unit_test(stays_failed),
        cmocka_unit_test(keeps_limits),
        cmocka_unit_test(keeps_the_method_short),
        cmocka_unit_test(takes_a_hundred_fields),
        cmocka_unit_test(tells_responses),
        cmocka_unit_test(ends_a_response_with_the_connection),
        cmocka_unit_test(knows_a_response_cut_off),
        cmocka_unit_test(knows_an_answer_to_head),
    };
    return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
