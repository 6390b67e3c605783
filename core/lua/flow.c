#include "lua/children.h"
#include "lua/flow_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/timer.h"
#include "policy/metric_core.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_FIRST_MS 10
#define TURN_US        5000 /* that scripts may run before sockets are looked at again */
#define JOB_LIMIT_MS   (600 * 1000)

struct gw_flow *gw_flow_root(struct gw_flow *flow) {
    while (flow->kind == GW_FLOW_CHILD)
        flow = gw_children_parent(flow->group);
    return flow;
}

int64_t gw_flow_started_us(const struct gw_flow *root) {
    return root->exchange ? gw_exchange_started_us(root->exchange) : root->started_ms * 1000;
}

/* --- the ready list --- */

static void note_waited(struct gw_flow *flow) {
    if (flow->wait && flow->wait->span != GW_SPAN_NONE)
        gw_span_end(gw_flow_root(flow)->trace, flow->wait->span, gw_clock_us());
}

void gw_flow_wake(struct gw_flow *flow) {
    struct gw_state *state = flow->state;
    note_waited(flow);
    flow->wait = NULL;
    if (flow->queued)
        return;
    flow->queued = flow->started = true;
    flow->next_ready = NULL;
    if (state->ready_last)
        state->ready_last->next_ready = flow;
    else
        state->ready_first = flow;
    if (!state->ready_last)
        event_active(state->ready_event, 0, 0);
    state->ready_last = flow;
}

static struct gw_flow *take_ready(struct gw_state *state) {
    struct gw_flow *flow = state->ready_first;
    if (!flow)
        return NULL;
    state->ready_first = flow->next_ready;
    if (!state->ready_first)
        state->ready_last = NULL;
    flow->queued = false;
    return flow;
}

static void unqueue(struct gw_flow *flow) {
    struct gw_state *state = flow->state;
    struct gw_flow *before = NULL;
    for (struct gw_flow *at = state->ready_first; flow->queued && at;
         before = at, at = at->next_ready)
        if (at == flow) {
            *(before ? &before->next_ready : &state->ready_first) = flow->next_ready;
            if (state->ready_last == flow)
                state->ready_last = before;
            flow->queued = false;
        }
}

/* --- the door --- */

/* Runs protected in the main state: the coroutine and its anchor may want memory. */
static int l_create(lua_State *L) {
    struct gw_flow *flow = lua_touserdata(L, 1);
    lua_State *co = lua_newthread(L);
    flow->co_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    flow->co = co;
    return 0;
}

static int k_main_done(lua_State *L, int status, lua_KContext ctx) {
    (void)L, (void)status, (void)ctx;
    return 0;
}

static void l_push_text(lua_State *L, struct gw_str text) {
    lua_pushlstring(L, text.data, text.len);
}

/* The coroutine's body: calls the prelude's entry, which catches everything but want of memory. */
static int l_main(lua_State *L) {
    struct gw_flow *flow = lua_touserdata(L, 1);
    struct gw_state *state = flow->state;
    if (flow->kind == GW_FLOW_REQUEST) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->request_entry);
        lua_pushinteger(L, flow->match.route + 1);
        l_push_request(L, flow);
        lua_callk(L, 2, 0, 0, k_main_done);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->job_entry);
        l_push_text(L, gw_job_kind(flow->job));
        l_push_text(L, gw_job_args(flow->job));
        l_push_text(L, gw_job_id(flow->job));
        lua_callk(L, 3, 0, 0, k_main_done);
    }
    return k_main_done(L, LUA_OK, 0);
}

static bool create(struct gw_flow *flow) {
    lua_State *L = flow->state->L;
    lua_pushcfunction(L, l_create);
    lua_pushlightuserdata(L, flow);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return true;
    lua_pop(L, 1);
    return false;
}

/* Only pushes a function without upvalues and a light pointer: neither asks for memory. */
static bool prepare(struct gw_flow *flow) {
    flow->resumed = true;
    if (!flow->co && !create(flow))
        return false;
    lua_pushcfunction(flow->co, flow->kind == GW_FLOW_CHILD ? l_child_main : l_main);
    lua_pushlightuserdata(flow->co, flow);
    return true;
}

