/* Clients that are slow, many, gone or too late, and the server's own end. */
#include "server_fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>

#define MANY 1000

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* --- Time limits --- */

static void closes_idle_connections(void **state) {
    struct fixture *f = *state;
    f->options.idle_ms = 30;
    restart(f);
    struct client *fresh = connect_client(f), *used = connect_client(f);
    send_text(f, used, GET("/"));
    await_close(f, fresh);
    await_close(f, used);
    assert_int_equal(fresh->in.len, 0);
    assert_int_equal(count(text_of(used), "HTTP/1.1 "), 1);
    close_client(fresh);
    close_client(used);
}

static void lets_no_head_take_too_long(void **state) {
    struct fixture *f = *state;
    f->options.head_ms = 40;
    restart(f);
    struct client *c = connect_client(f);
    send_text(f, c, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; !strstr(text_of(c), "HTTP/1.1 408 "); i++) { /* a drip does not help */
        assert_true(i < WAIT_MS);
        turn(f);
        if (f->n_replied == 0)
            send_text(f, c, "a");
        poll(NULL, 0, 1);
    }
    assert_has(text_of(c), "Connection: close\r\n");
    await_close(f, c);
    assert_int_equal(f->last_status, 408);
    assert_int_equal(f->n_heads, 0);
    close_client(c);
}

static void measures_a_head_from_its_first_byte(void **state) {
    struct fixture *f = *state;
    f->options.head_ms = 20;
    restart(f);
    struct client *c = connect_client(f);
    send_text(f, c, GET("/"));
    await_text(f, c, "hello");
    let_pass(f, 60); /* idle, which has a limit of its own */
    assert_has(ask(f, c, LAST("/")), "hello");
    close_client(c);
}

