#include "server_fixture.h"

/* A client whose request for /hold is being answered by a stream. */
static struct client *begin_with(struct fixture *f, const char *request, int receive_buffer) {
    struct client *c = connect_client_with(f, receive_buffer);
    struct gw_reply reply = {.status = 200};
    send_text(f, c, request);
    UNTIL(f, f->n_held == 1);
    gw_buf_append_str(&reply.fields, GW_STR("Content-Type: text/event-stream\r\n"));
    gw_exchange_stream_begin(f->held[0], &reply);
    return c;
}

static struct client *begin(struct fixture *f) {
    return begin_with(f, GET("/hold"), 0);
}

static struct gw_exchange *held(struct fixture *f) {
    return f->held[0];
}

static void end(struct fixture *f) {
    struct gw_exchange *exchange = held(f);
    f->n_held = 0;
    gw_exchange_stream_end(exchange);
}

static void sends_the_head_at_once(void **state) {
    struct fixture *f = *state;
    struct client *c = begin(f);
    await_text(f, c, "\r\n\r\n");
    const char *text = text_of(c);
    assert_has(text, "HTTP/1.1 200 OK\r\nDate: ");
    assert_has(text, " GMT\r\nTransfer-Encoding: chunked\r\nX-Correlation-ID: 0");
    assert_has(text, "\r\nContent-Type: text/event-stream\r\n\r\n");
    assert_lacks(text, "Content-Length");
    assert_int_equal(f->n_replied, 0);
    end(f);
    close_client(c);
}

static void sends_pieces_as_chunks(void **state) {
    struct fixture *f = *state;
    struct client *c = begin(f);
    assert_true(gw_exchange_stream_send(held(f), GW_STR("one")));
    await_text(f, c, "\r\n\r\n3\r\none\r\n");
    assert_true(gw_exchange_stream_send(held(f), GW_STR("")));
    assert_true(gw_exchange_stream_send(held(f), GW_STR("seventeen letters")));
    await_text(f, c, "one\r\n11\r\nseventeen letters\r\n");
    end(f);
    await_text(f, c, "letters\r\n0\r\n\r\n");
    assert_int_equal(f->n_replied, 1);
    assert_int_equal(f->last_status, 200);
    assert_int_equal(f->last_body_bytes, 20);
    assert_int_equal(f->n_aborted, 0);
    close_client(c);
}

static void keeps_the_connection(void **state) {
    struct fixture *f = *state;
    struct client *c = begin_with(f, GET("/hold") LAST("/echo"), 0);
    settle_down(f);
    assert_int_equal(f->n_requests, 1); /* the second one waits */
    end(f);
    await_close(f, c);
    assert_int_equal(count(text_of(c), "HTTP/1.1 200 OK"), 2);
    close_client(c);
}

static void ends_with_the_connection_for_http_1_0(void **state) {
    struct fixture *f = *state;
    struct client *c = begin_with(f, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0);
    assert_true(gw_exchange_stream_send(held(f), GW_STR("one")));
    end(f);
    await_close(f, c);
    assert_has(text_of(c), "Connection: close\r\n");
    assert_has(text_of(c), "\r\n\r\none");
    assert_lacks(text_of(c), "Transfer-Encoding");
    close_client(c);
}

static void sees_the_client_go(void **state) {
    struct fixture *f = *state;
    close_client(begin(f));
    UNTIL(f, f->n_aborted == 1);
    reset_client(begin(f));
    UNTIL(f, f->n_aborted == 2);
    assert_int_equal(f->n_replied, 0);
    assert_int_equal(gw_server_connections(f->server), 0);
}

static void has_no_time_limit(void **state) {
    struct fixture *f = *state;
    f->options.idle_ms = f->options.head_ms = f->options.write_stalled_ms = 20;
    restart(f);
    struct client *c = begin(f);
    let_pass(f, 60);
    assert_true(gw_exchange_stream_send(held(f), GW_STR("still here")));
    await_text(f, c, "still here");
    end(f);
    await_close(f, c);
    close_client(c);
}

/* --- clients that do not read --- */

/* How many pieces of 10 kB are sent until it says no; 0 if it never does. */
static unsigned pieces_until_no(struct fixture *f, unsigned max) {
    char piece[10000];
    memset(piece, 'x', sizeof piece);
    for (unsigned n = 1; n <= max; n++) {
        turn(f);
        if (!gw_exchange_stream_send(held(f), (struct gw_str){piece, sizeof piece}))
            return n;
    }
    return 0;
}

static void drops_a_slow_client(void **state) {
    struct fixture *f = *state;
    struct client *c = begin_with(f, GET("/hold"), 4096);
    unsigned n = pieces_until_no(f, 10000);
    assert_in_range(n, GW_STREAM_MAX_WAITING / 10000, 9999);
    f->n_held = 0;
    assert_int_equal(gw_server_connections(f->server), 0);
    assert_int_equal(f->n_aborted, 0);
    assert_int_equal(f->n_replied, 0);
    await_close(f, c);
    close_client(c);
}

static void catches_up_with_a_client_that_reads_late(void **state) {
    struct fixture *f = *state;
    struct client *c = begin_with(f, GET("/hold"), 4096);
    size_t sent = 0;
    for (; sent < 900000; sent += 10)
        assert_true(gw_exchange_stream_send(held(f), GW_STR("0123456789")));
    UNTIL(f, count(text_of(c), "a\r\n0123456789\r\n") == sent / 10);
    end(f);
    await_text(f, c, "\r\n0\r\n\r\n");
    close_client(c);
}

static void ends_while_bytes_wait(void **state) {
    struct fixture *f = *state;
    struct client *c = begin_with(f, GET("/hold"), 4096);
    for (size_t sent = 0; sent < 900000; sent += 10)
        assert_true(gw_exchange_stream_send(held(f), GW_STR("0123456789")));
    end(f);
    await_text(f, c, "\r\n0\r\n\r\n");
    assert_int_equal(f->last_body_bytes, 900000);
    close_client(c);
}

/* --- the shutdown --- */

static void goes_on_while_draining(void **state) {
    struct fixture *f = *state;
    struct client *c = begin(f);
    gw_server_drain(f->server);
    assert_true(gw_exchange_stream_send(held(f), GW_STR("still here")));
    await_text(f, c, "still here");
    end(f);
    await_close(f, c);
    assert_has(text_of(c), "still here\r\n0\r\n\r\n");
    close_client(c);
}

static void is_aborted_with_the_server(void **state) {
    struct fixture *f = *state;
    struct client *c = begin(f);
    gw_server_free(f->server);
    assert_int_equal(f->n_aborted, 1);
    start(f);
    close_client(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sends_the_head_at_once),     TEST(sends_pieces_as_chunks),
        TEST(keeps_the_connection),       TEST(ends_with_the_connection_for_http_1_0),
        TEST(sees_the_client_go),         TEST(has_no_time_limit),
        TEST(drops_a_slow_client),        TEST(catches_up_with_a_client_that_reads_late),
        TEST(ends_while_bytes_wait),      TEST(goes_on_while_draining),
        TEST(is_aborted_with_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