/* An error has escaped the entry: the text of it stays for gw_flow_log_escaped(). Where the script
 * is stopped nothing of it is to run any more, and could not be interrupted, as the hook itself
 * raised the error. */
static void close_variables(struct gw_flow *flow, const struct gw_account *account) {
    if (account->stop == GW_STOP_NONE)
        lua_resetthread(flow->co);
}

static int resume(struct gw_flow *flow) {
    struct gw_state *state = flow->state;
    bool first = !flow->resumed;
    if (first && !prepare(flow))
        return LUA_ERRMEM;
    int n_results;
    struct gw_account *account = &gw_flow_root(flow)->account;
    struct gw_trace *trace = gw_flow_root(flow)->trace;
    uint16_t span =
        trace ? gw_span_begin(trace, GW_SPAN_SCRIPT, GW_SPAN_ROOT, gw_clock_us()) : GW_SPAN_NONE;
    gw_budget_begin(state, flow->co, account, flow->shield ? &flow->undo_left_us : NULL);
    state->current = flow;
    int status = lua_resume(flow->co, state->L, first ? 1 : 0, &n_results);
    state->current = NULL;
    if (status != LUA_OK && status != LUA_YIELD)
        close_variables(flow, account);
    gw_budget_end(state, flow->co);
    if (trace)
        gw_span_end(trace, span, gw_clock_us());
    return status;
}

static void end_request(struct gw_flow *flow) {
    struct gw_exchange *exchange = flow->exchange;
    if (!exchange)
        return;
    if (flow->replied == GW_REPLY_DROP)
        gw_exchange_drop(exchange);
    else if (flow->replied == GW_REPLY_SET)
        gw_exchange_reply(exchange, &flow->reply);
    else
        gw_exchange_reply_problem(exchange, 500, "internal error");
}

/* The entry has reported already, unless it could not even do that. A job that was cancelled has
 * been interrupted: it ends as it began. */
static void end_job(struct gw_flow *flow) {
    if (flow->job_outcome != GW_JOB_INTERRUPTED || flow->cancelled == GW_FAILURE_CANCELLED)
        return;
    flow->job_outcome = GW_JOB_FAILED;
    gw_buf_append_str(&flow->job_text, GW_STR("internal error"));
}

static void count_stop(const char *kind) {
    bool is_memory = strcmp(kind, "script_memory") == 0;
    gw_metric_add(is_memory ? gw_count.stopped_for_memory : gw_count.stopped_for_cpu, 1);
}

/* What a flow that was stopped leaves behind may be much; its garbage must not count against those
 * that come after it. */
static void clean_up(struct gw_flow *flow) {
    const char *stop = gw_account_kind_of_stop(&gw_flow_root(flow)->account);
    if (stop && flow->kind != GW_FLOW_CHILD)
        count_stop(stop);
    gw_flow_free_coroutine(flow);
    if (stop && strcmp(stop, "script_memory") == 0)
        gw_budget_tidy(flow->state);
}

static void end(struct gw_flow *flow, int status) {
    if (status != LUA_OK)
        gw_flow_log_escaped(flow, status);
    if (status != LUA_OK || gw_flow_root(flow)->account.stop != GW_STOP_NONE)
        clean_up(flow);
    gw_key_release(flow->key); /* before its client, who may use it again, has the answer */
    flow->key = NULL;
    switch (flow->kind) {
    case GW_FLOW_REQUEST:
        end_request(flow);
        break;
    case GW_FLOW_JOB:
        end_job(flow);
        break;
    case GW_FLOW_CHILD:
        gw_children_ended(flow, status == LUA_OK);
        break;
    }
    gw_flow_free(flow);
}

static void run(struct gw_flow *flow) {
    int status = resume(flow);
    if (status != LUA_YIELD)
        end(flow, status);
}

/* Scripts that compute for long must not keep the loop from its sockets, one after the other: what
 * is left waits for the next turn. */
static void run_ready(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_state *state = user;
    int64_t until_us = gw_clock_us() + TURN_US;
    for (struct gw_flow *flow; (flow = take_ready(state));) {
        run(flow);
        if (state->ready_first && gw_clock_us() > until_us) {
            gw_timer_set(state->ready_event, 0);
            return;
        }
    }
}

