/* The making and the end of flows. A few are kept for reuse, with their coroutines, so that a busy
 * worker allocates none. */
#include "lua/flow_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdlib.h>

#define KEPT_FLOWS 64 /* idle ones per state */

static struct gw_flow *take_idle(struct gw_state *state) {
    struct gw_flow *flow = state->idle_flows;
    if (!flow)
        return gw_calloc(1, sizeof *flow);
    state->idle_flows = flow->next;
    state->n_idle--;
    return flow;
}

/* No other thread writes it: a load and a store will do, and cost no more than of a plain number.
 */
static unsigned count_flows(struct gw_state *state, int change) {
    unsigned n = gw_state_flows(state) + (unsigned)change;
    atomic_store_explicit(&state->n_flows, n, memory_order_relaxed);
    return n;
}

struct gw_flow *gw_flow_new(struct gw_state *state, enum gw_flow_kind kind) {
    struct gw_flow *flow = take_idle(state);
    flow->state = state;
    flow->kind = kind;
    flow->context_ref = LUA_NOREF;
    flow->account.kind = kind == GW_FLOW_JOB ? GW_ACCOUNT_JOB : GW_ACCOUNT_REQUEST;
    flow->started_ms = gw_clock_ms();
    flow->next = state->flows;
    flow->prev = NULL;
    if (state->flows)
        state->flows->prev = flow;
    state->flows = flow;
    count_flows(state, 1);
    return flow;
}

static void unlink_flow(struct gw_flow *flow) {
    struct gw_state *state = flow->state;
    *(flow->prev ? &flow->prev->next : &state->flows) = flow->next;
    if (flow->next)
        flow->next->prev = flow->prev;
    if (count_flows(state, -1) == 0 && state->on_empty)
        state->on_empty(state->on_empty_user);
}

void gw_flow_free_coroutine(struct gw_flow *flow) {
    if (flow->co)
        luaL_unref(flow->state->L, LUA_REGISTRYINDEX, flow->co_ref);
    flow->co = NULL;
}

/* Everything a run leaves behind. The match's buffers and the coroutine, which has come to its end
 * and can run another function, stay for the next one. */
static void clear_flow(struct gw_flow *flow) {
    gw_flow_leave_sagas(flow);
    gw_key_release(flow->key);
    if (flow->trace && flow->job)
        flow->trace->is_failed =
            flow->job_outcome == GW_JOB_FAILED || flow->job_outcome == GW_JOB_FAILED_FOR_NOW;
    if (flow->job)
        gw_job_end(flow->job, flow->job_outcome, &flow->job_text);
    if (flow->timer_set)
        event_del(&flow->deadline_timer);
    if (flow->in_work)
        atomic_fetch_sub_explicit(flow->in_work, 1, memory_order_relaxed);
    if (flow->context_ref != LUA_NOREF)
        luaL_unref(flow->state->L, LUA_REGISTRYINDEX, flow->context_ref);
    gw_buf_fini(&flow->reply.fields);
    gw_buf_fini(&flow->reply.body);
    gw_trace_let_go(flow->trace);
    *flow = (struct gw_flow){
        .state = flow->state, .match = flow->match, .co = flow->co, .co_ref = flow->co_ref};
}

static void destroy_flow(struct gw_flow *flow) {
    gw_flow_free_coroutine(flow);
    gw_route_match_fini(&flow->match);
    free(flow);
}

void gw_flow_free(struct gw_flow *flow) {
    struct gw_state *state = flow->state;
    unlink_flow(flow);
    clear_flow(flow);
    if (state->n_idle == KEPT_FLOWS) {
        destroy_flow(flow);
        return;
    }
    flow->next = state->idle_flows;
    state->idle_flows = flow;
    state->n_idle++;
}

void gw_flows_free_idle(struct gw_state *state) {
    while (state->idle_flows) {
        struct gw_flow *flow = state->idle_flows;
        state->idle_flows = flow->next;
        destroy_flow(flow);
    }
}
