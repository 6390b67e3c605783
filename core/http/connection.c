/* One connection: its socket, what is read from it and written to it. */
#include "base/alloc.h"
#include "http/server_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

static bool is_reading(const struct gw_connection *connection) {
    return connection->phase <= GW_PHASE_BODY;
}

static evutil_socket_t socket_of(const struct gw_connection *connection) {
    return event_get_fd(&connection->event);
}

/* --- Reading --- */

enum read_outcome { READ_BYTES, READ_NOTHING, READ_END };

/* Reads once into the server's input buffer. A short read has emptied the socket, so the next bytes
 * come with an event; only the end of the stream, already announced, would come without one. */
static enum read_outcome read_once(struct gw_connection *connection, struct gw_str *in) {
    struct gw_server *server = connection->server;
    ssize_t n = recv(socket_of(connection), server->input, sizeof server->input, 0);
    if (n < 0 && errno == EAGAIN) {
        connection->is_readable = false;
        return READ_NOTHING;
    }
    if (n <= 0)
        return READ_END;
    if ((size_t)n < sizeof server->input && !connection->is_half_closed)
        connection->is_readable = false;
    *in = (struct gw_str){server->input, (size_t)n};
    return READ_BYTES;
}

/* All bytes are parsed and the request is not complete. Each piece of a body starts its time anew;
 * that of a head counts from its first byte. */
static void wait_for_more(struct gw_connection *connection) {
    if (gw_parser_is_idle(&connection->exchange->parser)) {
        gw_exchange_release(connection->exchange); /* an empty line is no request yet */
        gw_connection_enter(connection, GW_PHASE_IDLE);
    } else if (connection->phase == GW_PHASE_BODY) {
        gw_connection_enter(connection, GW_PHASE_BODY);
    }
}

/* Parses `in` for as long as the connection reads: a request in work stops it, one that is answered
 * at once does not, so that pipelined requests are served in a loop and not by recursion. */
static void feed(struct gw_connection *connection, struct gw_str *in) {
    while (is_reading(connection)) {
        struct gw_str piece;
        if (!connection->exchange && in->len == 0)
            return;
        if (!connection->exchange)
            gw_exchange_begin(connection);
        struct gw_exchange *exchange = connection->exchange;
        switch (gw_parser_next(&exchange->parser, in, &piece)) {
        case GW_PARSER_MORE:
            wait_for_more(connection);
            return;
        case GW_PARSER_HEAD:
            gw_exchange_take_head(exchange, in);
            break;
        case GW_PARSER_BODY:
            gw_exchange_take_body(exchange, piece);
            break;
        case GW_PARSER_END:
            gw_exchange_take_end(exchange);
            break;
        case GW_PARSER_ERROR:
            gw_exchange_take_error(exchange);
            break;
        }
    }
}

static void feed_kept(struct gw_connection *connection) {
    struct gw_buf *kept = &connection->kept;
    struct gw_str in = {kept->data + connection->kept_at, kept->len - connection->kept_at};
    feed(connection, &in);
    connection->kept_at = kept->len - in.len;
    if (in.len == 0) {
        gw_buf_fini(kept);
        connection->kept_at = 0;
    }
}

static void feed_read(struct gw_connection *connection) {
    struct gw_str in = {0};
    if (read_once(connection, &in) == READ_END)
        gw_connection_close(connection);
    feed(connection, &in);
    if (connection->phase < GW_PHASE_LINGER)
        gw_buf_append_str(&connection->kept, in);
}

/* One turn of reading: what had to wait, or one read, so that no client has the loop to itself. */
static void receive(struct gw_connection *connection) {
    connection->is_busy = true;
    if (connection->kept.len > 0)
        feed_kept(connection);
    else if (connection->is_readable)
        feed_read(connection);
    connection->is_busy = false;
    gw_connection_settle(connection);
}

/* --- Writing --- */

size_t gw_connection_waiting(const struct gw_connection *connection) {
    return connection->out.len - connection->out_at;
}

/* Until it is all sent or the socket takes no more; EAGAIN promises an event. */
static void flush(struct gw_connection *connection) {
    struct gw_buf *out = &connection->out;
    while (gw_connection_waiting(connection) > 0) {
        ssize_t n = send(socket_of(connection), out->data + connection->out_at,
                         gw_connection_waiting(connection), MSG_NOSIGNAL);
        if (n < 0) {
            connection->is_broken = errno != EAGAIN;
            return;
        }
        connection->out_at += (size_t)n;
    }
    gw_buf_fini(out);
    connection->out_at = 0;
}

