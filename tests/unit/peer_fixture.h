/* A scripted HTTP server for unit tests, on the test's own event loop: it counts connections and
 * requests, keeps what it is sent, and answers what its script says, byte by byte if need be. */
#ifndef PEER_FIXTURE_H
#define PEER_FIXTURE_H

#include "base/clock.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct peer;
struct peer_conn;

/* Called with each complete request, head and body, as text. */
typedef void (*peer_script)(struct peer_conn *conn, const char *request);

struct peer_conn {
    LIST_ENTRY(peer_conn) link;
    struct peer *peer;
    struct bufferevent *bev;
};

struct peer {
    struct event_base *base;
    struct evconnlistener *listener;
    uint16_t port;
    peer_script script;
    const char *answer; /* for peer_answers() */
    LIST_HEAD(, peer_conn) conns;
    int accepted, open, most_open, requests;
    char last[128 * 1024]; /* the last request */
};

static inline void peer_hang_up(struct peer_conn *conn) {
    conn->peer->open--;
    LIST_REMOVE(conn, link);
    bufferevent_free(conn->bev);
    free(conn);
}

static inline void peer_reset(struct peer_conn *conn) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(bufferevent_getfd(conn->bev), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_hang_up(conn);
}

/* Written to the socket at once, so that a hang-up after it loses nothing. */
static inline void peer_say(struct peer_conn *conn, const char *text) {
    ssize_t n = send(bufferevent_getfd(conn->bev), text, strlen(text), MSG_NOSIGNAL);
    if (n != (ssize_t)strlen(text))
        abort();
}

static inline void peer_answers(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_say(conn, conn->peer->answer);
}

static inline size_t peer_request_size(const char *text) {
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\ncontent-length:");
    if (!end)
        return 0;
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    size_t size = (size_t)(end - text) + 4 + body;
    return strlen(text) >= size ? size : 0;
}

static inline void peer_on_read(struct bufferevent *bev, void *user) {
    struct peer_conn *conn = user;
    struct peer *peer = conn->peer;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in);
    if (n >= sizeof peer->last)
        abort();
    evbuffer_copyout(in, peer->last, n);
    peer->last[n] = '\0';
    size_t size = peer_request_size(peer->last);
    if (size == 0)
        return;
    peer->last[size] = '\0';
    evbuffer_drain(in, size);
    peer->requests++;
    peer->script(conn, peer->last);
}

static inline void peer_on_event(struct bufferevent *bev, short what, void *user) {
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        peer_hang_up(user);
}

static inline void peer_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                                  struct sockaddr *address, int size, void *user) {
    (void)listener, (void)address, (void)size;
    struct peer *peer = user;
    struct peer_conn *conn = calloc(1, sizeof *conn);
    conn->peer = peer;
    conn->bev = bufferevent_socket_new(peer->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(conn->bev, peer_on_read, NULL, peer_on_event, conn);
    bufferevent_enable(conn->bev, EV_READ);
    LIST_INSERT_HEAD(&peer->conns, conn, link);
    peer->accepted++;
    if (++peer->open > peer->most_open)
        peer->most_open = peer->open;
}

/* `port` 0: any. */
static inline void peer_listen(struct peer *peer, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->listener = evconnlistener_new_bind(peer->base, peer_on_accept, peer,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 128,
                                             (struct sockaddr *)&address, sizeof address);
    if (!peer->listener)
        abort();
    socklen_t size = sizeof address;
    getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&address, &size);
    peer->port = ntohs(address.sin_port);
}

static inline struct peer *peer_new(struct event_base *base) {
    struct peer *peer = calloc(1, sizeof *peer);
    peer->base = base;
    peer->script = peer_answers;
    peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    LIST_INIT(&peer->conns);
    peer_listen(peer, 0);
    return peer;
}

static inline void peer_hang_up_all(struct peer *peer) {
    while (!LIST_EMPTY(&peer->conns))
        peer_hang_up(LIST_FIRST(&peer->conns));
}

/* No connection is accepted any more; those that are stay. */
static inline void peer_stop_listening(struct peer *peer) {
    evconnlistener_free(peer->listener);
    peer->listener = NULL;
}

static inline void peer_free(struct peer *peer) {
    peer_hang_up_all(peer);
    if (peer->listener)
        peer_stop_listening(peer);
    free(peer);
}

static inline void peer_on_tick(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what, (void)user;
}

/* Runs the loop until `condition` holds; fails the test after ten seconds. */
#define RUN_UNTIL(base, condition)                                                 \
    do {                                                                           \
        struct event *tick_ = event_new(base, -1, EV_PERSIST, peer_on_tick, NULL); \
        event_add(tick_, &(struct timeval){.tv_usec = 5000});                      \
        int64_t limit_ = gw_clock_ms() + 10000;                                    \
        while (!(condition) && gw_clock_ms() < limit_)                             \
            event_base_loop(base, EVLOOP_ONCE);                                    \
        event_free(tick_);                                                         \
        assert_true(condition);                                                    \
    } while (0)

/* Lets everything that is due happen. */
#define RUN_TURNS(base, n)                    \
    for (int turn_ = 0; turn_ < (n); turn_++) \
    event_base_loop(base, EVLOOP_NONBLOCK)

#endif
