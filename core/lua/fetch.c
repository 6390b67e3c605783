/* core.fetch(requests, limit): many backend calls, one sleep. All strings are copied into
 * the batch before the first call is sent, so that nothing of the script is needed while it sleeps
 * and bad arguments are found before anything happens. */
#include "lua/core.h"
#include "lua/json.h"
#include "lua/result.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/grammar.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define META        "gateway.batch"
#define MAX_FIELDS  (GW_BACKEND_MAX_FIELDS - 4) /* room for those of the gateway's own */
#define MAX_SECONDS 86400
#define MAX_TEXT    ((size_t)64 << 20) /* bytes, of all requests: they are copied */

/* A call that has a fallback ends a little before the request's deadline, so that there is time
 * left to use the fallback: a twentieth of what is left, at most this. */
#define RESERVE_MS 100

enum { REQUESTS = 1, LIMIT = 2 }; /* stack of l_fetch and k_fetch */

struct slot {
    struct gw_batch *batch;
    struct gw_backend *backend;
    char method[16];
    struct gw_buf path, fields, body; /* fields: lines, each ended by a line feed */
    bool has_body, has_fallback, raw;
    enum gw_repeat repeat;
    unsigned attempts;                            /* 0: the backend's */
    int64_t timeout_ms, try_timeout_ms, hedge_ms; /* likewise; no hedge */
    struct gw_backend_call *call;                 /* while in flight; NULL before and after */
    bool done;
    struct gw_backend_result result;
};

struct gw_batch {
    struct gw_wait wait;
    struct gw_flow *flow;
    unsigned n, sent, pending, limit, in_flight;
    struct slot slots[];
};

/* --- ends --- */

static void release_slot(struct slot *slot) {
    if (slot->call)
        gw_backend_cancel(slot->call);
    slot->call = NULL;
    gw_buf_fini(&slot->path);
    gw_buf_fini(&slot->fields);
    gw_buf_fini(&slot->body);
    gw_buf_fini(&slot->result.fields);
    gw_buf_fini(&slot->result.body);
}

static void release(struct gw_batch *batch) {
    for (unsigned i = 0; i < batch->n; i++)
        release_slot(&batch->slots[i]);
    batch->n = 0;
}

static int l_batch_gc(lua_State *L) {
    release(lua_touserdata(L, 1));
    return 0;
}

/* What the development mode's page shows besides. */
static void note_call(struct gw_flow *root, const struct slot *slot) {
    gw_buf_printf(&root->call_targets, "%s %.*s", slot->method,
                  GW_STR_ARG(gw_buf_str(&slot->path)));
    gw_buf_append_char(&root->call_targets, '\0');
    root->calls[root->n_calls - 1].ended_us = gw_clock_us() - gw_flow_started_us(root);
}

static void log_call(struct slot *slot) {
    struct gw_flow *root = gw_flow_root(slot->batch->flow);
    if (root->n_calls++ >= GW_FLOW_MAX_LOGGED)
        return;
    root->calls[root->n_calls - 1] = (struct gw_logged_call){
        .backend = gw_backend_name(slot->backend),
        .failure = slot->result.failure,
        .attempts = slot->result.attempts,
        .status = slot->result.status,
        .duration_us = slot->result.duration_us,
    };
    if (root->state->host.settings->development)
        note_call(root, slot);
}

static void finish_slot(struct slot *slot) {
    slot->done = true;
    slot->batch->pending--;
    log_call(slot);
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
    if (!slot->has_fallback)
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
    if (slot->result.failure != GW_FAILURE_NONE && !slot->has_fallback)
        cancel_rest(batch, GW_FAILURE_CANCELLED);
    advance(batch);
}

