/* What the files of core/lua share of a flow. A flow that sleeps has one `wait`: a Lua userdata on
 * its own stack, made by the yielding function, which knows how to cancel what is pending. Whoever
 * completes the wait calls gw_flow_wake(); the continuation then finds its userdata and builds the
 * result, protected. Yielding function, completion, cancel, continuation: the same four in each
 * file. */
#ifndef GW_LUA_FLOW_INTERNAL_H
#define GW_LUA_FLOW_INTERNAL_H

#include "lua/flow.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct gw_wait {
    struct gw_flow *flow;
    uint16_t span; /* of the flow's record: how long it waits */
    /* Ends everything that is pending, soon or at once; gw_flow_wake() follows in either case. */
    void (*cancel)(struct gw_wait *wait, enum gw_failure why);
};

enum gw_flow_kind { GW_FLOW_REQUEST, GW_FLOW_JOB, GW_FLOW_CHILD };

#define GW_FLOW_MAX_LOGGED 16 /* backend calls in the request's log line */

struct gw_flow {
    struct gw_state *state;
    struct gw_flow *next, *prev; /* in the state's flows */
    struct gw_flow *next_ready;
    enum gw_flow_kind kind;
    bool queued;  /* on the ready list */
    bool started; /* has been on it */
    bool resumed; /* has been in Lua */

    lua_State *co; /* anchored by co_ref in the registry; kept from an earlier run, or NULL */
    int co_ref;
    int context_ref; /* core.context(), LUA_NOREF until asked for */

    struct gw_wait *wait; /* NULL while it runs or is ready */
    enum gw_failure cancelled;
    unsigned n_raised;               /* how often the cancellation was raised */
    unsigned shield;                 /* depth: cancellation does not reach it while > 0 */
    int64_t started_ms, deadline_ms; /* monotonic; deadline 0: none */
    int64_t allowance_ms;            /* from start to deadline, as the operator says it */
    bool deadline_is_callers;        /* who lowered it */
    struct event deadline_timer;     /* set at the first wait */
    bool timer_set;

    struct gw_account account; /* of CPU and memory; a child uses its root's */
    int64_t undo_left_us;      /* of CPU, while the shield is up */

    _Atomic int64_t *in_work;     /* counts it; NULL: none does */
    struct gw_exchange *exchange; /* of a request, NULL once the client has gone */
    struct gw_route_match match;
    char id[GW_ID_MAX + 1]; /* the correlation id, also once the exchange is gone */
    struct gw_reply reply;
    enum { GW_REPLY_NONE, GW_REPLY_SET, GW_REPLY_DROP } replied;
    struct gw_trace *trace; /* held; a child has none: its root's. NULL: none */
    uint16_t span;          /* of the root's record: the saga's step that it is at, or the root */

    struct gw_saga_handle *sagas; /* that it opened and has not left; theirs */
    struct gw_key_claim *key;     /* owned; NULL: the request bears no idempotency key */

    struct gw_children *group; /* of a child */
    int index;                 /* of a child: its argument, from 1 */
    bool failed;               /* of a child: its function raised */

    struct gw_job *job; /* the engine's, until it is told the outcome */
    enum gw_job_outcome job_outcome;
    struct gw_buf job_text; /* the result, JSON; or why it failed */
};

/* flow_life.c */
struct gw_flow *gw_flow_new(struct gw_state *state, enum gw_flow_kind kind);
void gw_flow_free(struct gw_flow *flow);
void gw_flow_free_coroutine(struct gw_flow *flow);
void gw_flows_free_idle(struct gw_state *state);

void gw_flow_wake(struct gw_flow *flow); /* its wait is complete, or it is new: run it */

/* The flow that has id, deadline and context: itself, or a child's outermost parent. */
struct gw_flow *gw_flow_root(struct gw_flow *flow);

/* Microseconds, monotonic; in whole milliseconds once the client has gone. */
int64_t gw_flow_started_us(const struct gw_flow *root);

/* Whether a cancellation is to be raised now. */
bool gw_flow_is_cancelled(const struct gw_flow *flow);

/* Called before yielding with `wait`, after everything has been started. What the wait is for can
 * be noted in the record. */
void gw_flow_wait(struct gw_flow *flow, struct gw_wait *wait);
void gw_flow_wait_noted(struct gw_flow *flow, struct gw_wait *wait, enum gw_span_kind kind);

/* It is at no step of a saga any more, if it was. */
void gw_flow_leave_step(struct gw_flow *flow);

/* saga.c: at the end of the flow; what is not committed is undone, by itself. */
void gw_flow_leave_sagas(struct gw_flow *flow);

/* store.c: waits for what is on its way to them. No script runs any more. */
void gw_state_close_stores(struct gw_state *state);

/* request.c: pushes the table that the handler is given. */
void l_push_request(lua_State *L, struct gw_flow *flow);

/* Pushes a table of the lines "name: value\r\n", names in small letters; what comes several times
 * is joined by ", " (RFC 9110, 5.3). */
void l_push_fields(lua_State *L, struct gw_str lines);

/* flow_log.c: the record's calls that have ended, one by one, as they began; *at is 0 at first.
 * NULL after the last. */
const struct gw_span *gw_flow_next_call(const struct gw_trace *trace, unsigned *at);

/* An error that the prelude did not answer for: `status` is lua_resume()'s, its value on the top.
 */
void gw_flow_log_escaped(struct gw_flow *flow, int status);

/* flow.c's part in the making and the end of a state. */
void gw_flows_init(struct gw_state *state);
void gw_flows_fini(struct gw_state *state);

#endif
