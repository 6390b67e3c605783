#include "server_fixture.h"

/* --- Responses --- */

static void answers(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/"));
    await_text(f, c, "\r\n\r\nhello");
    const char *text = text_of(c);
    assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\nDate: ", 23), 0);
    assert_has(text, " GMT\r\nContent-Length: 5\r\nX-Correlation-ID: 0");
    assert_has(text, "\r\nContent-Type: text/plain\r\n\r\n");
    assert_lacks(text, "Connection:");
    assert_lacks(text, "Access-Control");
    assert_lacks(text, "Vary");
    assert_int_equal(f->last_status, 200);
    assert_int_equal(f->last_body_bytes, 5);
    close_client(c);
}

static void keeps_the_connection(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    for (unsigned i = 1; i <= 3; i++) {
        send_text(f, c, GET("/"));
        UNTIL(f, count(text_of(c), "hello") == i);
    }
    assert_int_equal(gw_server_connections(f->server), 1);
    const char *text = ask(f, c, LAST("/"));
    assert_int_equal(count(text, "hello"), 4);
    assert_int_equal(count(text, "Connection: close\r\n"), 1);
    assert_int_equal(gw_server_connections(f->server), 0);
    close_client(c);
}

static void closes_if_the_reply_says_so(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    struct gw_reply reply = {.status = 200, .close = true};
    f->n_held = 0;
    gw_exchange_reply(f->held[0], &reply);
    await_close(f, c);
    assert_has(text_of(c), "Connection: close\r\n");
    assert_has(text_of(c), "Content-Length: 0\r\n");
    close_client(c);
}

static void leaves_out_bodies(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(f, f->n_replied == 1);
    assert_int_equal(f->last_body_bytes, 0);
    send_text(f, c, GET("/204"));
    send_text(f, c, GET("/304"));
    const char *text = ask(f, c, LAST("/echo"));
    assert_lacks(text, "hello");
    assert_lacks(text, "not sent");
    assert_int_equal(count(text, "HTTP/1.1 "), 4);
    assert_int_equal(count(text, "Content-Length: 5\r\n"), 1);
    assert_int_equal(count(text, "Content-Length: 0\r\n"), 1);
    assert_int_equal(count(text, "Content-Length: "), 2);
    close_client(c);
}

static void speaks_http_1_0(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    assert_has(ask(f, c, "GET / HTTP/1.0\r\n\r\n"), "Connection: close\r\n");
    close_client(c);
    c = connect_client(f);
    send_text(f, c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await_text(f, c, "hello");
    assert_has(text_of(c), "Connection: keep-alive\r\n");
    assert_int_equal(count(ask(f, c, "GET / HTTP/1.0\r\n\r\n"), "hello"), 2);
    close_client(c);
}

static void passes_the_target_on(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(f, f->n_replied == 1);
    assert_true(gw_str_equal(gw_buf_str(&f->last_path), GW_STR("*")));
    send_text(f, c, "GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(f, f->n_replied == 2);
    assert_true(gw_str_equal(gw_buf_str(&f->last_path), GW_STR("/x")));
    close_client(c);
}

static void writes_problems(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "GET /hold HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: abc\r\n\r\n");
    UNTIL(f, f->n_held == 1);
    gw_exchange_reply_problem(f->held[--f->n_held], 404, "no \"such\" thing");
    await_text(f, c, "}");
    assert_has(text_of(c), "Content-Type: application/problem+json\r\n");
    assert_has(text_of(c), "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                           "\"detail\":\"no \\\"such\\\" thing\",\"correlation_id\":\"abc\"}");
    close_client(c);
}

static void names_statuses(void **state) {
    (void)state;
    assert_string_equal(gw_status_text(200), "OK");
    assert_string_equal(gw_status_text(404), "Not Found");
    assert_string_equal(gw_status_text(299), "Unknown");
    assert_string_equal(gw_status_text(1000), "Unknown");
}

/* --- Correlation ids --- */

static void keeps_a_valid_id(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "GET / HTTP/1.1\r\nHost: a\r\nx-correlation-id: a.B_9-z\r\n\r\n");
    await_text(f, c, "\r\nX-Correlation-ID: a.B_9-z\r\n");
    close_client(c);
}

static void replaces_a_bad_id(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "GET / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: a b\r\n\r\n");
    send_text(f, c, "GET / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID:\r\n\r\n");
    const char *text = ask(f, c,
                           "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                           "X-Correlation-ID: a\r\nX-Correlation-ID: a\r\n\r\n");
    assert_int_equal(count(text, "X-Correlation-ID: 0"), 3);
    close_client(c);
}

/* --- How bytes arrive --- */

static void takes_bytes_one_by_one(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    const char *request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n\r\n" LAST("/");
    for (const char *p = request; *p; p++) {
        send_bytes(f, c, (struct gw_str){p, 1});
        turn(f);
    }
    await_close(f, c);
    assert_has(text_of(c), "\r\n\r\nabcdeHTTP/1.1 200 OK");
    assert_has(text_of(c), "\r\n\r\nhello");
    close_client(c);
}