static void lets_no_body_stall(void **state) {
    struct fixture *f = *state;
    f->options.body_idle_ms = 40;
    restart(f);
    struct client *c = connect_client(f);
    send_text(f, c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    await_close(f, c);
    assert_has(text_of(c), "HTTP/1.1 408 ");
    assert_int_equal(f->n_heads, 1);
    assert_int_equal(f->n_requests, 0);
    assert_int_equal(f->n_aborted, 0);
    close_client(c);
}

static void gives_a_slow_body_time(void **state) {
    struct fixture *f = *state;
    f->options.body_idle_ms = 500;
    restart(f);
    struct client *c = connect_client(f);
    int64_t until_ms = gw_clock_ms() + 700;
    send_text(f, c, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (gw_clock_ms() < until_ms) {
        send_text(f, c, "1\r\nx\r\n");
        turn(f);
        poll(NULL, 0, 1);
    }
    send_text(f, c, "0\r\n\r\n");
    await_text(f, c, "200 OK");
    close_client(c);
}

static void gives_the_handler_time(void **state) {
    struct fixture *f = *state;
    f->options.head_ms = f->options.body_idle_ms = f->options.idle_ms = 10;
    f->options.write_stalled_ms = 10;
    restart(f);
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    let_pass(f, 100);
    release_held(f, 200, "late");
    await_text(f, c, "late");
    close_client(c);
}

static void gives_up_on_a_client_that_reads_nothing(void **state) {
    struct fixture *f = *state;
    f->options.write_stalled_ms = 50;
    restart(f);
    struct client *c = connect_client_with(f, 4096);
    send_text(f, c, GET("/big"));
    UNTIL(f, f->n_replied == 1);
    assert_int_equal(gw_server_connections(f->server), 1);
    for (int i = 0; gw_server_connections(f->server) == 1; i++) { /* writing does not count */
        assert_true(i < WAIT_MS);
        send_text(f, c, "GET");
        turn(f);
        poll(NULL, 0, 1);
    }
    assert_int_equal(f->n_aborted, 0);
    close_client(c);
}

static void waits_for_a_client_that_reads_slowly(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client_with(f, 4096);
    send_text(f, c, GET("/big") LAST("/"));
    await_close(f, c);
    const char *text = text_of(c);
    const char *body = strstr(text, "\r\n\r\n") + 4;
    for (size_t i = 0; i < 10 << 20; i++)
        if (body[i] != (char)('a' + i % 26))
            fail_msg("byte %zu is not as sent", i);
    assert_int_equal(strncmp(body + (10 << 20), "HTTP/1.1 200 OK", 15), 0);
    close_client(c);
}

/* --- Clients that go --- */

static void notices_who_closes(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    close_client(c);
    UNTIL(f, f->n_aborted == 1);
    assert_int_equal(gw_server_connections(f->server), 0);
    assert_int_equal(f->n_replied, 0);
}

static void notices_who_closes_behind_a_pipelined_request(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    send_text(f, c, GET("/"));
    settle_down(f);
    assert_int_equal(f->n_aborted, 0);
    close_client(c);
    UNTIL(f, f->n_aborted == 1);
    assert_int_equal(f->n_requests, 1);
}

static void notices_a_reset(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold") GET("/"));
    UNTIL(f, f->n_held == 1);
    reset_client(c);
    UNTIL(f, f->n_aborted == 1);
    assert_int_equal(gw_server_connections(f->server), 0);
}

static void notices_who_goes_within_a_body(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    UNTIL(f, f->n_heads == 1);
    close_client(c);
    UNTIL(f, f->n_aborted == 1);
    assert_int_equal(f->n_requests, 0);
}

static void forgets_who_goes_within_a_head(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, "GET / HT");
    UNTIL(f, gw_server_connections(f->server) == 1);
    close_client(c);
    UNTIL(f, gw_server_connections(f->server) == 0);
    assert_int_equal(f->n_replied + f->n_aborted, 0);
}

static void notices_who_goes_while_it_writes(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client_with(f, 4096);
    send_text(f, c, GET("/big"));
    UNTIL(f, f->n_replied == 1);
    reset_client(c);
    UNTIL(f, gw_server_connections(f->server) == 0);
    assert_int_equal(f->n_aborted, 0);
}

static void answers_who_has_nothing_more_to_say(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold") GET("/"));
    shutdown(c->fd, SHUT_WR); /* before the server has read any of it */
    UNTIL(f, f->n_held == 1);
    settle_down(f);
    assert_int_equal(f->n_aborted, 0);
    release_held(f, 200, "first");
    await_close(f, c);
    assert_false(c->is_reset);
    assert_has(text_of(c), "first");
    assert_has(text_of(c), "hello");
    assert_int_equal(gw_server_connections(f->server), 0);
    close_client(c);
}

static void drops(void **state) {
    struct fixture *f = *state;
    static const char *const requests[] = {GET("/drop"), GET("/drop-head")};
    for (int i = 0; i < 2; i++) {
        struct client *c = connect_client(f);
        send_text(f, c, requests[i]);
        await_close(f, c);
        assert_int_equal(c->in.len, 0);
        close_client(c);
    }
    assert_int_equal(f->n_replied + f->n_aborted, 0);
}

/* --- Many connections --- */

static void stops_accepting_when_it_is_full(void **state) {
    struct fixture *f = *state;
    f->options.max_connections = 2;
    restart(f);
    struct client *first = connect_client(f), *second = connect_client(f);
    struct client *third = connect_client(f);
    send_text(f, third, LAST("/"));
    UNTIL(f, gw_server_connections(f->server) == 2);
    settle_down(f);
    assert_int_equal(f->n_requests, 0);
    close_client(first);
    await_text(f, third, "hello");
    close_client(second);
    close_client(third);
}

static int lowest_free_descriptor(void) {
    int fd = dup(STDIN_FILENO);
    close(fd);
    return fd;
}

static void survives_without_descriptors(void **state) {
    struct fixture *f = *state;
    struct rlimit before, none;
    struct client *first = connect_client(f), *second = connect_client(f);
    send_text(f, first, LAST("/"));
    send_text(f, second, LAST("/"));
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)lowest_free_descriptor();
    setrlimit(RLIMIT_NOFILE, &none);
    settle_down(f);
    setrlimit(RLIMIT_NOFILE, &before); /* which the server finds out by itself */
    assert_int_equal(gw_server_connections(f->server), 0);
    await_text(f, first, "hello");
    await_text(f, second, "hello");
    close_client(first);
    close_client(second);
}

static size_t heap_in_use(void) {
    return mallinfo2().uordblks;
}

/* What the issue asks for: below 1.5 KB. The clients of the test hold no heap while they wait. */
static void keeps_idle_connections_small(void **state) {
    struct fixture *f = *state;
    static struct client clients[MANY];
    struct client *warm = connect_client(f);
    assert_has(ask(f, warm, LAST("/")), "hello");
    close_client(warm);
    size_t before = heap_in_use();
    for (int i = 0; i < MANY; i++) {
        struct client *c = connect_client(f);
        clients[i] = *c;
        free(c);
        send_text(f, &clients[i], GET("/"));
        await_text(f, &clients[i], "hello");
        gw_buf_fini(&clients[i].in);
    }
    assert_int_equal(gw_server_connections(f->server), MANY);
    size_t each = (heap_in_use() - before) / MANY;
    if (!IS_SANITIZED) {
        printf("             %zu bytes of heap for each idle connection\n", each);
        assert_in_range(each, 1, 1535);
    }
    for (int i = 0; i < MANY; i++)
        close(clients[i].fd);
    UNTIL(f, gw_server_connections(f->server) == 0);
}

