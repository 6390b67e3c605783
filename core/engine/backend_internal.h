/* What the files of core/engine share of a backend and its calls. backends.c is the list,
 * backend_desk.c what operators see and do, target.c a backend's options, hosts.c and
 * health_check.c its hosts; caller.c is a worker's side, backend.c a call from start to end,
 * waiting.c the line before it and attempt.c one try. Not for others. */
#ifndef GW_ENGINE_BACKEND_INTERNAL_H
#define GW_ENGINE_BACKEND_INTERNAL_H

#include "engine/backend.h"
#include "policy/balancer.h"
#include "policy/bulkhead.h"
#include "policy/health.h"
#include "policy/metric_meter.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* --- What all workers share --- */

/* One for each state of a breaker, found when they are first shown. */
struct gw_breaker_gauges {
    bool are_found;
    struct gw_metric states[GW_BREAKER_DISABLED + 1];
};

/* One address of a backend. What is known of it outlives the options that name it. */
struct gw_backend_host {
    struct gw_backend_host *next; /* of the backend */
    struct gw_backend *backend;
    char *url;                  /* owned; without a slash at its end */
    struct gw_breaker *breaker; /* owned; asked only with breaker_per_host */
    pthread_mutex_t mutex;      /* guards `health`; taken by health checks only */
    struct gw_health health;
    atomic_bool is_out;      /* by its health checks */
    atomic_uint n_in_flight; /* attempts */
    struct gw_breaker_gauges gauges;
    struct gw_metric out_gauge;
};

/* What calls need of a backend's options. Never changed and never freed before the backend: a call
 * may begin while another thread defines the backend anew, and ends with those it began with. */
struct gw_target {
    struct gw_target *next; /* of the backend's list */
    char *key;              /* owned: the options as text; equal texts are one target */
    int64_t connect_timeout_ms, timeout_ms, try_timeout_ms;
    uint64_t max_response;
    int64_t hedge_ms;
    bool breaker_per_host, count_429;
    unsigned max_concurrent;
    struct gw_retry_options retry;
    struct gw_health_check health; /* path owned */
    struct gw_balancer *balancer;  /* owned; of `hosts`, by index */
    unsigned n_hosts;
    struct gw_backend_host *hosts[]; /* the backend's */
};

struct gw_backend {
    struct gw_backend *next;        /* of the list */
    char *name;                     /* owned */
    struct gw_breaker *breaker;     /* owned */
    struct gw_retry_budget *budget; /* owned */
    struct gw_meter *meter;         /* not owned */
    struct gw_breaker_gauges gauges;
    struct gw_bulkhead bulkhead;
    struct gw_backend_host *hosts;      /* owned: each there has been, as the targets */
    struct gw_target *targets;          /* owned; both lists are guarded by the list's mutex */
    _Atomic(struct gw_target *) target; /* the one for new calls */
    _Atomic(const char *) last_error;   /* static text: what the last failure was */
    _Atomic(int64_t) next_check_ms;     /* whoever moves it on checks the hosts' health */
};

/* target.c: why such options cannot be, or NULL; the target for them; and the end of all. */
const char *gw_target_fault(const struct gw_backend_options *options);
struct gw_target *gw_target_for(struct gw_backend *backend,
                                const struct gw_backend_options *options,
                                const struct gw_breaker_options *breaker);
void gw_target_free_all(struct gw_backend *backend);

/* hosts.c: the backend's host of that url, new or not. */
struct gw_backend_host *gw_backend_host(struct gw_backend *backend, struct gw_str url);
void gw_backend_configure_host(struct gw_backend_host *host,
                               const struct gw_breaker_options *breaker,
                               const struct gw_health_check *health);
void gw_backend_free_hosts(struct gw_backend *backend);

/* backend_desk.c: a host that is new, or there again, is as an operator wants the backend. */
void gw_backend_host_obey(struct gw_backend_host *host);

/* backend_metrics.c: shows the state of what there is, with the list's mutex held. */
void gw_backend_measure(struct gw_backend *backend, int64_t now_ms);
void gw_breaker_measure(const char *name, struct gw_breaker_gauges *gauges,
                        struct gw_breaker *breaker, int64_t now_ms); /* of gateway.breaker */

/* backends.c: one line for each change of a breaker, which is counted, too; `host` is NULL for the
 * backend's own. */
void gw_backend_tell_change(const struct gw_backend *backend, const char *host,
                            const struct gw_breaker_change *change);

/* --- One worker's --- */

TAILQ_HEAD(gw_backend_calls, gw_backend_call);

/* The calls of one worker that wait for a place at one backend, or for a connection to it, first
 * come, first served. */
struct gw_line {
    struct gw_line *next; /* of the caller */
    struct gw_backend *backend;
    struct gw_backend_calls calls;
    struct event timer; /* while there are any: looks who is late, and for a free connection */
};

struct gw_caller {
    struct event_base *base;
    struct gw_client *client;
    struct gw_line *lines; /* owned; by backend, made when first needed */
    int granted_fd;        /* eventfd: a call of a line has got a place, from any worker */
    struct event granted;
    struct gw_checker *checkers; /* owned; likewise */
    struct gw_buf url;           /* of the attempt that is being started; kept for its memory */
    uint64_t random;             /* state of gw_caller_random() */
};

