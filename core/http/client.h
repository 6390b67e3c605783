/* The HTTP client of one worker, on the worker's event loop. What goes to http:// hosts goes over
 * sockets of its own and is read by the gateway's own strict parser; libcurl connects them, and
 * runs calls to https:// hosts from beginning to end. Connections are kept and reused per host, for
 * a minute at most, so that a host's new address is seen; one on which a call was cancelled, timed
 * out or failed is closed, never kept.
 *
 * `done` is called from the loop, never from within gw_client_start() nor from a libcurl callback,
 * and exactly once unless the call is cancelled. It may start calls and cancel other ones, but not
 * free the client.
 *
 * A server may close a kept connection just when a request is sent on it. Such a request, if not a
 * byte of response has come, is sent once more on a new connection, provided that nothing of it was
 * sent or its method is idempotent (RFC 9110, 9.2.2 and 9.3.1). Otherwise the server may have
 * carried it out, and the call fails; to make that rare, such a request goes only on a connection
 * that is seen to be open. Over https:// libcurl decides, and repeats whatever the method.
 *
 * Redirects are not followed, nothing is decoded, and no proxy or credentials are taken from the
 * environment. The process must ignore SIGPIPE. */
#ifndef GW_HTTP_CLIENT_H
#define GW_HTTP_CLIENT_H

#include "base/buf.h"

struct event_base;
struct gw_client;
struct gw_call;

struct gw_client_options {
    unsigned max_connections;      /* per host; see gw_client_has_room() */
    unsigned max_idle_connections; /* per host; https: kept as their sum over the hosts called */
    int64_t lifetime_ms;           /* of a connection; 0: a minute */
    const char *ca_file;           /* NULL: the system's */
};

enum gw_call_outcome {
    GW_CALL_OK, /* a complete response, whatever its status */
    GW_CALL_CONNECT,
    GW_CALL_DNS,
    GW_CALL_TLS,
    GW_CALL_TIMEOUT,
    GW_CALL_TOO_LARGE,
    GW_CALL_INVALID, /* the request cannot be sent: a bad method or url, or a field with a line
                        break, or one that frames the body, which is the client's to do */
    GW_CALL_BROKEN,  /* the connection ended or spoke no good HTTP before the response was complete
                      */
};

/* Everything is copied by gw_client_start(). */
struct gw_call_request {
    const char *method;
    const char *url;             /* http:// or https:// */
    const struct gw_str *fields; /* "name: value" lines without CR LF */
    unsigned n_fields;
    struct gw_str body;
    bool has_body;
    bool forbids_repeat;        /* though its method is idempotent: see above */
    bool takes_no_room;         /* a probe, of which gw_client_has_room() does not know */
    int64_t connect_timeout_ms; /* with the name's lookup and TLS: GW_CALL_CONNECT or GW_CALL_DNS */
    int64_t timeout_ms;         /* of the whole call */
    uint64_t max_response;      /* bytes of the body */
};

/* How long what a call consists of took, one after the other, in microseconds; what there was not,
 * 0. What had not ended when the call did lasted until then. */
struct gw_call_times {
    int64_t dns_us, connect_us, tls_us; /* a handshake under way counts as connecting */
    int64_t wait_us;     /* from when the connection is there to the response's first byte */
    int64_t transfer_us; /* to its last */
    bool is_reused;      /* the connection was there before */
};

/* Lives until `done` returns; the callee may gw_buf_move() the buffers out. */
struct gw_call_response {
    enum gw_call_outcome outcome;
    unsigned status;
    struct gw_buf fields; /* "name: value\r\n" lines of the final response; over http:// names are
                             in small letters and values trimmed, over https:// as received */
    struct gw_buf body;
    const char *error; /* for people, static text; "" if OK */
    int64_t duration_us;
    struct gw_call_times times;
    bool was_repeated; /* it was sent before, and may have been carried out: see above */
};

typedef void (*gw_call_done_fn)(void *user, struct gw_call_response *response);

struct gw_client *gw_client_new(struct event_base *base, const struct gw_client_options *options);
void gw_client_free(struct gw_client *client); /* cancels what is in flight */

/* Whether a call to the URL's host would stay within max_connections. The client does not hold a
 * call back: who starts one where there is no room gets another connection. So the caller's time
 * limits and breakers see calls that are on their way, never calls that stand in a queue. */
bool gw_client_has_room(const struct gw_client *client, const char *url);

struct gw_call *gw_client_start(struct gw_client *client, const struct gw_call_request *request,
                                gw_call_done_fn done, void *user);
void gw_call_cancel(struct gw_call *call); /* `done` is not called; the call is gone */

#endif