/* --- requests --- */

static struct gw_trace *begin_trace(const struct gw_flow *flow, const struct gw_message *message) {
    struct gw_trace_start start = {
        .kind = GW_TRACE_REQUEST,
        .generation = flow->state->host.generation,
        .started_us = gw_exchange_started_us(flow->exchange),
        .correlation_id = gw_str_from(flow->id),
        .route = gw_str_from(gw_flow_route(flow)->label),
    };
    return gw_trace_begin_request(flow->state->host.tracer, &start, message);
}

enum gw_route_outcome gw_flow_open(struct gw_state *state, struct gw_exchange *exchange,
                                   struct gw_flow **out, struct gw_buf *allow) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_flow *flow = gw_flow_new(state, GW_FLOW_REQUEST);
    enum gw_route_outcome outcome = gw_router_find(state->router, gw_message_method(message),
                                                   gw_message_path(message), &flow->match);
    if (outcome != GW_ROUTE_FOUND) {
        gw_buf_append_str(allow, gw_buf_str(&flow->match.allow));
        gw_flow_free(flow);
        return outcome;
    }
    struct gw_str id = gw_exchange_id(exchange);
    memcpy(flow->id, id.data, id.len);
    flow->exchange = exchange;
    flow->allowance_ms = gw_flow_route(flow)->deadline_ms;
    flow->deadline_ms = flow->started_ms + flow->allowance_ms;
    flow->account.cpu = gw_flow_route(flow)->meter->script_cpu;
    flow->trace = begin_trace(flow, message);
    *out = flow;
    return outcome;
}

int64_t gw_flow_count(struct gw_flow *flow, _Atomic int64_t *in_work) {
    flow->in_work = in_work;
    return atomic_fetch_add_explicit(in_work, 1, memory_order_relaxed) + 1;
}

void gw_flow_lower_deadline(struct gw_flow *flow, int64_t left_ms) {
    int64_t deadline_ms = flow->started_ms + left_ms;
    if (deadline_ms >= flow->deadline_ms)
        return;
    flow->deadline_ms = deadline_ms;
    flow->deadline_is_callers = true;
}

static void note_parsed(struct gw_flow *flow) {
    uint16_t span = gw_span_begin(flow->trace, GW_SPAN_PARSE, GW_SPAN_ROOT,
                                  gw_exchange_started_us(flow->exchange));
    gw_span_end(flow->trace, span, gw_clock_us());
}

void gw_flow_start(struct gw_flow *flow) {
    if (flow->trace)
        note_parsed(flow);
    gw_flow_wake(flow);
}

struct gw_trace *gw_flow_trace(const struct gw_flow *flow) {
    return flow->trace;
}

const struct gw_route *gw_flow_route(const struct gw_flow *flow) {
    return &flow->state->routes[flow->match.route];
}

void gw_flow_abandon(struct gw_flow *flow) {
    flow->exchange = NULL;
    if (flow->resumed) {
        gw_flow_cancel(flow, GW_FAILURE_CANCELLED);
        return;
    }
    unqueue(flow);
    gw_flow_free(flow);
}

void gw_flow_replied(struct gw_flow *flow) {
    if (!flow->started)
        gw_flow_free(flow);
}

/* --- jobs --- */

static struct gw_metric cpu_of(struct gw_str job_kind) {
    struct gw_metric_family *family = gw_core_family(GW_CORE_JOB_CPU);
    return family ? gw_metric_series(family, &job_kind) : (struct gw_metric){0};
}

static struct gw_trace *begin_job_trace(const struct gw_flow *flow) {
    char route[128];
    struct gw_str kind = gw_job_kind(flow->job);
    int n = snprintf(route, sizeof route, "job %.*s", GW_STR_ARG(kind));
    struct gw_trace_start start = {
        .kind = GW_TRACE_JOB,
        .generation = flow->state->host.generation,
        .started_us = gw_clock_us(),
        .correlation_id = gw_str_from(flow->id),
        .path = gw_job_id(flow->job),
        .route = {route, (size_t)n < sizeof route ? (size_t)n : sizeof route - 1},
    };
    return gw_trace_begin(flow->state->host.tracer, &start);
}

