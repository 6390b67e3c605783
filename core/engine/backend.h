/* A backend by name, and one call to it: a place among the backend's calls, its breaker, then
 * attempts at its hosts until one is answered; the outcome is told in the words an operator knows.
 * The caller sees one call and one result, however many attempts it took.
 *
 * struct gw_backends is the process's list. It and what each backend keeps of its past (breakers,
 * retry budget, calls in flight, the health of its hosts) are shared by all workers and outlive the
 * generations that name them; registering the same name again gives the same backend with the new
 * options, which calls started from then on use. */
#ifndef GW_ENGINE_BACKEND_H
#define GW_ENGINE_BACKEND_H

#include "engine/trace.h"
#include "http/client.h"
#include "policy/breaker.h"
#include "policy/retry.h"
#include "policy/retry_budget.h"

#define GW_BACKEND_MAX_HOSTS  64 /* as the balancer's */
#define GW_BACKEND_MAX_FIELDS 64 /* of a request */

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

/* --- The list --- */

struct gw_health_check {
    const char *path; /* asked of each host with GET; NULL: hosts are not checked */
    int64_t interval_ms;
    unsigned healthy, unhealthy; /* answers in a row to come back, and to go out */
};

/* Everything is copied. */
struct gw_backend_options {
    /* Bases, e.g. "http://inventory:8001"; a slash at the end is left out. All are equal. */
    const char *urls[GW_BACKEND_MAX_HOSTS];
    unsigned n_urls;
    int64_t connect_timeout_ms;
    int64_t timeout_ms;                /* of a call: waiting, attempts and pauses together */
    int64_t try_timeout_ms;            /* of an attempt; 0: as long as the call has */
    int64_t hedge_ms;                  /* of what may be sent twice; 0: never */
    uint64_t max_response;             /* bytes */
    struct gw_breaker_options breaker; /* a lease is made to outlast an attempt */
    bool breaker_per_host;             /* each host has another one of the same options */
    bool count_429;                    /* as a failure, for the breakers */
    struct gw_retry_options retry;
    struct gw_retry_budget_options budget;
    unsigned max_concurrent; /* calls at once, over all workers; 0: no limit */
    unsigned max_waiting;    /* further calls that wait for one of them to end */
    struct gw_health_check health;
};

struct gw_backends;
struct gw_backend;

struct gw_backends *gw_backends_new(void);
void gw_backends_free(struct gw_backends *backends);

/* Thread-safe. NULL with the reason in *error (static text) for a bad url or option. In two steps,
 * for scripts that may yet fail to load: to declare a backend finds it, or makes it with these
 * options, and changes nothing of one that is there; to configure it gives it the options, for
 * calls from then on. */
struct gw_backend *gw_backends_declare(struct gw_backends *backends, const char *name,
                                       const struct gw_backend_options *options,
                                       const char **error);
void gw_backends_configure(struct gw_backends *backends, struct gw_backend *backend,
                           const struct gw_backend_options *options);

/* Both steps. */
struct gw_backend *gw_backends_define(struct gw_backends *backends, const char *name,
                                      const struct gw_backend_options *options, const char **error);

/* A copy that owns its texts. */
void gw_backend_options_copy(struct gw_backend_options *to,
                             const struct gw_backend_options *options);
void gw_backend_options_fini(struct gw_backend_options *copy);

/* Also one that no live scripts name any more; NULL if none ever did. Thread-safe. */
struct gw_backend *gw_backends_find(struct gw_backends *backends, struct gw_str name);
const char *gw_backend_name(const struct gw_backend *backend);

/* Before metrics are read: the states of all breakers and hosts become those of now. */
void gw_backends_measure(struct gw_backends *backends);

/* A breaker of its own by name, for gateway.breaker(); thread-safe, lives as long as the list. The
 * options are those of a new one: one that is there keeps its own until gw_breaker_configure(). */
struct gw_breaker *gw_backends_breaker(struct gw_backends *backends, const char *name,
                                       const struct gw_breaker_options *options);

enum gw_breaker_state gw_backend_state(struct gw_backend *backend); /* of its own breaker */

/* What an operator may do; thread-safe, and for all who name the backend, until he says otherwise:
 * a reload changes nothing of it. To force it open closes the backend as a whole: no call reaches
 * any of its hosts, whose own breakers stay as they are. To close, to reset and to disable go for
 * the breakers of its hosts, too, since one of them that is open would still keep calls away. */