#define GW_LOOK_MS 5 /* how soon who waits for a connection looks again */

uint64_t gw_caller_random(struct gw_caller *caller);

/* --- A call --- */

/* One request on its way to one host. Embedded in its call. */
struct gw_attempt {
    struct gw_backend_call *call;
    struct gw_call *sent; /* NULL: not in flight */
    struct gw_breaker_permit permit;
    unsigned host; /* index of the target's */
    struct gw_breaker_permit host_permit;
    bool has_host_permit;
    bool ends_call; /* when its time is over, so is the call's */
    bool cut_short; /* has less than half of the time that the operator gives one */
    bool has_place; /* of the hedge: a second one in the bulkhead, beside its call's */
    uint16_t span;  /* of the call's record, while it is in flight */
};

enum gw_backend_phase {
    GW_BACKEND_IN_LINE,   /* waits for a place */
    GW_BACKEND_IN_FLIGHT, /* one attempt is in flight, or two */
    GW_BACKEND_PAUSING,   /* before the next attempt; `result` is that of the last one */
    GW_BACKEND_ANSWERED,  /* `result` is delivered in this turn of the loop */
};

struct gw_backend_call {
    struct gw_backend *backend;
    const struct gw_target *target; /* as the call began */
    struct gw_caller *caller;
    struct gw_backend_request request;
    gw_backend_done_fn done;
    void *user;
    enum gw_backend_phase phase;
    bool idempotent;
    bool needs_place; /* in the bulkhead */
    bool has_place;
    bool deadline_first; /* `until_ms` is the request's deadline, not the call's timeout */
    bool is_hedged;
    int64_t started_us, until_ms;
    uint64_t tried;                       /* hosts, by bit */
    uint16_t waiting_span;                /* of the record: in line, or in the pause */
    TAILQ_ENTRY(gw_backend_call) waiting; /* in the line */
    struct gw_bulkhead_waiter waiter;
    int64_t pause_until_ms;
    struct gw_attempt attempts[2]; /* the second is the hedge */
    struct event timer; /* in flight: to the hedge; in the pause: to its end; then: to deliver */
    struct gw_backend_result result;
};

/* backend.c */
void gw_backend_begin(struct gw_backend_call *call); /* it has its place */
void gw_backend_answer(struct gw_backend_call *call, enum gw_failure failure, const char *error);
void gw_backend_answer_open(struct gw_backend_call *call, int64_t retry_after_ms);
const char *gw_backend_error(enum gw_failure failure, const struct gw_call_response *response);

/* What an attempt got; it may take the buffers of `response`. The last that it does. */
void gw_backend_attempt_ended(struct gw_attempt *attempt, enum gw_failure failure,
                              struct gw_call_response *response);

enum gw_start {
    GW_START_SENT,
    GW_START_OPEN,    /* the breaker lets nothing through, for *retry_after_ms */
    GW_START_NO_ROOM, /* no connection is free where it could go */
};

/* attempt.c */
enum gw_start gw_attempt_start(struct gw_attempt *attempt, int64_t now_ms, int64_t *retry_after_ms);

void gw_attempt_cancel(struct gw_attempt *attempt); /* if it is in flight */

/* hosts.c: whether there is a host that one more attempt could go to. */
bool gw_hosts_have_room(const struct gw_backend_call *call, int64_t now_ms);

/* Chooses the attempt's host, where there is room, and lets it go. False: there is none. */
bool gw_hosts_pick(struct gw_attempt *attempt, int64_t now_ms);

/* Whether hosts have breakers of their own and another host than the attempt's is well. */
bool gw_hosts_has_another(const struct gw_attempt *attempt, int64_t now_ms);
void gw_hosts_release(struct gw_attempt *attempt, enum gw_breaker_report report,
                      int64_t duration_ms, int64_t now_ms);

/* note.c: what is noted of a call in the record of the request it serves, if that has one. */
void gw_note_waiting(struct gw_backend_call *call, enum gw_span_kind kind); /* line or pause */
void gw_note_waited(struct gw_backend_call *call);
void gw_note_open(struct gw_backend_call *call); /* not sent */
void gw_note_attempt(struct gw_attempt *attempt);
void gw_note_attempt_ended(struct gw_attempt *attempt, enum gw_failure failure,
                           const struct gw_call_response *response); /* NULL: cancelled */
void gw_note_change(struct gw_attempt *attempt, enum gw_breaker_state from,
                    enum gw_breaker_state to); /* of the breaker, by the attempt's end */

/* waiting.c: true if the call stands in line; else its line is full. */
bool gw_line_join(struct gw_backend_call *call);
void gw_line_leave(struct gw_backend_call *call);
bool gw_line_has_place(struct gw_backend_call *call);                     /* takes it */
void gw_line_give_place_back(struct gw_backend_call *call);               /* if it has one */
void gw_line_moves(struct gw_caller *caller, struct gw_backend *backend); /* there may be room */
void gw_lines_init(struct gw_caller *caller);
void gw_lines_fini(struct gw_caller *caller);

/* health_check.c: from the first call on, where the target asks for it. */
void gw_health_watch(struct gw_caller *caller, struct gw_backend *backend);
void gw_health_forget_all(struct gw_caller *caller);

#endif
