/* core.fetch(requests, limit): many backend calls, one sleep. All strings are copied into
 * the batch before the first call is sent, so that nothing of the script is needed while it sleeps
 * and bad arguments are found before anything happens. */
#include "lua/core.h"
#include "lua/described.h"
#include "lua/result.h"

#include "base/clock.h"

#include <lauxlib.h>
#include <string.h>

#define META     "gateway.batch"
#define MAX_TEXT ((size_t)64 << 20) /* bytes, of all requests: they are copied */

/* A call that has a fallback ends a little before the request's deadline, so that there is time
 * left to use the fallback: a twentieth of what is left, at most this. */
#define RESERVE_MS 100

enum { REQUESTS = 1, LIMIT = 2 }; /* stack of l_fetch and k_fetch */

struct slot {
    struct gw_batch *batch;
    struct gw_described request;
    struct gw_backend_call *call; /* while in flight; NULL before and after */
    uint16_t span;                /* of the record, once it is sent */
    bool done;
    struct gw_backend_result result;
};

struct gw_batch {
    struct gw_wait wait;
    struct gw_flow *flow;
    struct gw_trace *trace; /* held while something is pending; NULL: none */
    unsigned n, sent, pending, limit, in_flight;
    struct slot slots[];
};

/* --- ends --- */

static void release_slot(struct slot *slot) {
    if (slot->call)
        gw_backend_cancel(slot->call);
    slot->call = NULL;
    gw_described_fini(&slot->request);
    gw_buf_fini(&slot->result.fields);
    gw_buf_fini(&slot->result.body);
}

static void let_go_of_trace(struct gw_batch *batch) {
    gw_trace_let_go(batch->trace);
    batch->trace = NULL;
}

static void release(struct gw_batch *batch) {
    for (unsigned i = 0; i < batch->n; i++)
        release_slot(&batch->slots[i]);
    batch->n = 0;
    let_go_of_trace(batch);
}

static int l_batch_gc(lua_State *L) {
    release(lua_touserdata(L, 1));
    return 0;
}

/* --- what is recorded --- */

static void note_call(struct slot *slot, int64_t now_us) {
    struct gw_trace *trace = slot->batch->trace;
    slot->span = gw_span_begin(trace, GW_SPAN_CALL, slot->batch->flow->span, now_us);
    struct gw_span *span = gw_trace_span(trace, slot->span);
    if (!span)
        return;
    span->name = gw_backend_name(slot->request.backend);
    gw_span_set_target(trace, slot->span, slot->request.method, gw_buf_str(&slot->request.path));
}

/* One that was never sent is noted as well. */
static void note_end(struct slot *slot) {
    struct gw_trace *trace = slot->batch->trace;
    const struct gw_backend_result *result = &slot->result;
    if (!trace)
        return;
    if (slot >= slot->batch->slots + slot->batch->sent)
        note_call(slot, gw_clock_us());
    trace->n_calls++;
    struct gw_span *span = gw_trace_span(trace, slot->span);
    if (!span)
        return;
    span->failure = (uint8_t)result->failure;
    span->status = (uint16_t)result->status;
    span->count = (uint16_t)result->attempts;
    if (result->failure != GW_FAILURE_NONE && slot->request.has_fallback)
        span->flags |= GW_SPAN_FALLBACK;
    if (result->duration_us)
        span->duration_us = (uint32_t)result->duration_us;
    else
        gw_span_end(trace, slot->span, gw_clock_us());
}

static void finish_slot(struct slot *slot) {
    struct gw_batch *batch = slot->batch;
    slot->done = true;
    note_end(slot);
    if (--batch->pending > 0)
        return;
    gw_flow_leave_step(batch->flow);
    let_go_of_trace(batch);
}

static void cancel_rest(struct gw_batch *batch, enum gw_failure why) {
    for (unsigned i = 0; i < batch->n; i++) {
        struct slot *slot = &batch->slots[i];
        if (slot->done)
            continue;
        slot->result.failure = why;
        slot->result.attempts = slot->call ? gw_backend_attempts(slot->call) : 0;
        slot->result.error = "cancelled";
        if (slot->call)
            gw_backend_cancel(slot->call);
        slot->call = NULL;
        finish_slot(slot);
    }
}

static void cancel_wait(struct gw_wait *wait, enum gw_failure why) {
    cancel_rest((struct gw_batch *)wait, why);
    gw_flow_wake(wait->flow);
}

/* --- sending --- */

static int64_t deadline_of(const struct slot *slot) {
    const struct gw_flow *flow = slot->batch->flow;
    int64_t deadline = gw_flow_root(slot->batch->flow)->deadline_ms;
    if (flow->shield || !deadline)
        return 0;
    if (!slot->request.has_fallback)
        return deadline;
    int64_t reserve = (deadline - gw_clock_ms()) / 20;
    return deadline - (reserve > RESERVE_MS ? RESERVE_MS : reserve > 0 ? reserve : 0);
}

static void advance(struct gw_batch *batch);

