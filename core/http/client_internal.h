/* The client from within. Not for others.
 *
 *     call.c    the life of a call: its lists, its time limit, its delivery
 *     client.c  the client, the hosts it has called, and which transport runs a call
 *     pool.c    http: which connection of its host a call gets
 *     wire.c    http: one connection, the request on it and the response from it
 *     curl.c    https, and connecting for http: the only file that knows libcurl
 *
 * A transport ends a call by gw_call_finish(), which calls it back to let go of the call, and only
 * in a callback of the loop; who has ended calls there ends the callback by gw_client_deliver(). */
#ifndef GW_HTTP_CLIENT_INTERNAL_H
#define GW_HTTP_CLIENT_INTERNAL_H

#include "http/client.h"
#include "http/collector.h"
#include "http/outgoing.h"
#include "http/parser.h"
#include "policy/metric_core.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

#define GW_CLIENT_INPUT_SIZE (64 * 1024) /* bytes read at once */

struct curl_slist;

enum gw_call_state { GW_CALL_SPARE, GW_CALL_RUNNING, GW_CALL_FINISHED };

/* Where a running call to an http host is. */
enum gw_call_place {
    GW_CALL_NOWHERE,    /* not started, or its response is in */
    GW_CALL_CONNECTING, /* libcurl connects for it */
    GW_CALL_ON_WIRE,
};

/* Calls are kept for later calls, with their buffers and their easy handles: to set up a handle
 * costs more than a call does. */
struct gw_call {
    TAILQ_ENTRY(gw_call) link; /* of the client's list for `state` */
    enum gw_call_state state;
    struct gw_client *client;
    gw_call_done_fn done;
    void *user;
    int64_t started_us;
    int64_t sent_us;       /* http: from when on it is on its wire; 0: it is not yet */
    int64_t first_byte_us; /* http: of a response that did not come all at once; else 0 */
    bool takes_no_room;
    struct event timeout;
    struct gw_call_response response;
    struct gw_collector collector; /* fills `response` */
    struct gw_outgoing outgoing;
    struct gw_client_host *host; /* not owned; the client's */

    /* pool.c's. */
    enum gw_call_place place;
    struct gw_wire *wire; /* not owned; the one that carries it */

    /* curl.c's. */
    void *easy;                      /* owned; NULL until it is needed */
    bool plain_get;                  /* what the easy handle is set to */
    int64_t easy_connect_timeout_ms; /* likewise */
    int64_t connect_timeout_ms;      /* of the request */
    int64_t curl_us;                 /* when libcurl began with it */
    struct curl_slist *fields;       /* owned array, chained; they point into `outgoing` */
};

TAILQ_HEAD(gw_call_list, gw_call);
TAILQ_HEAD(gw_wire_list, gw_wire);

struct gw_client_host {
    char *name;              /* owned: "http://name:port" */
    struct gw_str authority; /* in `name`: what Host says, without a default port */
    bool is_plain;           /* http, else https */
    void *url;               /* owned: the name as libcurl parsed it */
    struct gw_client *client;
    unsigned n_running; /* calls that take up room */

    /* pool.c's, of an http host. */
    struct gw_wire_list idle; /* owned; the one used last comes first */
    unsigned n_idle;
    struct gw_metric open, opened; /* connections; likewise */
};

struct gw_client {
    struct event_base *base;
    struct gw_call_list running;
    struct gw_call_list finished; /* to be delivered */
    struct gw_call_list spare;
    unsigned n_spare;
    struct event turn; /* activated: a call was finished outside of the transports' callbacks */
    unsigned max_connections, max_idle;
    int64_t lifetime_us;           /* of a connection */
    struct gw_client_host **hosts; /* owned array, and each: those called so far */
    unsigned n_hosts;
    struct gw_curl *curl;             /* owned */
    struct event reaper;              /* pending while there are idle connections */
    char input[GW_CLIENT_INPUT_SIZE]; /* of the wire that reads; its bytes are parsed at once */
};

/* --- call.c --- */

/* Ends a running call; it is delivered by gw_client_deliver(). */
void gw_call_finish(struct gw_call *call, enum gw_call_outcome outcome, const char *error);
void gw_client_deliver(struct gw_client *client);
void gw_client_free_calls(struct gw_client *client);

/* --- client.c: a call's transfer, by whichever transport --- */

/* False if the request cannot be sent. */
bool gw_transfer_prepare(struct gw_call *call, const struct gw_call_request *request);
void gw_transfer_start(struct gw_call *call);

/* Closes the connection unless the whole response is in. */
void gw_transfer_stop(struct gw_call *call);
void gw_transfer_fini(struct gw_call *call);

/* --- pool.c --- */

void gw_pool_start(struct gw_call *call);
void gw_pool_stop(struct gw_call *call);

/* The call's connection is made. */
void gw_pool_connected(struct gw_call *call, evutil_socket_t fd);

/* What carried the call ended before it: it goes once more, on a new connection. */
void gw_pool_repeat(struct gw_call *call);

/* A wire lets go of its call and is kept for the next one, or closed and freed. */
void gw_pool_keep(struct gw_wire *wire);
void gw_pool_drop(struct gw_wire *wire);
void gw_pool_close_idle(struct gw_wire *wire);

void gw_pool_reap(evutil_socket_t fd, short what, void *client); /* the reaper's callback */
void gw_pool_fini(struct gw_client_host *host);

/* --- wire.c --- */

struct gw_wire {
    TAILQ_ENTRY(gw_wire) link; /* of its host's idle ones, while it is */
    struct gw_client_host *host;
    struct gw_call *call;  /* not owned; NULL: idle */
    struct event readable; /* for its whole life */
    struct event writable; /* while the socket does not take the rest of the request */
    struct gw_parser parser;
    int64_t opened_us;
    size_t sent;      /* bytes of the request */
    bool is_reused;   /* the call is not its first one */
    bool is_answered; /* something of a response to the call has come */
    bool is_filled;   /* the last read took all it could */
};

struct gw_wire *gw_wire_new(struct gw_client_host *host, evutil_socket_t fd); /* takes `fd` */
void gw_wire_free(struct gw_wire *wire);                                      /* closes it */
void gw_wire_carry(struct gw_wire *wire, struct gw_call *call);

/* There is neither an end nor anything to read, as there should be on an idle one. */
bool gw_wire_is_quiet(const struct gw_wire *wire);

/* --- curl.c --- */

struct gw_curl *gw_curl_new(struct gw_client *client, const char *ca_file);
void gw_curl_free(struct gw_curl *curl);

/* The name as libcurl parses it; NULL if it does not. */
void *gw_curl_parse(const char *name);
void gw_curl_free_url(void *url);

bool gw_curl_prepare(struct gw_call *call, const struct gw_call_request *request,
                     const char *target);
void gw_curl_start(struct gw_call *call);

/* For a call to an http host: ends in gw_pool_connected(), or the call is finished. */
void gw_curl_connect(struct gw_call *call);

void gw_curl_stop(struct gw_call *call);
void gw_curl_fini(struct gw_call *call);

#endif