struct gw_flow *gw_flow_start_job(struct gw_state *state, struct gw_job *job) {
    struct gw_flow *flow = gw_flow_new(state, GW_FLOW_JOB);
    struct gw_str id = gw_job_correlation_id(job);
    flow->job = job;
    flow->job_outcome = GW_JOB_INTERRUPTED;
    memcpy(flow->id, id.data, id.len < GW_ID_MAX ? id.len : GW_ID_MAX);
    flow->account.cpu = cpu_of(gw_job_kind(job));
    flow->allowance_ms = JOB_LIMIT_MS;
    flow->deadline_ms = flow->started_ms + JOB_LIMIT_MS;
    flow->trace = begin_job_trace(flow);
    gw_flow_wake(flow);
    return flow;
}

void gw_flow_cancel_job(void *flow) {
    gw_flow_cancel(flow, GW_FAILURE_CANCELLED);
}

/* --- waiting and cancelling --- */

static void deadline_passed(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    gw_flow_cancel(user, GW_FAILURE_DEADLINE);
}

/* Only a flow that waits needs the timer: one that never does runs to its end first. Its calls know
 * the deadline and come first, so that they end as late, which their breakers hear, and not as
 * cancelled, which they do not. */
static void set_timer(struct gw_flow *flow) {
    if (flow->timer_set || !flow->deadline_ms || flow->kind == GW_FLOW_CHILD)
        return;
    int64_t left = flow->deadline_ms - gw_clock_ms();
    evtimer_assign(&flow->deadline_timer, flow->state->host.base, deadline_passed, flow);
    gw_timer_set(&flow->deadline_timer, (left > 0 ? left : 0) + CALLS_FIRST_MS);
    flow->timer_set = true;
}

void gw_flow_wait(struct gw_flow *flow, struct gw_wait *wait) {
    set_timer(flow);
    wait->flow = flow;
    wait->span = GW_SPAN_NONE;
    flow->wait = wait;
}

void gw_flow_wait_noted(struct gw_flow *flow, struct gw_wait *wait, enum gw_span_kind kind) {
    struct gw_trace *trace = gw_flow_root(flow)->trace;
    gw_flow_wait(flow, wait);
    if (trace)
        wait->span = gw_span_begin(trace, kind, flow->span, gw_clock_us());
}

void gw_flow_leave_step(struct gw_flow *flow) {
    if (flow->span == GW_SPAN_ROOT)
        return;
    gw_span_end(gw_flow_root(flow)->trace, flow->span, gw_clock_us());
    flow->span = GW_SPAN_ROOT;
}

bool gw_flow_is_cancelled(const struct gw_flow *flow) {
    return flow->cancelled != GW_FAILURE_NONE && flow->shield == 0;
}

void gw_flow_cancel(struct gw_flow *flow, enum gw_failure why) {
    if (flow->cancelled == GW_FAILURE_NONE)
        flow->cancelled = why;
    if (flow->wait && gw_flow_is_cancelled(flow))
        flow->wait->cancel(flow->wait, why);
}

unsigned gw_state_flows(const struct gw_state *state) {
    return atomic_load_explicit(&state->n_flows, memory_order_relaxed);
}

void gw_state_cancel_flows(struct gw_state *state) {
    for (struct gw_flow *flow = state->flows, *next; flow; flow = next) {
        next = flow->next;
        if (flow->kind == GW_FLOW_REQUEST && !flow->started)
            gw_exchange_reply_problem(flow->exchange, 503, "the request took too long to arrive");
        else if (flow->kind != GW_FLOW_CHILD)
            gw_flow_cancel(flow, GW_FAILURE_CANCELLED);
    }
}

/* --- the state's part --- */

void gw_flows_init(struct gw_state *state) {
    if (state->host.base)
        state->ready_event = event_new(state->host.base, -1, 0, run_ready, state);
}

void gw_flows_fini(struct gw_state *state) {
    while (state->flows) {
        unqueue(state->flows);
        gw_flow_free(state->flows);
    }
    gw_flows_free_idle(state);
    gw_state_detach(state);
}
