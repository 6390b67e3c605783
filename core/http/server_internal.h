/* The inside of the server, shared by server.c, connection.c, waiting.c, exchange.c, stream.c and
 * reply.c and included by nobody else.
 *
 * Ownership: server > connection > exchange. A connection has an exchange only while there is a
 * request, so that an idle one is nothing but its socket, one event and this struct; exchanges,
 * with the buffers of their parsers, are reused.
 *
 * Order: a connection does one thing at a time. It reads (IDLE, HEAD, BODY), waits for the handler
 * (WORK), sends what that has to say (STREAM), waits for the client to take the response (WRITE),
 * or sees the client off (LINGER). Bytes beyond the current request stay in `kept` or in the kernel
 * until it reads again. */
#ifndef GW_HTTP_SERVER_INTERNAL_H
#define GW_HTTP_SERVER_INTERNAL_H

#include "base/id.h"
#include "http/server.h"

#include <netinet/in.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

#define GW_SERVER_INPUT_SIZE  65536 /* bytes read at once */
#define GW_SERVER_MAX_DISCARD 65536 /* of a refused body, to keep the connection */
#define GW_SERVER_GRACE_MS    500   /* while draining, for a request that is on its way */
#define GW_SERVER_LINGER_MS   5000
#define GW_SERVER_MAX_SPARE   64 /* exchanges kept for reuse */

enum gw_phase {
    GW_PHASE_IDLE,   /* between requests */
    GW_PHASE_HEAD,   /* a request has begun */
    GW_PHASE_BODY,   /* its head is in; also while the body of an answered request is discarded */
    GW_PHASE_WORK,   /* the handler has it all: nothing is read, and no time limit is ours */
    GW_PHASE_STREAM, /* the handler sends the response piece by piece: as in WORK */
    GW_PHASE_WRITE,  /* `out` waits for the client: nothing is read */
    GW_PHASE_LINGER, /* answered and shut down; what still comes is discarded */
    GW_PHASE_CLOSED, /* the socket is closed; freed by gw_connection_settle() */
    GW_PHASES,
};

TAILQ_HEAD(gw_connection_list, gw_connection);

struct gw_exchange {
    struct gw_connection *connection; /* owns it */
    struct gw_exchange *next_spare;
    struct gw_parser parser;
    struct gw_buf body;
    uint64_t max_body;
    int64_t started_us;
    void *user;         /* the handler's */
    const char *fields; /* the handler's: lines for the reply, or NULL */
    bool is_told;       /* on_head was called */
    bool is_complete;   /* all of the request is parsed */
    bool is_answered;   /* or dropped: the handler has no further business with it */
    bool is_chunked;    /* while in STREAM: else its end is the connection's */
    unsigned status;    /* while in STREAM, as body_bytes: of the response */
    size_t body_bytes;
    uint8_t id_len;
    char id[GW_ID_MAX + 1];
};

struct gw_connection {
    struct event event; /* one for its whole life, see gw_connection_open() */
    struct gw_server *server;
    TAILQ_ENTRY(gw_connection) link; /* in the list of its phase */
    TAILQ_ENTRY(gw_connection) turn; /* in `coming_back` */
    enum gw_phase phase;
    bool is_readable;             /* the socket may hold bytes, or its end */
    bool is_half_closed;          /* the end of the stream is in sight */
    bool is_busy;                 /* receive() is on the stack and will settle it */
    bool is_closing;              /* after the response that is being sent */
    bool is_broken;               /* the socket takes no more bytes */
    bool is_coming_back;          /* is in `coming_back` */
    int64_t deadline_ms;          /* of the phase, if that has a limit */
    struct gw_exchange *exchange; /* owned; NULL while idle */
    struct gw_buf kept;           /* bytes read while the request before them was in work */
    size_t kept_at;
    struct gw_buf out; /* what the socket has not taken yet */
    size_t out_at;
    char client[INET6_ADDRSTRLEN];
};

