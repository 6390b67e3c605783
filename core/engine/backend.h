/* A backend by name, and one call to it: breaker, then client, then the outcome told in the words
 * an operator knows. Retries come between breaker and client later; the caller never sees them.
 *
 * struct gw_backends is the process's list. It and each backend's breaker outlive the generations
 * that name them; registering the same name again gives the same backend with the new options,
 * which calls started from then on use. */
#ifndef GW_ENGINE_BACKEND_H
#define GW_ENGINE_BACKEND_H

#include "http/client.h"
#include "policy/breaker.h"

/* `error.kind` in a script, in this order. */
enum gw_failure {
    GW_FAILURE_NONE,
    GW_FAILURE_CONNECT,
    GW_FAILURE_DNS,
    GW_FAILURE_TLS,
    GW_FAILURE_TIMEOUT,
    GW_FAILURE_DEADLINE, /* the request's own deadline came first */
    GW_FAILURE_OPEN,     /* the breaker let nothing through */
    GW_FAILURE_REFUSED,  /* a limit of the gateway's own, or no request that could be sent */
    GW_FAILURE_STATUS,   /* 300 and above, but 304 */
    GW_FAILURE_DECODE,   /* the response broke off, or is not what it says it is */
    GW_FAILURE_TOO_LARGE,
    GW_FAILURE_CANCELLED,
};
const char *gw_failure_name(enum gw_failure failure); /* "connect", ...; "none" for NONE */

struct gw_backend_options {
    const char
        *url; /* base, e.g. "http://inventory:8001"; a slash at its end is left out; copied */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    uint64_t max_response;             /* bytes */
    struct gw_breaker_options breaker; /* a lease is made to outlast the timeout */
};

struct gw_backends;
struct gw_backend;
struct gw_backend_call;

struct gw_backends *gw_backends_new(void);
void gw_backends_free(struct gw_backends *backends);

/* Thread-safe. NULL with the reason in *error (static text) for a bad url or option. */
struct gw_backend *gw_backends_define(struct gw_backends *backends, const char *name,
                                      const struct gw_backend_options *options, const char **error);
const char *gw_backend_name(const struct gw_backend *backend);
enum gw_breaker_state gw_backend_state(struct gw_backend *backend);

/* A breaker of its own by name, for gateway.breaker(); thread-safe, lives as long as the list. */
struct gw_breaker *gw_backends_breaker(struct gw_backends *backends, const char *name,
                                       const struct gw_breaker_options *options);

/* Everything is copied by gw_backend_start(). */
struct gw_backend_request {
    const char *method;
    struct gw_str path;          /* from "/", already encoded, with its query */
    const struct gw_str *fields; /* "name: value" lines; x-correlation-id is among them */
    unsigned n_fields;
    struct gw_str body;
    bool has_body;
    int64_t timeout_ms;  /* 0: the backend's */
    int64_t deadline_ms; /* of the request it serves, monotonic; 0: none */
};

struct gw_backend_result {
    enum gw_failure failure;
    unsigned status; /* 0 if there was no response */
    unsigned attempts;
    struct gw_buf fields, body; /* as in gw_call_response; may be moved out */
    const char *error;          /* for people, static text */
    int64_t retry_after_ms;     /* for GW_FAILURE_OPEN, else 0 */
    int64_t duration_us;
};

typedef void (*gw_backend_done_fn)(void *user, struct gw_backend_result *result);

/* `done` is called exactly once, from the loop and never from within the start, unless the call is
 * cancelled. A call must have ended or been cancelled before its client is freed. */
struct gw_backend_call *gw_backend_start(struct gw_backend *backend, struct gw_client *client,
                                         struct event_base *base,
                                         const struct gw_backend_request *request,
                                         gw_backend_done_fn done, void *user);
void gw_backend_cancel(struct gw_backend_call *call); /* `done` is not called */

#endif