static void send_slot(struct slot *slot) {
    struct gw_batch *batch = slot->batch;
    const struct gw_host *host = &batch->flow->state->host;
    const struct gw_flow *root = gw_flow_root(batch->flow);
    struct gw_backend_request request = {
        .method = slot->method,
        .path = gw_buf_str(&slot->path),
        .fields = gw_buf_str(&slot->fields),
        .body = gw_buf_str(&slot->body),
        .has_body = slot->has_body,
        .check = slot->raw ? NULL : gw_result_check,
        .repeat = slot->repeat,
        .attempts = slot->attempts,
        .timeout_ms = slot->timeout_ms,
        .try_timeout_ms = slot->try_timeout_ms,
        .hedge_ms = slot->hedge_ms,
        .deadline_ms = deadline_of(slot),
        .allowance_ms = batch->flow->shield ? 0 : root->allowance_ms,
        .deadline_is_callers = root->deadline_is_callers,
    };
    batch->in_flight++;
    slot->call = gw_backend_start(slot->backend, host->caller, &request, on_done, slot);
}

static void send_more(struct gw_batch *batch) {
    while (batch->sent < batch->n && batch->in_flight < batch->limit)
        send_slot(&batch->slots[batch->sent++]);
}

static void advance(struct gw_batch *batch) {
    if (batch->pending)
        send_more(batch);
    else
        gw_flow_wake(batch->flow);
}

/* --- arguments: protected, before anything is sent --- */

/* What the gateway writes itself. */
static const char *const reserved[] = {
    "host",   "content-length",   "transfer-encoding",    "connection",
    "expect", "x-correlation-id", "x-request-timeout-ms", NULL,
};

static struct gw_str l_check_str(lua_State *L, int index) {
    struct gw_str s;
    s.data = lua_tolstring(L, index, &s.len);
    return s;
}

/* The name at -2 and the value at -1, which stay there. Numbers are copied first: converting a key
 * in place would confuse lua_next. */
static void l_add_header(lua_State *L, struct slot *slot) {
    if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
        luaL_error(L, "headers: names are strings, values strings or numbers");
    lua_pushvalue(L, -1);
    struct gw_str name = l_check_str(L, -3), value = gw_str_trim(l_check_str(L, -1));
    if (!gw_str_is_token(name) || gw_str_is_one_of_nocase(name, reserved))
        luaL_error(L, "headers: '%s' cannot be set", name.data);
    if (gw_str_span(value, GW_CHAR_FIELD) != value.len)
        luaL_error(L, "headers: the value of '%s' has a control character", name.data);
    gw_buf_append_str(&slot->fields, name);
    gw_buf_append(&slot->fields, ": ", 2);
    gw_buf_append_str(&slot->fields, value);
    gw_buf_append_char(&slot->fields, '\n');
    lua_pop(L, 1);
}

/* --- one option each: its name and value are on the top and stay there --- */

static void l_headers(lua_State *L, struct slot *slot) {
    int n = 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (++n > MAX_FIELDS)
            luaL_error(L, "headers: at most %d", MAX_FIELDS);
        l_add_header(L, slot);
    }
}

static void l_json(lua_State *L, struct slot *slot) {
    slot->has_body = true;
    l_json_encode(L, -1, &slot->body);
    gw_buf_append_str(&slot->fields, GW_STR("content-type: application/json\n"));
}

static void l_body(lua_State *L, struct slot *slot) {
    slot->has_body = true;
    gw_buf_append_str(&slot->body, l_check_str(L, -1));
}

static void l_raw(lua_State *L, struct slot *slot) {
    slot->raw = lua_toboolean(L, -1);
}

static void l_fallback(lua_State *L, struct slot *slot) {
    (void)L;
    slot->has_fallback = true;
}

/* At least 1, since 0 means that none was given. */
static int64_t ms_of(lua_Number seconds) {
    if (seconds >= MAX_SECONDS)
        return (int64_t)MAX_SECONDS * 1000;
    return seconds * 1000 < 1 ? 1 : (int64_t)(seconds * 1000);
}

static void l_timeout(lua_State *L, struct slot *slot) {
    slot->timeout_ms = ms_of(lua_tonumber(L, -1));
}