struct gw_server {
    struct event_base *base;                 /* not owned */
    const struct gw_server_handler *handler; /* not owned */
    void *user;
    struct gw_server_options options;
    struct evconnlistener *listener; /* NULL while draining */
    struct event retry_accept;
    uint16_t port;
    bool is_paused;  /* the listener is disabled: too many connections, or out of descriptors */
    bool is_leaving; /* each response is its connection's last */
    bool is_draining;
    unsigned n_connections;                      /* of this server */
    struct gw_connection_list phases[GW_PHASES]; /* each in the order of deadlines */
    int64_t limit_ms[GW_PHASES];                 /* 0: none */
    struct event timer;
    int64_t wake_ms; /* when `timer` is due; INT64_MAX: it is not set */
    struct gw_connection_list coming_back;
    unsigned n_coming_back;
    struct event next_turn;
    struct gw_exchange *spare;
    unsigned n_spare;
    struct gw_buf head; /* scratch: the response head being sent */
    time_t date_s;
    char date[32];
    char input[GW_SERVER_INPUT_SIZE]; /* scratch: one read; parsed before the next */
};

/* --- server.c --- */

void gw_server_count_connection(struct gw_server *server);

/* A connection is gone: another may be accepted. */
void gw_server_release_connection(struct gw_server *server);

/* --- waiting.c: the phases, their time limits, and turns --- */

void gw_waiting_init(struct gw_server *server);
void gw_waiting_fini(struct gw_server *server);

/* Puts a connection into a phase and starts its time limit, also if it is in that phase already. */
void gw_connection_enter(struct gw_connection *connection, enum gw_phase phase);

/* Has gw_connection_wake() called at the next turn of the loop. */
void gw_connection_come_back(struct gw_connection *connection);

/* Takes a connection off all lists. */
void gw_waiting_forget(struct gw_connection *connection);

/* --- connection.c --- */

/* Owns `fd` from now on. */
void gw_connection_open(struct gw_server *server, evutil_socket_t fd, const struct sockaddr *peer);

/* Sends head and body, which is taken; what the socket does not take at once waits in `out`. Call
 * gw_connection_proceed() after it. */
void gw_connection_send(struct gw_connection *connection, struct gw_str head,
                        struct gw_buf *take_body);

/* What the socket has not taken yet. */
size_t gw_connection_waiting(const struct gw_connection *connection);

/* Goes on after something was sent: waits for the socket, ends, or reads. */
void gw_connection_proceed(struct gw_connection *connection);

/* The time limit of its phase has passed. */
void gw_connection_expire(struct gw_connection *connection);

/* Does what can be done now; `what` are libevent's flags, 0 if nothing is known to have happened.
 */
void gw_connection_wake(struct gw_connection *connection, short what);

/* Aborts the exchange if the handler waits for it, and closes the socket. The memory stays until
 * gw_connection_settle(). */
void gw_connection_close(struct gw_connection *connection);

/* To be called last by whoever changed a connection from outside of receive(): frees it if it is
 * closed, and sees to it that what there is to read gets read. */
void gw_connection_settle(struct gw_connection *connection);

/* --- exchange.c --- */

void gw_exchange_begin(struct gw_connection *connection);

/* Whether the connection has to end with this reply. */
bool gw_exchange_must_close(const struct gw_exchange *exchange, const struct gw_reply *reply);
void gw_exchange_release(struct gw_exchange *exchange); /* for reuse */
void gw_exchange_free_spare(struct gw_server *server);

/* What the parser found. */
void gw_exchange_take_head(struct gw_exchange *exchange, struct gw_str *in);
void gw_exchange_take_body(struct gw_exchange *exchange, struct gw_str piece);
void gw_exchange_take_end(struct gw_exchange *exchange);
void gw_exchange_take_error(struct gw_exchange *exchange);

void gw_exchange_expire(struct gw_exchange *exchange); /* 408 */

/* --- reply.c --- */

/* How the end of the body is found. */
enum gw_reply_length { GW_REPLY_LENGTH, GW_REPLY_CHUNKED, GW_REPLY_UNTIL_CLOSE };

bool gw_reply_has_body(const struct gw_exchange *exchange, unsigned status);
void gw_reply_append_head(struct gw_buf *out, const struct gw_exchange *exchange,
                          const struct gw_reply *reply, enum gw_reply_length length, bool close);

#endif
