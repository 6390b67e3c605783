#include "client_fixture.h"

static void hangs_up(struct peer_conn *conn, const char *request) {
    (void)request;
    if (conn->peer->answer)
        peer_say(conn, conn->peer->answer);
    peer_hang_up(conn);
}

/* --- Requests --- */

static void sends_what_was_asked(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    struct gw_str fields[] = {GW_STR("x-correlation-id: abc"), GW_STR("Accept: application/json")};
    request.fields = fields;
    request.n_fields = 2;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    char expected[256];
    snprintf(expected, sizeof expected,
             "GET /a/b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nx-correlation-id: abc\r\n"
             "Accept: application/json\r\n\r\n",
             w->peer->port);
    assert_string_equal(w->peer->last, expected);
}

static void keeps_the_path_as_it_is(void **state) {
    struct world *w = *state;
    struct answer answer;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/a/../%%2e%%2F//b?x=%%20&y=[1]", w->peer->port);
    struct gw_call_request request = request_to(url);
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_non_null(strstr(w->peer->last, "GET /a/../%2e%2F//b?x=%20&y=[1] HTTP/1.1\r\n"));
}

static void sends_a_body(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    struct gw_str type = GW_STR("content-type: application/json");
    request.method = "POST";
    request.fields = &type;
    request.n_fields = 1;
    request.body = GW_STR("{\"a\":1}");
    request.has_body = true;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_non_null(strstr(w->peer->last, "POST /a/b HTTP/1.1\r\n"));
    assert_non_null(strstr(w->peer->last, "\r\ncontent-type: application/json\r\n"));
    assert_null(strstr(w->peer->last, "urlencoded"));
    assert_non_null(strstr(w->peer->last, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(w->peer->last, "\r\n\r\n{\"a\":1}"));
}

static void a_long_body_is_sent_without_asking(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    size_t size = 100 * 1024;
    char *body = malloc(size + 1);
    memset(body, 'x', size);
    body[size] = '\0';
    request.method = "PUT";
    request.body = (struct gw_str){body, size};
    request.has_body = true;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_null(strcasestr(w->peer->last, "expect"));
    assert_string_equal(strstr(w->peer->last, "\r\n\r\n") + 4, body);
    free(body);
}

static void a_post_without_a_body_says_so(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    request.method = "POST";
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_non_null(strstr(w->peer->last, "\r\nContent-Length: 0\r\n"));
    assert_null(strcasestr(w->peer->last, "content-type"));
}

static void names_the_host_once(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    struct gw_str hosts[] = {GW_STR("host: other.test"), GW_STR("Host: again.test")};
    request.fields = hosts;
    request.n_fields = 1;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_string_equal(w->peer->last, "GET /a/b HTTP/1.1\r\nhost: other.test\r\n\r\n");
    request.n_fields = 2;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_INVALID);
}

/* A call that has been used for one kind of request is used for each other kind. */
static void methods_leave_no_trace(void **state) {
    struct world *w = *state;
    static const char *const methods[] = {"GET",   "POST",   "HEAD", "DELETE", "GET",
                                          "PUT",   "GET",    "HEAD", "POST",   "GET",
                                          "PATCH", "DELETE", "HEAD", "PUT"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct answer answer;
        struct gw_call_request request = request_to(w->url);
        request.method = methods[i];
        request.has_body = methods[i][0] == 'P';
        request.body = request.has_body ? GW_STR("body") : GW_STR("");
        bool head = strcmp(methods[i], "HEAD") == 0;
        w->peer->answer = head ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                               : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        call(w, &request, &answer);
        assert_ok(&answer, 200, head ? "" : "ok");
        char line[64];
        snprintf(line, sizeof line, "%s /a/b HTTP/1.1\r\n", methods[i]);
        assert_int_equal(strncmp(w->peer->last, line, strlen(line)), 0);
        assert_string_equal(strstr(w->peer->last, "\r\n\r\n") + 4, request.has_body ? "body" : "");
        assert_true(!strcasestr(w->peer->last, "content-length") == !request.has_body);
    }
    assert_int_equal(w->peer->accepted, 1);
}

