/* A real server on an event loop of the test's own, a handler that does what the path says, and
 * clients with real sockets. Nothing sleeps: each wait runs the loop until what it waits for is
 * there, or fails after five seconds. */
#ifndef GW_TESTS_SERVER_FIXTURE_H
#define GW_TESTS_SERVER_FIXTURE_H

#include "http/server.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define WAIT_MS  5000
#define MAX_HELD 64

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

struct fixture {
    struct event_base *base;
    struct gw_server *server;
    struct gw_server_options options;
    struct gw_exchange *held[MAX_HELD]; /* requests for /hold, not yet answered */
    unsigned n_held, n_heads, n_requests, n_aborted, n_replied;
    unsigned last_status;
    size_t last_body_bytes;
    struct gw_buf last_path, last_body; /* of the last request handed over or answered */
};

struct client {
    int fd;
    bool is_closed; /* the end of the stream, or a reset, was seen */
    bool is_reset;
    struct gw_buf in;
};

/* --- The handler --- */

static inline void reply_with(struct gw_exchange *exchange, unsigned status, struct gw_str body) {
    struct gw_reply reply = {.status = status};
    gw_buf_append_str(&reply.fields, GW_STR("Content-Type: text/plain\r\n"));
    gw_buf_append_str(&reply.body, body);
    gw_exchange_reply(exchange, &reply);
}

static inline bool asks_for(const struct gw_exchange *exchange, const char *path) {
    return gw_str_equal(gw_message_path(gw_exchange_message(exchange)), gw_str_from(path));
}

static inline void on_head(struct gw_exchange *exchange, void *user) {
    struct fixture *f = user;
    f->n_heads++;
    assert_null(gw_exchange_user(exchange));
    gw_exchange_set_user(exchange, f);
    if (asks_for(exchange, "/refuse"))
        reply_with(exchange, 403, GW_STR("no"));
    else if (asks_for(exchange, "/tiny"))
        gw_exchange_set_max_body(exchange, 4);
    else if (asks_for(exchange, "/drop-head"))
        gw_exchange_drop(exchange);
}

static inline void reply_big(struct gw_exchange *exchange) {
    struct gw_reply reply = {.status = 200};
    size_t n = 10 << 20;
    char *bytes = gw_buf_reserve(&reply.body, n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)('a' + i % 26);
    reply.body.len = n;
    gw_exchange_reply(exchange, &reply);
}

static inline void on_request(struct gw_exchange *exchange, void *user) {
    struct fixture *f = user;
    f->n_requests++;
    gw_buf_clear(&f->last_body);
    gw_buf_append_str(&f->last_body, gw_exchange_body(exchange));
    if (asks_for(exchange, "/hold"))
        f->held[f->n_held++] = exchange;
    else if (asks_for(exchange, "/drop"))
        gw_exchange_drop(exchange);
    else if (asks_for(exchange, "/echo") || asks_for(exchange, "/tiny"))
        reply_with(exchange, 200, gw_exchange_body(exchange));
    else if (asks_for(exchange, "/204"))
        reply_with(exchange, 204, GW_STR("not sent"));
    else if (asks_for(exchange, "/304"))
        reply_with(exchange, 304, GW_STR("not sent"));
    else if (asks_for(exchange, "/big"))
        reply_big(exchange);
    else
        reply_with(exchange, 200, GW_STR("hello"));
}

static inline void on_abort(struct gw_exchange *exchange, void *user) {
    struct fixture *f = user;
    assert_ptr_equal(gw_exchange_user(exchange), f);
    f->n_aborted++;
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i] == exchange)
            f->held[i] = f->held[--f->n_held];
}

static inline void on_replied(struct gw_exchange *exchange, unsigned status, size_t body_bytes,
                              void *user) {
    struct fixture *f = user;
    f->n_replied++;
    f->last_status = status;
    f->last_body_bytes = body_bytes;
    assert_true(gw_exchange_id(exchange).len > 0);
    assert_true(gw_str_equal(gw_exchange_client(exchange), GW_STR("127.0.0.1")));
    assert_true(gw_exchange_started_us(exchange) <= gw_clock_us());
    gw_buf_clear(&f->last_path);
    gw_buf_append_str(&f->last_path, gw_message_path(gw_exchange_message(exchange)));
}

/* Answers the oldest held request. */
static inline void release_held(struct fixture *f, unsigned status, const char *body) {
    assert_true(f->n_held > 0);
    struct gw_exchange *exchange = f->held[0];
    memmove(f->held, f->held + 1, --f->n_held * sizeof f->held[0]);
    reply_with(exchange, status, gw_str_from(body));
}