static void on_done(void *user, struct gw_backend_result *result) {
    struct slot *slot = user;
    struct gw_batch *batch = slot->batch;
    slot->call = NULL;
    slot->result = *result;
    result->fields = result->body = (struct gw_buf){0}; /* taken */
    batch->in_flight--;
    finish_slot(slot);
    if (slot->result.failure != GW_FAILURE_NONE && !slot->request.has_fallback)
        cancel_rest(batch, GW_FAILURE_CANCELLED);
    advance(batch);
}

static void send_slot(struct slot *slot, int64_t now_us) {
    struct gw_batch *batch = slot->batch;
    const struct gw_host *host = &batch->flow->state->host;
    const struct gw_flow *root = gw_flow_root(batch->flow);
    const struct gw_described *described = &slot->request;
    struct gw_backend_request request = {
        .method = described->method,
        .path = gw_buf_str(&described->path),
        .fields = gw_buf_str(&described->fields),
        .body = gw_buf_str(&described->body),
        .has_body = described->has_body,
        .check = described->raw ? NULL : gw_result_check,
        .repeat = described->repeat,
        .attempts = described->attempts,
        .timeout_ms = described->timeout_ms,
        .try_timeout_ms = described->try_timeout_ms,
        .hedge_ms = described->hedge_ms,
        .deadline_ms = deadline_of(slot),
        .allowance_ms = batch->flow->shield ? 0 : root->allowance_ms,
        .deadline_is_callers = root->deadline_is_callers,
        .trace = batch->trace,
    };
    if (batch->trace)
        note_call(slot, now_us);
    request.span = slot->span;
    batch->in_flight++;
    slot->call = gw_backend_start(described->backend, host->caller, &request, on_done, slot);
}

static void send_more(struct gw_batch *batch) {
    int64_t now_us = batch->trace ? gw_clock_us() : 0;
    while (batch->sent < batch->n && batch->in_flight < batch->limit)
        send_slot(&batch->slots[batch->sent++], now_us);
}

static void advance(struct gw_batch *batch) {
    if (batch->pending)
        send_more(batch);
    else
        gw_flow_wake(batch->flow);
}

/* --- arguments: protected, before anything is sent --- */

static void l_read_request(lua_State *L, struct slot *slot) {
    struct gw_flow *root = gw_flow_root(slot->batch->flow);
    gw_buf_printf(&slot->request.fields, "x-correlation-id: %s\n", root->id);
    l_describe(L, -1, &slot->request);
}

/* The box first, empty; then what it owns. */
static struct gw_batch *l_new_batch(lua_State *L, struct gw_flow *flow, size_t n) {
    size_t size = sizeof(struct gw_batch) + n * sizeof(struct slot);
    struct gw_batch *batch = lua_newuserdatauv(L, size, 0);
    memset(batch, 0, size);
    batch->flow = flow;
    batch->wait.cancel = cancel_wait;
    luaL_setmetatable(L, META);
    for (unsigned i = 0; i < n; i++) {
        batch->slots[i].batch = batch;
        batch->slots[i].span = GW_SPAN_NONE;
    }
    batch->n = (unsigned)n;
    return batch;
}

static unsigned l_opt_count(lua_State *L, int index, unsigned otherwise) {
    lua_Integer value = luaL_optinteger(L, index, (lua_Integer)otherwise);
    luaL_argcheck(L, value >= 1 && value <= UINT32_MAX, index, "must be at least 1");
    return (unsigned)value;
}

/* --- the answer: built in the continuation, protected --- */

static int k_fetched(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    struct gw_batch *batch = (struct gw_batch *)ctx;
    l_raise_if_cancelled(L, batch->flow);
    lua_createtable(L, (int)batch->n, 0);
    for (unsigned i = 0; i < batch->n; i++) {
        lua_rawgeti(L, REQUESTS, i + 1);
        l_push_result(L, &batch->slots[i].result, batch->slots[i].request.raw);
        lua_rawseti(L, -2, i + 1);
    }
    release(batch);
    return 1;
}

static int l_fetch(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    luaL_checktype(L, REQUESTS, LUA_TTABLE);
    lua_settop(L, LIMIT);
    l_raise_if_cancelled(L, flow);
    size_t n = lua_rawlen(L, REQUESTS), text = 0;
    struct gw_batch *batch = l_new_batch(L, flow, n);
    batch->limit = l_opt_count(L, LIMIT, UINT32_MAX);
    for (unsigned i = 0; i < n; i++) {
        lua_rawgeti(L, REQUESTS, i + 1);
        l_read_request(L, &batch->slots[i]);
        text += batch->slots[i].request.body.len + batch->slots[i].request.fields.len;
        if (text > MAX_TEXT)
            return luaL_error(L, "the requests are larger than 64 MiB together");
        lua_pop(L, 1);
    }
    if (n == 0)
        return k_fetched(L, LUA_OK, (lua_KContext)batch);
    batch->pending = (unsigned)n;
    batch->trace = gw_flow_root(flow)->trace;
    gw_trace_hold(batch->trace);
    gw_flow_wait(flow, &batch->wait);
    send_more(batch);
    return lua_yieldk(L, 0, (lua_KContext)batch, k_fetched);
}

static const luaL_Reg functions[] = {
    {"fetch", l_fetch},
    {NULL, NULL},
};

void l_register_fetch(lua_State *L) {
    l_new_metatable(L, META, l_batch_gc);
    luaL_setfuncs(L, functions, 0);
}
