/* The HTTP/1.1 server of one worker: a listener (SO_REUSEPORT), its connections, and for each
 * request in work one exchange. It lives on the worker's event loop and is used by that thread
 * only.
 *
 * It calls up through gw_server_handler: on_head when the header section is in (the handler may
 * reply at once, which refuses the body, or set how long the body may be), on_request when the body
 * is in too, on_abort when the client has gone before the reply, on_replied for each response that
 * is handed to the socket, also for those the server made itself: 400, 408, 413, 414, 431, 501, 505
 * and the CORS preflight. After on_head an exchange ends by exactly one of on_replied, on_abort and
 * the handler's own gw_exchange_drop(); where the server answers before on_head there is on_replied
 * only.
 *
 * A client that closes its side while its request is in work counts as gone, also if it only shut
 * down its sending side: the two look alike. If it did so before the request was read it is
 * answered, and then nothing but a reset ends the request early. */
#ifndef GW_HTTP_SERVER_H
#define GW_HTTP_SERVER_H

#include "http/parser.h"

struct event_base;
struct gw_server;
struct gw_exchange;

struct gw_server_options {
    const char *host; /* an address or a name */
    uint16_t port;    /* 0: the system chooses, see gw_server_port() */
    bool exclusive;   /* fail if somebody listens there: for the first server of a process */
    struct gw_parser_limits limits;
    uint64_t max_body;          /* bytes, where on_head says nothing else */
    unsigned max_connections;   /* when there are as many, further ones wait to be accepted */
    _Atomic unsigned *n_shared; /* counts those of all servers that share the maximum, each of which
                                   may pass it by one; not owned. NULL: it is this one's alone */
    /* Limits of time; 0 for none. */
    int64_t idle_ms;                  /* between requests on a kept connection */
    int64_t head_ms;                  /* from a request's first byte to the end of its head: 408 */
    int64_t body_idle_ms;             /* between two pieces of a body: 408 */
    int64_t write_stalled_ms;         /* without a byte taken by the client: closed */
    struct gw_str cors_allow_origins; /* comma separated, or "*"; empty: no CORS. See cors.h */
};

/* What is sent back. The server adds Date, Content-Length, Connection, X-Correlation-ID and CORS,
 * and leaves out the body where HTTP has none (HEAD, 204, 304). */
struct gw_reply {
    unsigned status;
    struct gw_buf fields; /* owned: further "name: value\r\n" lines, already checked */
    struct gw_buf body;   /* owned */
    bool close;           /* close the connection after it */
};

struct gw_server_handler {
    void (*on_head)(struct gw_exchange *exchange, void *user);
    void (*on_request)(struct gw_exchange *exchange, void *user);
    void (*on_abort)(struct gw_exchange *exchange, void *user);
    /* `body_bytes` as sent: 0 for HEAD. */
    void (*on_replied)(struct gw_exchange *exchange, unsigned status, size_t body_bytes,
                       void *user);
};

/* NULL, with the reason as text in `error`, if the address cannot be bound. The handler is not
 * copied, everything else is. */
struct gw_server *gw_server_new(struct event_base *base, const struct gw_server_options *options,
                                const struct gw_server_handler *handler, void *user, char *error,
                                size_t error_size);

/* Open exchanges are aborted. Not from within a callback of the handler. */
void gw_server_free(struct gw_server *server);
uint16_t gw_server_port(const struct gw_server *server);

/* For the shutdown, first: each response from now on is the last of its connection, so that clients
 * come back by a new one, which may lead them elsewhere. */
void gw_server_leave(struct gw_server *server);

/* For the shutdown, second: takes in what waits to be accepted, accepts no more, and lets each
 * connection finish its request; an idle one is given half a second, since a request may be on its
 * way. */
void gw_server_drain(struct gw_server *server);
unsigned gw_server_connections(const struct gw_server *server);

/* --- One exchange. Valid from on_head until the reply is given or on_abort returns. --- */

/* As far as it was understood, where the server answers before on_head: what was not reached is
 * empty. */
const struct gw_message *gw_exchange_message(const struct gw_exchange *exchange);
struct gw_str gw_exchange_body(const struct gw_exchange *exchange);   /* complete in on_request */
struct gw_str gw_exchange_id(const struct gw_exchange *exchange);     /* the correlation id */
struct gw_str gw_exchange_client(const struct gw_exchange *exchange); /* the peer's address */
int64_t gw_exchange_started_us(const struct gw_exchange *exchange);   /* first byte, monotonic */

/* A pointer of the handler's, NULL at first. */
void gw_exchange_set_user(struct gw_exchange *exchange, void *user);
void *gw_exchange_user(const struct gw_exchange *exchange);

/* Lines "Name: value\r\n" for the reply, whoever makes it; they must live until then. */
void gw_exchange_set_fields(struct gw_exchange *exchange, const char *lines);

void gw_exchange_set_max_body(struct gw_exchange *exchange, uint64_t bytes); /* in on_head only */

/* Ends the exchange: the reply's buffers are taken. Fine from on_head and on_request; not for the
 * exchange that on_abort or on_replied is being told of. */
void gw_exchange_reply(struct gw_exchange *exchange, struct gw_reply *take);

/* --- A response whose end is not known yet ---
 *
 * begin() sends the head, and from then on the exchange is valid until end(), until send() says
 * false, until gw_exchange_drop(), or until on_abort returns. The body goes out as it is sent:
 * chunked, or to a client of HTTP/1.0 up to the end of the connection. on_replied comes with the
 * end. Meanwhile no time limit is the server's. */

/* From on_request or later; not for HEAD. `reply` has no body; its fields are taken. */
void gw_exchange_stream_begin(struct gw_exchange *exchange, struct gw_reply *take);

/* False, and the connection is closed without on_abort, if the client is gone, or so slow that more
 * than GW_STREAM_MAX_WAITING bytes would wait for it. */
#define GW_STREAM_MAX_WAITING ((size_t)2 << 20)
bool gw_exchange_stream_send(struct gw_exchange *exchange, struct gw_str piece);
void gw_exchange_stream_end(struct gw_exchange *exchange);

/* Replies with application/problem+json (RFC 9457): `detail` may be NULL. */
void gw_exchange_reply_problem(struct gw_exchange *exchange, unsigned status, const char *detail);

/* Fills such a reply without sending it, for a caller that has fields to add, as Allow for a 405.
 * `reply` must be empty. */
void gw_exchange_make_problem(const struct gw_exchange *exchange, struct gw_reply *reply,
                              unsigned status, const char *detail);

/* Ends the exchange by closing the connection without a response. */
void gw_exchange_drop(struct gw_exchange *exchange);

const char *gw_status_text(unsigned status); /* "Not Found"; "Unknown" for what has no name */

#endif
