/* Request bodies: taken, refused, asked for. */
#include "server_fixture.h"

static void takes_bodies(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c,
              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
              "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "2\r\nxy\r\n1\r\nz\r\n0\r\nT: t\r\n\r\n");
    const char *text = ask(f, c, LAST("/"));
    assert_int_equal(count(text, "200 OK"), 4);
    assert_has(text, "\r\n\r\nabcHTTP");
    assert_has(text, "\r\n\r\nxyzHTTP");
    close_client(c);
}

static void takes_the_largest_body(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    struct gw_buf request = {0};
    gw_buf_printf(&request,
                  "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  "Content-Length: 100000\r\n\r\n%0100000d",
                  7);
    send_bytes(f, c, gw_buf_str(&request));
    await_close(f, c);
    assert_has(text_of(c), "\r\nContent-Length: 100000\r\n");
    assert_int_equal(f->last_body.len, 100000);
    gw_buf_fini(&request);
    close_client(c);
}

static void refuses_a_large_body_at_once(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    await_text(f, c, "HTTP/1.1 413 Content Too Large\r\n");
    assert_has(text_of(c), "Connection: close\r\n");
    assert_int_equal(f->last_status, 413);
    assert_int_equal(f->n_requests, 0);
    close_client(c);
}

static void refuses_a_large_body_while_it_comes(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c,
              "POST /tiny HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "4\r\nabcd\r\n");
    settle_down(f);
    assert_int_equal(f->n_replied, 0);
    send_text(f, c, "1\r\ne\r\n");
    await_text(f, c, "HTTP/1.1 413 ");
    assert_int_equal(f->n_requests, 0);
    assert_int_equal(f->n_aborted, 0);
    close_client(c);
}

static void lets_the_client_read_a_refusal(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    struct gw_buf request = {0};
    gw_buf_printf(&request,
                  "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
                  "%02000000d",
                  7);
    send_bytes(f, c, gw_buf_str(&request)); /* all of it, before the response is looked at */
    await_close(f, c);
    assert_false(c->is_reset);
    assert_has(text_of(c), "HTTP/1.1 413 ");
    close_client(c);
    UNTIL(f, gw_server_connections(f->server) == 0);
    gw_buf_fini(&request);
}

static void skips_a_small_refused_body(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    await_text(f, c, "HTTP/1.1 403 ");
    assert_lacks(text_of(c), "Connection: close");
    send_text(f, c, "def" GET("/refuse"));
    assert_has(ask(f, c, LAST("/")), "hello");
    assert_int_equal(count(text_of(c), "HTTP/1.1 403 "), 2);
    close_client(c);
}

static void closes_after_a_large_refused_body(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\nabc");
    await_close(f, c);
    assert_has(text_of(c), "Connection: close\r\n");
    close_client(c);
    c = connect_client(f);
    send_text(f, c, "POST /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    await_close(f, c);
    assert_has(text_of(c), "HTTP/1.1 403 ");
    close_client(c);
}

/* --- Expect: 100-continue --- */

#define EXPECTING(path, length)                                                            \
    "POST " path " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " length \
    "\r\n\r\n"

static void asks_for_the_body(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, EXPECTING("/echo", "3"));
    await_text(f, c, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(f, c, "abc");
    await_text(f, c, "\r\n\r\nabc");
    assert_int_equal(f->n_replied, 1);
    close_client(c);
}

static void does_not_ask_for_what_is_there(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, EXPECTING("/echo", "3") "abc");
    await_text(f, c, "\r\n\r\nabc");
    assert_lacks(text_of(c), "100 Continue");
    close_client(c);
}

static void does_not_ask_for_a_refused_body(void **state) {
    struct fixture *f = *state;
    static const char *const requests[] = {EXPECTING("/refuse", "3"), EXPECTING("/tiny", "5")};
    for (int i = 0; i < 2; i++) {
        struct client *c = connect_client(f);
        send_text(f, c, requests[i]);
        await_close(f, c);
        assert_has(text_of(c), i ? "HTTP/1.1 413 " : "HTTP/1.1 403 ");
        assert_has(text_of(c), "Connection: close\r\n");
        assert_lacks(text_of(c), "100 Continue");
        close_client(c);
    }
    assert_int_equal(f->n_requests, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_bodies),
        TEST(takes_the_largest_body),
        TEST(refuses_a_large_body_at_once),
        TEST(refuses_a_large_body_while_it_comes),
        TEST(lets_the_client_read_a_refusal),
        TEST(skips_a_small_refused_body),
        TEST(closes_after_a_large_refused_body),
        TEST(asks_for_the_body),
        TEST(does_not_ask_for_what_is_there),
        TEST(does_not_ask_for_a_refused_body),
    };
    return cmocka_run_group_tests_name("server bodies", tests, NULL, NULL);
}