static void refuses_what_would_be_another_request(void **state) {
    struct world *w = *state;
    static const struct gw_str bad[] = {
        GW_STR("a: b\r\nc: d"),      GW_STR("a: b\nc"),
        GW_STR("a\0b: c"),           GW_STR(""),
        GW_STR("no colon"),          GW_STR(": b"),
        GW_STR("Content-Length: 3"), GW_STR("transfer-encoding: chunked"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct answer answer;
        struct gw_call_request request = request_to(w->url);
        request.fields = &bad[i];
        request.n_fields = 1;
        start(w, &request, &answer);
        assert_int_equal(answer.times, 0); /* never from within the start */
        wait_for(w, &answer);
        assert_int_equal(answer.outcome, GW_CALL_INVALID);
    }
    static const char *const bad_methods[] = {"", "GET /x HTTP/1.1\r\nA:", "G\tT"};
    for (size_t i = 0; i < 3; i++) {
        struct answer answer;
        struct gw_call_request request = request_to(w->url);
        request.method = bad_methods[i];
        call(w, &request, &answer);
        assert_int_equal(answer.outcome, GW_CALL_INVALID);
    }
    static const char *const bad_urls[] = {"http://127.0.0.1/a b",
                                           "http://127.0.0.1/a\r\nb",
                                           "",
                                           "http://",
                                           "http://a:99999/",
                                           "http://127.0.0.1/a#b",
                                           "http://127.0.0.1?a=b",
                                           "http://me:secret@127.0.0.1/"};
    for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        struct answer answer;
        struct gw_call_request request = request_to(bad_urls[i]);
        call(w, &request, &answer);
        assert_int_equal(answer.outcome, GW_CALL_INVALID);
    }
    assert_int_equal(w->peer->accepted, 0);
}

static void speaks_only_http(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to("file:///etc/hostname");
    call(w, &request, &answer);
    assert_int_not_equal(answer.outcome, GW_CALL_OK);
    assert_int_equal(answer.body_size, 0);
}

/* --- Responses --- */

static void gives_the_final_response(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer =
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a:  two\r\nContent-Length: 3\r\n\r\nno!";
    get(w, &answer);
    assert_ok(&answer, 404, "no!");
    assert_string_equal(answer.fields, "x-a: 1\r\nx-a: two\r\ncontent-length: 3\r\n");
}

static void reads_chunks_and_leaves_trailers(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n";
    get(w, &answer);
    assert_ok(&answer, 200, "abcdefg");
    assert_string_equal(answer.fields, "transfer-encoding: chunked\r\n");
    get(w, &answer); /* the connection is still good */
    assert_ok(&answer, 200, "abcdefg");
    assert_int_equal(w->peer->accepted, 1);
}

/* RFC 9112, 5.2 leaves a gateway the choice. */
static void refuses_a_folded_field(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 200 OK\r\nX-A: one\r\n \t two \r\nContent-Length: 0\r\n\r\n";
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
    assert_string_equal(answer.error, "a header line begins with white space");
}

static void does_not_follow_redirects(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    get(w, &answer);
    assert_ok(&answer, 302, "");
    assert_int_equal(w->peer->requests, 1);
}

static void leaves_an_encoded_body_encoded(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc";
    get(w, &answer);
    assert_ok(&answer, 200, "abc");
    assert_null(strcasestr(w->peer->last, "accept-encoding"));
}

static void a_body_may_end_with_the_connection(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = hangs_up;
    w->peer->answer = "HTTP/1.1 200 OK\r\n\r\nto the end";
    get(w, &answer);
    assert_ok(&answer, 200, "to the end");
}

static void a_response_may_be_too_large(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    request.max_response = 10;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "0123456789");
    request.max_response = 9;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TOO_LARGE);
    assert_string_equal(answer.error, "the response is too large");
    w->peer->answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TOO_LARGE);
    request.method = "HEAD"; /* says how long, sends nothing */
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    call(w, &request, &answer);
    assert_ok(&answer, 200, "");
}

static void sends_endless_fields(struct peer_conn *conn, const char *request) {
    (void)request;
    char line[1024];
    memset(line, 'x', sizeof line);
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 300; i++)
        evbuffer_add(out, line, sizeof line - 1);
    bufferevent_enable(conn->bev, EV_WRITE);
}

static void a_head_may_be_too_large(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = sends_endless_fields;
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TOO_LARGE);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(sends_what_was_asked),
        TEST(keeps_the_path_as_it_is),
        TEST(sends_a_body),
        TEST(a_long_body_is_sent_without_asking),
        TEST(a_post_without_a_body_says_so),
        TEST(names_the_host_once),
        TEST(methods_leave_no_trace),
        TEST(refuses_what_would_be_another_request),
        TEST(speaks_only_http),
        TEST(gives_the_final_response),
        TEST(reads_chunks_and_leaves_trailers),
        TEST(refuses_a_folded_field),
        TEST(does_not_follow_redirects),
        TEST(leaves_an_encoded_body_encoded),
        TEST(a_body_may_end_with_the_connection),
        TEST(a_response_may_be_too_large),
        TEST(a_head_may_be_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
