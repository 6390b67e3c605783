/* Between call.c, the life of one call, and client.c, which alone knows libcurl and runs a call's
 * transfer. Not for others. */
#ifndef GW_HTTP_CLIENT_INTERNAL_H
#define GW_HTTP_CLIENT_INTERNAL_H

#include "http/client.h"
#include "http/collector.h"
#include "http/outgoing.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

struct curl_slist;

enum gw_call_state { GW_CALL_SPARE, GW_CALL_RUNNING, GW_CALL_FINISHED };

/* Calls and their easy handles are kept for later calls: to set up a handle costs more than a call
 * does. */
struct gw_call {
    TAILQ_ENTRY(gw_call) link; /* of the client's list for `state` */
    enum gw_call_state state;
    struct gw_client *client;
    gw_call_done_fn done;
    void *user;
    int64_t started_us;
    struct event timeout;
    struct gw_call_response response;

    /* The transfer's, in client.c. */
    void *easy;                 /* owned */
    bool plain_get;             /* what the easy handle is set to */
    int64_t connect_timeout_ms; /* likewise */
    struct gw_outgoing outgoing;
    struct curl_slist *fields;     /* owned array, chained; they point into `outgoing` */
    struct gw_collector collector; /* fills `response` */
};

TAILQ_HEAD(gw_call_list, gw_call);

struct gw_client_host {
    char *name; /* owned: "http://name:port" */
    void *url;  /* owned: the same as libcurl parsed it */
};

struct gw_client {
    struct event_base *base;
    void *multi;                  /* owned; libcurl's */
    struct gw_sockets *sockets;   /* owned */
    struct event timer;           /* libcurl's */
    struct event turn;            /* activated: libcurl or a finished call wants a turn soon */
    struct gw_call_list running;  /* their transfers are in `multi` */
    struct gw_call_list finished; /* to be delivered */
    struct gw_call_list spare;
    unsigned n_running, n_spare;
    unsigned max_connections, max_idle;
    char *ca_file;                /* owned; NULL: the system's */
    struct gw_client_host *hosts; /* owned: each one called so far */
    unsigned n_hosts;
};

void gw_transfer_init(struct gw_call *call); /* `client` is set */
void gw_transfer_fini(struct gw_call *call);

/* False if the request cannot be sent. */
bool gw_transfer_prepare(struct gw_call *call, const struct gw_call_request *request);
void gw_transfer_start(struct gw_call *call);

/* Closes the connection unless the whole response is in. */
void gw_transfer_stop(struct gw_call *call);

/* Ends a running call; it is delivered by gw_client_deliver(). */
void gw_call_finish(struct gw_call *call, enum gw_call_outcome outcome, const char *error);
void gw_client_deliver(struct gw_client *client);
void gw_client_free_calls(struct gw_client *client);

#endif