void gw_backend_force_open(struct gw_backend *backend);
void gw_backend_close(struct gw_backend *backend);
void gw_backend_reset(struct gw_backend *backend);
void gw_backend_disable(struct gw_backend *backend);

/* What there is to see of a backend at one moment, more or less: its parts are looked at one after
 * the other. Texts live as long as the backend. */
struct gw_backend_snapshot {
    struct gw_breaker_snapshot breaker; /* its own, whatever those of its hosts say */
    const char *last_error;             /* of the last failure that a breaker heard of; or NULL */
    unsigned in_flight;                 /* attempts, at all its hosts */
    unsigned max_concurrent;            /* 0: no limit */
    unsigned n_hosts;
    struct {
        const char *url;
        enum gw_breaker_state state; /* without breaker_per_host that of the backend */
        bool is_out;                 /* by its health checks */
        unsigned in_flight;
    } hosts[GW_BACKEND_MAX_HOSTS];
};
void gw_backend_snapshot(struct gw_backend *backend, struct gw_backend_snapshot *out);

/* --- A worker's side --- */

/* Where a worker's calls start: its loop and its client, and the calls that wait for a place. Used
 * by its thread only, and freed before its client; its calls have ended or been cancelled then. */
struct gw_caller;

struct gw_caller *gw_caller_new(struct event_base *base, struct gw_client *client);
void gw_caller_free(struct gw_caller *caller);

/* --- A call --- */

struct gw_backend_call;

enum gw_repeat {
    GW_REPEAT_BY_METHOD, /* what RFC 9110, 9.2.2 says of it */
    GW_REPEAT_ALLOWED,
    GW_REPEAT_FORBIDDEN,
};

struct gw_backend_request;

/* Looks at a whole response whose status is a success, in the loop: NULL if it can be used, else
 * why not (static text). Then it is a failure of kind decode, of which the breakers hear. */
typedef const char *(*gw_backend_check_fn)(const struct gw_backend_request *request,
                                           const struct gw_call_response *response);

/* What the slices point to stays the caller's and must live until the call has ended. */
struct gw_backend_request {
    const char *method;
    struct gw_str path;   /* from "/", already encoded, with its query */
    struct gw_str fields; /* lines "name: value", each ended by a line feed; x-correlation-id is
                             among them, at most GW_BACKEND_MAX_FIELDS - 1 in all */
    struct gw_str body;
    bool has_body;
    gw_backend_check_fn check; /* NULL: whatever it says will do */
    enum gw_repeat repeat;     /* whether it may be sent twice */
    unsigned attempts;         /* 0: the backend's */
    int64_t timeout_ms;        /* 0: the backend's */
    int64_t try_timeout_ms;    /* 0: the backend's */
    int64_t hedge_ms;          /* unanswered for so long: a second attempt; 0: the backend's */
    int64_t deadline_ms;       /* of the request it serves, monotonic; 0: none */
    int64_t allowance_ms;      /* what the operator gives that request in all; 0: no limit */
    bool deadline_is_callers;  /* who may ask for less than any backend needs */
    struct gw_trace *trace;    /* what happens is noted there; held by the caller. NULL: nowhere */
    uint16_t span;             /* of it, the call's: attempts and pauses are below it */
};

struct gw_backend_result {
    enum gw_failure failure;
    unsigned status; /* 0 if there was no response */
    unsigned attempts;
    struct gw_buf fields, body; /* as in gw_call_response; may be moved out */
    const char *error;          /* for people, static text */
    int64_t retry_after_ms;     /* for GW_FAILURE_OPEN and a full line, else 0 */
    int64_t duration_us;        /* of the whole call */
};

typedef void (*gw_backend_done_fn)(void *user, struct gw_backend_result *result);

/* `done` is called exactly once, from the loop and never from within the start, unless the call is
 * cancelled. */
struct gw_backend_call *gw_backend_start(struct gw_backend *backend, struct gw_caller *caller,
                                         const struct gw_backend_request *request,
                                         gw_backend_done_fn done, void *user);
unsigned gw_backend_attempts(const struct gw_backend_call *call); /* so far */
void gw_backend_cancel(struct gw_backend_call *call);             /* `done` is not called */

#endif