/* --- The end --- */

static void drains(void **state) {
    struct fixture *f = *state;
    struct client *idle = connect_client(f), *busy = connect_client(f), *late = connect_client(f);
    send_text(f, busy, GET("/hold"));
    UNTIL(f, f->n_held == 1 && gw_server_connections(f->server) == 3);
    send_text(f, late, GET("/"));
    gw_server_drain(f->server);
    await_close(f, idle);
    await_close(f, late);
    assert_int_equal(idle->in.len, 0);
    assert_has(text_of(late), "hello"); /* its request had arrived */
    assert_has(text_of(late), "Connection: close\r\n");
    assert_int_equal(gw_server_connections(f->server), 1);
    release_held(f, 200, "done");
    await_close(f, busy);
    assert_has(text_of(busy), "done");
    assert_has(text_of(busy), "Connection: close\r\n");
    assert_int_equal(gw_server_connections(f->server), 0);
    close_client(idle);
    close_client(busy);
    close_client(late);
}

/* More than libevent hears of at once, so that some are not yet known to have sent anything. */
static void serves_what_has_arrived_before_it_drains(void **state) {
    struct fixture *f = *state;
    struct client *clients[100];
    for (unsigned i = 0; i < 100; i++) {
        clients[i] = connect_client(f);
        UNTIL(f, gw_server_connections(f->server) == i + 1);
    }
    settle_down(f);
    for (int i = 0; i < 100; i++)
        send(clients[i]->fd, GET("/"), strlen(GET("/")), 0);
    gw_server_drain(f->server);
    for (int i = 0; i < 100; i++) {
        await_close(f, clients[i]);
        assert_has(text_of(clients[i]), "hello");
        close_client(clients[i]);
    }
}

static void accepts_nothing_while_it_drains(void **state) {
    struct fixture *f = *state;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(gw_server_port(f->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    gw_server_drain(f->server);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void aborts_what_is_open_when_it_is_freed(void **state) {
    struct fixture *f = *state;
    struct client *c = connect_client(f);
    send_text(f, c, GET("/hold"));
    UNTIL(f, f->n_held == 1);
    restart(f);
    assert_int_equal(f->n_aborted, 1);
    await_close(f, c);
    close_client(c);
}

static void says_why_it_cannot_listen(void **state) {
    struct fixture *f = *state;
    static const struct gw_server_handler handler = {on_head, on_request, on_abort, on_replied};
    struct gw_server_options options = f->options;
    char error[200];
    options.host = "192.0.2.1"; /* reserved for documentation: not ours */
    assert_null(gw_server_new(f->base, &options, &handler, f, error, sizeof error));
    assert_string_equal(error, "cannot listen on 192.0.2.1:0: Cannot assign requested address");
    options.host = "not a name";
    assert_null(gw_server_new(f->base, &options, &handler, f, error, sizeof error));
    assert_has(error, "cannot listen on not a name:0: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(closes_idle_connections),
        TEST(lets_no_head_take_too_long),
        TEST(measures_a_head_from_its_first_byte),
        TEST(lets_no_body_stall),
        TEST(gives_a_slow_body_time),
        TEST(gives_the_handler_time),
        TEST(gives_up_on_a_client_that_reads_nothing),
        TEST(waits_for_a_client_that_reads_slowly),
        TEST(notices_who_closes),
        TEST(notices_who_closes_behind_a_pipelined_request),
        TEST(notices_a_reset),
        TEST(notices_who_goes_within_a_body),
        TEST(forgets_who_goes_within_a_head),
        TEST(notices_who_goes_while_it_writes),
        TEST(answers_who_has_nothing_more_to_say),
        TEST(drops),
        TEST(stops_accepting_when_it_is_full),
        TEST(survives_without_descriptors),
        TEST(keeps_idle_connections_small),
        TEST(drains),
        TEST(serves_what_has_arrived_before_it_drains),
        TEST(accepts_nothing_while_it_drains),
        TEST(aborts_what_is_open_when_it_is_freed),
        TEST(says_why_it_cannot_listen),
    };
    return cmocka_run_group_tests_name("server limits", tests, NULL, NULL);
}