static void l_try_timeout(lua_State *L, struct slot *slot) {
    slot->try_timeout_ms = ms_of(lua_tonumber(L, -1));
}

static void l_hedge(lua_State *L, struct slot *slot) {
    slot->hedge_ms = ms_of(lua_tonumber(L, -1));
}

static void l_attempts(lua_State *L, struct slot *slot) {
    slot->attempts = (unsigned)lua_tointeger(L, -1);
}

static void l_idempotent(lua_State *L, struct slot *slot) {
    slot->repeat = lua_toboolean(L, -1) ? GW_REPEAT_ALLOWED : GW_REPEAT_FORBIDDEN;
}

static const struct {
    const char *name;
    void (*read)(lua_State *L, struct slot *slot);
} known_options[] = {
    {"fallback", l_fallback}, {"json", l_json},
    {"headers", l_headers},   {"body", l_body},
    {"raw", l_raw},           {"timeout", l_timeout},
    {"hedge", l_hedge},       {"try_timeout", l_try_timeout},
    {"attempts", l_attempts}, {"idempotent", l_idempotent},
};

/* One walk over what there is costs less than a look-up of each that there may be. Other names are
 * the path's. */
static void l_read_options(lua_State *L, int options, struct slot *slot) {
    for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        const char *name = lua_tostring(L, -2);
        for (size_t i = 0; i < sizeof known_options / sizeof *known_options; i++)
            if (strcmp(known_options[i].name, name) == 0)
                known_options[i].read(L, slot);
    }
}

static struct gw_backend *l_check_backend(lua_State *L, const struct gw_state *state, int request) {
    lua_getfield(L, request, "handle");
    lua_Integer handle = lua_tointeger(L, -1);
    if (handle < 1 || handle > (lua_Integer)state->n_backends)
        luaL_error(L, "not a request");
    lua_pop(L, 1);
    return state->backends[handle - 1];
}

static void l_read_request(lua_State *L, struct slot *slot) {
    int request = lua_gettop(L);
    luaL_checktype(L, request, LUA_TTABLE);
    slot->backend = l_check_backend(L, slot->batch->flow->state, request);
    lua_getfield(L, request, "method");
    lua_getfield(L, request, "path");
    struct gw_str method = l_check_str(L, -2);
    if (!method.data || method.len >= sizeof slot->method || !gw_str_is_token(method))
        luaL_error(L, "not a method");
    memcpy(slot->method, method.data, method.len);
    gw_buf_append_str(&slot->path, l_check_str(L, -1));
    lua_pop(L, 2);
    gw_buf_printf(&slot->fields, "x-correlation-id: %s\n", gw_flow_root(slot->batch->flow)->id);
    if (lua_getfield(L, request, "options") == LUA_TTABLE)
        l_read_options(L, lua_gettop(L), slot);
    lua_pop(L, 1);
}

/* The box first, empty; then what it owns. */
static struct gw_batch *l_new_batch(lua_State *L, struct gw_flow *flow, size_t n) {
    size_t size = sizeof(struct gw_batch) + n * sizeof(struct slot);
    struct gw_batch *batch = lua_newuserdatauv(L, size, 0);
    memset(batch, 0, size);
    batch->flow = flow;
    batch->wait.cancel = cancel_wait;
    luaL_setmetatable(L, META);
    for (unsigned i = 0; i < n; i++)
        batch->slots[i].batch = batch;
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
        l_push_result(L, &batch->slots[i].result, batch->slots[i].raw);
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
        text += batch->slots[i].body.len + batch->slots[i].fields.len;
        if (text > MAX_TEXT)
            return luaL_error(L, "the requests are larger than 64 MiB together");
        lua_pop(L, 1);
    }
    if (n == 0)
        return k_fetched(L, LUA_OK, (lua_KContext)batch);
    batch->pending = (unsigned)n;
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