/* --- The server --- */

static inline void start(struct fixture *f) {
    static const struct gw_server_handler handler = {on_head, on_request, on_abort, on_replied};
    char error[200];
    f->server = gw_server_new(f->base, &f->options, &handler, f, error, sizeof error);
    if (!f->server)
        fail_msg("%s", error);
}

/* With other options than set_up() chose. */
static inline void restart(struct fixture *f) {
    gw_server_free(f->server);
    start(f);
}

static inline int set_up(void **state) {
    struct fixture *f = gw_calloc(1, sizeof *f);
    f->base = event_base_new();
    f->options = (struct gw_server_options){
        .host = "127.0.0.1",
        .limits = {.request_line = 200, .head = 1000, .fields = 20},
        .max_body = 100000,
        .max_connections = 5000,
        .idle_ms = 60000,
        .head_ms = 10000,
        .body_idle_ms = 30000,
        .write_stalled_ms = 30000,
    };
    start(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *f = *state;
    gw_server_free(f->server);
    event_base_free(f->base);
    gw_buf_fini(&f->last_path);
    gw_buf_fini(&f->last_body);
    free(f);
    return 0;
}

/* --- Clients --- */

static inline struct client *connect_client_with(struct fixture *f, int receive_buffer) {
    struct client *c = gw_calloc(1, sizeof *c);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(gw_server_port(f->server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (receive_buffer)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    return c;
}

static inline struct client *connect_client(struct fixture *f) {
    return connect_client_with(f, 0);
}

static inline void close_client(struct client *c) {
    close(c->fd);
    gw_buf_fini(&c->in);
    free(c);
}

/* Without FIN: the peer sees a reset. */
static inline void reset_client(struct client *c) {
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close_client(c);
}

static inline void turn(struct fixture *f) {
    event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static inline void read_client(struct client *c) {
    char bytes[65536];
    ssize_t n;
    while ((n = recv(c->fd, bytes, sizeof bytes, 0)) > 0)
        gw_buf_append(&c->in, bytes, (size_t)n);
    c->is_reset = c->is_reset || (n < 0 && errno == ECONNRESET);
    c->is_closed = c->is_closed || n == 0 || errno != EAGAIN;
}

#define UNTIL(f, condition)                                                     \
    do {                                                                        \
        int64_t until_ms = gw_clock_ms() + WAIT_MS;                             \
        while (turn(f), !(condition)) {                                         \
            if (gw_clock_ms() > until_ms)                                       \
                fail_msg("%s:%d: in vain: %s", __FILE__, __LINE__, #condition); \
            poll(NULL, 0, 1);                                                   \
        }                                                                       \
    } while (0)

/* To see that nothing happens, or that a limit of another phase does not count. */
static inline void let_pass(struct fixture *f, int64_t ms) {
    int64_t until_ms = gw_clock_ms() + ms;
    while (turn(f), gw_clock_ms() < until_ms)
        poll(NULL, 0, 1);
}

static inline void settle_down(struct fixture *f) {
    let_pass(f, 20);
}

static inline void send_bytes(struct fixture *f, struct client *c, struct gw_str bytes) {
    int64_t until_ms = gw_clock_ms() + WAIT_MS;
    while (bytes.len > 0) {
        ssize_t n = send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the server has closed: what it said is still to be read */
        if (gw_clock_ms() > until_ms)
            fail_msg("the server does not read");
        n = n < 0 ? 0 : n;
        bytes = (struct gw_str){bytes.data + n, bytes.len - (size_t)n};
        if (bytes.len > 0)
            turn(f);
    }
}

static inline void send_text(struct fixture *f, struct client *c, const char *text) {
    send_bytes(f, c, gw_str_from(text));
}

/* What was received so far, as a C string. */
static inline const char *text_of(struct client *c) {
    read_client(c);
    *gw_buf_reserve(&c->in, 1) = '\0';
    return c->in.data;
}

static inline unsigned count(const char *text, const char *part) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static inline void await_text(struct fixture *f, struct client *c, const char *part) {
    UNTIL(f, strstr(text_of(c), part));
}

static inline void await_close(struct fixture *f, struct client *c) {
    UNTIL(f, (read_client(c), c->is_closed));
}

/* Sends a request that the server answers and closes after; what it said. */
static inline const char *ask(struct fixture *f, struct client *c, const char *request) {
    send_text(f, c, request);
    await_close(f, c);
    return text_of(c);
}

static inline void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("'%s' is missing in:\n%s", part, text);
}

static inline void assert_lacks(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("'%s' should not be in:\n%s", part, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