static void answers_pipelined_requests_in_order(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold") GET("/") GET("/hold") GET("/hold") LAST("/hold"));
    static const char *const bodies[] = {"first", "third", "fourth", "fifth"};
    for (int i = 0; i < 4; i++) {
        UNTIL(f, f->n_held == 1);
        settle_down(f);
        assert_int_equal(f->n_held, 1);
        release_held(f, 200, bodies[i]);
    }
    await_close(f, c);
    const char *at = text_of(c);
    static const char *const order[] = {"first", "hello", "third", "fourth", "fifth"};
    for (int i = 0; i < 5; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    close_client(c);
}

static void does_not_recurse_over_pipelined_requests(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    struct gw_buf many = {0};
    for (int i = 0; i < 5000; i++)
        gw_buf_append_str(&many, GW_STR(GET("/")));
    gw_buf_append_str(&many, GW_STR(LAST("/")));
    send_bytes(f, c, gw_buf_str(&many));
    await_close(f, c);
    assert_int_equal(count(text_of(c), "hello"), 5001);
    gw_buf_fini(&many);
    close_client(c);
}

static void reads_on_after_a_long_wait(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    struct gw_buf many = {0};
    for (int i = 0; i < 5000; i++) /* more than one read, while nothing is read */
        gw_buf_append_str(&many, GW_STR(GET("/")));
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    send_bytes(f, c, gw_buf_str(&many));
    settle_down(f);
    assert_int_equal(f->n_aborted, 0);
    assert_int_equal(f->n_requests, 1);
    release_held(f, 200, "at last");
    UNTIL(f, f->n_replied == 5001);
    send_text(f, c, LAST("/"));
    await_close(f, c);
    assert_int_equal(count(text_of(c), "hello"), 5001);
    gw_buf_fini(&many);
    close_client(c);
}

static void serves_others_meanwhile(void **state) {
    struct fixture *f = *state;
    struct client *waits = connect_client(f), *passes = connect_client(f);
    send_text(f, waits, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    assert_has(ask(f, passes, LAST("/")), "hello");
    release_held(f, 200, "done");
    await_text(f, waits, "done");
    close_client(waits);
    close_client(passes);
}

/* --- Errors --- */

static void refuses_what_it_does_not_understand(void **state) {
    struct fixture *f = *state;
    struct gw_buf long_line = {0}, long_head = {0};
    gw_buf_printf(&long_line, "GET /%0300d HTTP/1.1\r\n%c", 1, 0);
    gw_buf_printf(&long_head, "GET /x HTTP/1.1\r\nHost: a\r\nA: %01000d\r\n\r\n%c", 1, 0);
    const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nBad header: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {long_line.data, 414},
        {long_head.data, 431},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"GET / HTTP/2.0\r\n\r\n", 505},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client *c = connect_client(f);
        char line[40];
        snprintf(line, sizeof line, "HTTP/1.1 %u ", cases[i].status);
        assert_has(ask(f, c, cases[i].request), line);
        assert_has(text_of(c), "Connection: close\r\n");
        assert_has(text_of(c), "application/problem+json");
        assert_has(text_of(c), "\r\nX-Correlation-ID: 0");
        assert_false(c->is_reset);
        assert_int_equal(f->last_status, cases[i].status);
        assert_int_equal(f->n_replied, i + 1);
        close_client(c);
    }
    assert_int_equal(f->n_aborted, 0);
    assert_int_equal(f->n_requests, 0);
    gw_buf_fini(&long_line);
    gw_buf_fini(&long_head);
}

static void answers_what_came_before_an_error(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    const char *text = ask(f, c, GET("/") "\1\2\3");
    assert_has(text, "hello");
    assert_has(strstr(text, "hello"), "HTTP/1.1 400 ");
    close_client(c);
}

/* --- CORS --- */

static void answers_preflights(void **state) {
    struct fixture *f = *state;
    f->options.cors_allow_origins = GW_STR(" https://a.example, https://b.example ");
    restart(f);
    struct client *c = connect_client(f);
    send_text(f, c,
              "OPTIONS /x HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n"
              "Access-Control-Request-Method: PUT\r\n\r\n");
    await_text(f, c, "\r\n\r\n");
    assert_has(text_of(c), "HTTP/1.1 204 ");
    assert_has(text_of(c), "Access-Control-Allow-Origin: https://b.example\r\n");
    assert_has(text_of(c), "Access-Control-Allow-Methods: GET, ");
    assert_int_equal(f->n_heads, 0);
    assert_int_equal(f->last_status, 204);
    const char *text = ask(f, c, LAST("/"));
    assert_int_equal(count(text, "Vary: Origin\r\n"), 2);
    assert_int_equal(count(text, "Access-Control-Allow-Origin"), 1);
    close_client(c);
}

static void leaves_options_to_the_handler(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c,
              "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n"
              "Access-Control-Request-Method: PUT\r\n\r\n");
    await_text(f, c, "hello"); /* no CORS here, so this is a request like any other */
    close_client(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(answers),
        TEST(keeps_the_connection),
        TEST(closes_if_the_reply_says_so),
        TEST(leaves_out_bodies),
        TEST(speaks_http_1_0),
        TEST(passes_the_target_on),
        TEST(writes_problems),
        TEST(names_statuses),
        TEST(keeps_a_valid_id),
        TEST(replaces_a_bad_id),
        TEST(takes_bytes_one_by_one),
        TEST(answers_pipelined_requests_in_order),
        TEST(does_not_recurse_over_pipelined_requests),
        TEST(reads_on_after_a_long_wait),
        TEST(serves_others_meanwhile),
        TEST(refuses_what_it_does_not_understand),
        TEST(answers_what_came_before_an_error),
        TEST(answers_preflights),
        TEST(leaves_options_to_the_handler),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