/* The usual case: one system call for both, and nothing is left. Returns what was sent. */
static size_t send_both(struct gw_connection *connection, struct gw_str head, struct gw_str body) {
    struct iovec parts[] = {{(void *)head.data, head.len}, {(void *)body.data, body.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body.len ? 2 : 1};
    if (gw_connection_waiting(connection) > 0)
        return 0;
    ssize_t n = sendmsg(socket_of(connection), &message, MSG_NOSIGNAL);
    if (n < 0)
        connection->is_broken = errno != EAGAIN;
    return n < 0 ? 0 : (size_t)n;
}

void gw_connection_send(struct gw_connection *connection, struct gw_str head,
                        struct gw_buf *take_body) {
    size_t all = head.len + take_body->len;
    size_t sent = send_both(connection, head, gw_buf_str(take_body));
    if (sent < all && sent >= head.len) { /* nothing waited: a large body is not copied */
        gw_buf_move(&connection->out, take_body);
        connection->out_at = sent - head.len;
    } else if (sent < all && !connection->is_broken) {
        gw_buf_append(&connection->out, head.data + sent, head.len - sent);
        gw_buf_append_str(&connection->out, gw_buf_str(take_body));
    }
    gw_buf_fini(take_body);
    flush(connection);
}

/* A socket that is closed with bytes unread sends a reset, which may overtake the response and
 * destroy it (RFC 9112, 9.6). So where the client may still be sending, only our side is shut and
 * what comes is discarded until it has seen the response and closes, or for a while. */
static void part(struct gw_connection *connection) {
    if (!connection->is_readable && !connection->exchange) {
        gw_connection_close(connection);
        return;
    }
    if (connection->exchange)
        gw_exchange_release(connection->exchange);
    shutdown(socket_of(connection), SHUT_WR);
    gw_connection_enter(connection, GW_PHASE_LINGER);
}

void gw_connection_proceed(struct gw_connection *connection) {
    if (connection->is_broken)
        gw_connection_close(connection);
    else if (gw_connection_waiting(connection) > 0)
        gw_connection_enter(connection, GW_PHASE_WRITE);
    else if (connection->is_closing)
        part(connection);
    else
        gw_connection_enter(connection, connection->exchange ? GW_PHASE_BODY : GW_PHASE_IDLE);
    gw_connection_settle(connection);
}

/* --- Events --- */

/* While a request is in work nothing is read, so bytes stay in the kernel and the end of the stream
 * is told by EV_CLOSED; but libevent tells a reset as EV_READ, as if it were bytes. */
static bool is_gone(const struct gw_connection *connection, short what) {
    struct pollfd look = {.fd = socket_of(connection)};
    return (what & EV_CLOSED) || (poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)));
}

/* Its time starts anew only if the client took something. */
static void go_on_writing(struct gw_connection *connection) {
    size_t before = gw_connection_waiting(connection);
    flush(connection);
    if (connection->is_broken || gw_connection_waiting(connection) < before)
        gw_connection_proceed(connection);
}

/* The client may be gone, or take what waits for it. */
static void go_on_streaming(struct gw_connection *connection, short what) {
    flush(connection);
    if (connection->is_broken || is_gone(connection, what))
        gw_connection_close(connection);
    gw_connection_settle(connection);
}

static void discard(struct gw_connection *connection) {
    struct gw_str in;
    if (read_once(connection, &in) == READ_END)
        gw_connection_close(connection);
    gw_connection_settle(connection);
}

static void watch_client(struct gw_connection *connection, short what) {
    if (is_gone(connection, what))
        gw_connection_close(connection);
    gw_connection_settle(connection);
}

void gw_connection_wake(struct gw_connection *connection, short what) {
    if (what & (EV_READ | EV_CLOSED))
        connection->is_readable = true;
    if (what & EV_CLOSED)
        connection->is_half_closed = true;
    switch (connection->phase) {
    case GW_PHASE_WORK:
        watch_client(connection, what);
        break;
    case GW_PHASE_STREAM:
        go_on_streaming(connection, what);
        break;
    case GW_PHASE_WRITE:
        go_on_writing(connection);
        break;
    case GW_PHASE_LINGER:
        discard(connection);
        break;
    default:
        receive(connection);
    }
}

static void on_event(evutil_socket_t fd, short what, void *user) {
    (void)fd;
    gw_connection_wake(user, what);
}

void gw_connection_expire(struct gw_connection *connection) {
    bool is_awaited = connection->phase == GW_PHASE_HEAD || connection->phase == GW_PHASE_BODY;
    if (is_awaited && !connection->exchange->is_answered) {
        gw_exchange_expire(connection->exchange);
        return;
    }
    gw_connection_close(connection);
    gw_connection_settle(connection);
}

/* --- Life --- */

static void note_client(struct gw_connection *connection, const struct sockaddr *peer) {
    const void *address = peer->sa_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)peer)->sin_addr;
    inet_ntop(peer->sa_family, address, connection->client, sizeof connection->client);
}

/* One event for all, edge-triggered and never changed: a request costs one recv(), one sendmsg()
 * and no epoll_ctl(), and while the handler works the end of the stream is seen without reading. */
void gw_connection_open(struct gw_server *server, evutil_socket_t fd, const struct sockaddr *peer) {
    const short what = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
    struct gw_connection *connection = gw_calloc(1, sizeof *connection);
    connection->server = server;
    note_client(connection, peer);
    gw_server_count_connection(server);
    TAILQ_INSERT_TAIL(&server->phases[GW_PHASE_IDLE], connection, link);
    gw_connection_enter(connection, GW_PHASE_IDLE);
    event_assign(&connection->event, server->base, fd, what, on_event, connection);
    event_add(&connection->event, NULL);
}

void gw_connection_close(struct gw_connection *connection) {
    struct gw_server *server = connection->server;
    struct gw_exchange *exchange = connection->exchange;
    if (connection->phase == GW_PHASE_CLOSED)
        return;
    gw_connection_enter(connection, GW_PHASE_CLOSED);
    event_del(&connection->event);
    close(socket_of(connection));
    if (exchange && exchange->is_told && !exchange->is_answered)
        server->handler->on_abort(exchange, server->user);
    if (exchange)
        gw_exchange_release(exchange);
    gw_server_release_connection(server);
}

static void destroy(struct gw_connection *connection) {
    gw_waiting_forget(connection);
    gw_buf_fini(&connection->kept);
    gw_buf_fini(&connection->out);
    free(connection);
}

void gw_connection_settle(struct gw_connection *connection) {
    if (connection->is_busy)
        return;
    bool has_kept = is_reading(connection) && connection->kept.len > 0;
    bool has_more =
        connection->is_readable && (is_reading(connection) || connection->phase == GW_PHASE_LINGER);
    if (has_kept || has_more)
        gw_connection_come_back(connection);
    if (connection->phase == GW_PHASE_CLOSED)
        destroy(connection);
}
