/* A flow: one run of a script in a coroutine of its own - a request's handler, a background job, or
 * a child of gateway.map. It belongs to its state and ends by itself; a request's flow ends by
 * replying to its exchange.
 *
 * There is one door into Lua: flows put on the ready list are resumed from an event of their own at
 * the end of the loop's turn, never from within a callback of libevent's or libcurl's. */
#ifndef GW_LUA_FLOW_H
#define GW_LUA_FLOW_H

#include "http/server.h"
#include "lua/state.h"

/* Finds the exchange's route. GW_ROUTE_FOUND: *flow is new and waits for gw_flow_start(). For
 * GW_ROUTE_METHOD_NOT_ALLOWED and GW_ROUTE_OPTIONS the methods are appended to `allow`. */
enum gw_route_outcome gw_flow_open(struct gw_state *state, struct gw_exchange *exchange,
                                   struct gw_flow **flow, struct gw_buf *allow);

/* Counts it among those in work until it ends; returns how many there are with it. */
int64_t gw_flow_count(struct gw_flow *flow, _Atomic int64_t *in_work);

/* The caller waits so long and no longer: the deadline comes earlier, never later. */
void gw_flow_lower_deadline(struct gw_flow *flow, int64_t left_ms);

/* The body is in: the script runs, at the end of this turn of the loop. */
void gw_flow_start(struct gw_flow *flow);

/* What is recorded of its request, until the flow ends; NULL: nothing. */
struct gw_trace *gw_flow_trace(const struct gw_flow *flow);

/* Runs a background job; at its end gw_job_end() is called. */
struct gw_flow *gw_flow_start_job(struct gw_state *state, struct gw_job *job);
void gw_flow_cancel_job(void *flow); /* as struct gw_job_work wants it */

/* Cancels the flow's calls and delivers the failure to the script, now and at each later call; what
 * is shielded (the undo of a saga) still runs to its end. */
void gw_flow_cancel(struct gw_flow *flow, enum gw_failure why);

/* The client has gone: cancels, and forgets the exchange. */
void gw_flow_abandon(struct gw_flow *flow);

/* The exchange has its reply. Where that was the server's, before the body was in, the flow will
 * never start and is freed. */
void gw_flow_replied(struct gw_flow *flow);

const struct gw_route *gw_flow_route(const struct gw_flow *flow);

/* Generation, route and backend calls. */
void gw_flow_log(const struct gw_flow *flow, struct gw_buf *line);

/* How many are in work (any thread may ask), and cancel them all: for the shutdown, and for scripts
 * that were replaced long ago. A request that is not all there yet is answered by 503. */
unsigned gw_state_flows(const struct gw_state *state);
void gw_state_cancel_flows(struct gw_state *state);

#endif
