/* gateway.core, sagas: engine/saga.h for scripts. A saga belongs to the flow that opened it and is
 * left by it at the latest when that ends, however it does. */
#include "engine/saga.h"

#include "lua/core.h"
#include "lua/described.h"
#include "lua/json.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "engine/saga_desk.h"

#include <lauxlib.h>
#include <stddef.h>
#include <string.h>

#define HANDLE_META  "gateway.saga_handle"
#define PENDING_META "gateway.saga_wait"
#define BOX_META     "gateway.saga_request"

/* --- the handle --- */

struct gw_saga_handle {
    struct gw_saga *saga; /* NULL once it is left */
    struct gw_flow *flow; /* while it is in the flow's list */
    struct gw_saga_handle *next;
};

static void leave(struct gw_saga_handle *handle) {
    struct gw_saga_handle **at = handle->flow ? &handle->flow->sagas : NULL;
    while (at && *at != handle)
        at = &(*at)->next;
    if (at)
        *at = handle->next;
    handle->flow = NULL;
    if (handle->saga)
        gw_saga_leave(handle->saga);
    handle->saga = NULL;
}

void gw_flow_leave_sagas(struct gw_flow *flow) {
    while (flow->sagas)
        leave(flow->sagas);
}

static int l_handle_gc(lua_State *L) {
    leave(lua_touserdata(L, 1));
    return 0;
}

static struct gw_str l_check_text(lua_State *L, int index) {
    struct gw_str text;
    text.data = luaL_checklstring(L, index, &text.len);
    return text;
}

static struct gw_saga *l_check_saga(lua_State *L) {
    struct gw_saga_handle *handle = luaL_checkudata(L, 1, HANDLE_META);
    if (!handle->saga)
        luaL_error(L, "the saga is over");
    return handle->saga;
}

static struct gw_sagas *l_check_sagas(lua_State *L) {
    struct gw_sagas *sagas = gw_state_of(L)->host.sagas;
    if (!sagas)
        luaL_error(L, "there is no journal here");
    return sagas;
}

static int l_saga_open(lua_State *L) {
    struct gw_flow *flow = l_current_flow(L);
    struct gw_sagas *sagas = l_check_sagas(L);
    struct gw_str kind = l_check_text(L, 1), id = l_check_text(L, 2);
    struct gw_saga_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (struct gw_saga_handle){0};
    luaL_setmetatable(L, HANDLE_META);
    handle->saga = gw_saga_open(sagas, kind, id, gw_str_from(gw_flow_root(flow)->id));
    gw_saga_record_in(handle->saga, gw_flow_root(flow)->trace);
    if (gw_flow_root(flow)->key)
        gw_saga_take_key(handle->saga, gw_key_bond_new(gw_flow_root(flow)->key));
    handle->flow = flow;
    handle->next = flow->sagas;
    flow->sagas = handle;
    return 1;
}

/* --- what a flow waits for --- */

struct pending {
    struct gw_wait wait;
    struct gw_saga_wait saga_wait;
    struct gw_desk_query *query;
    enum gw_saga_answer answer;
    enum gw_desk_answer desk_answer;
    struct gw_buf json;
    int64_t created_ms, changed_ms;
};

static int l_pending_gc(lua_State *L) {
    struct pending *pending = lua_touserdata(L, 1);
    gw_saga_wait_cancel(&pending->saga_wait);
    if (pending->query)
        gw_desk_cancel(pending->query);
    pending->query = NULL;
    gw_buf_fini(&pending->json);
    return 0;
}

static void answered(struct gw_saga_wait *wait, enum gw_saga_answer answer) {
    struct pending *pending =
        (struct pending *)((char *)wait - offsetof(struct pending, saga_wait));
    pending->answer = answer;
    gw_flow_wake(pending->wait.flow);
}

static void cancel_step(struct gw_wait *wait, enum gw_failure why) {
    struct pending *pending = (struct pending *)wait;
    (void)why;
    gw_saga_wait_cancel(&pending->saga_wait);
    gw_flow_wake(wait->flow);
}

/* What is on its way to the journal, or is being undone, is waited for: it ends soon. */
static void cancel_nothing(struct gw_wait *wait, enum gw_failure why) {
    (void)wait, (void)why;
}

static struct pending *l_new_pending(lua_State *L,
                                     void (*cancel)(struct gw_wait *, enum gw_failure)) {
    struct pending *pending = lua_newuserdatauv(L, sizeof *pending, 0);
    *pending = (struct pending){.wait.cancel = cancel, .saga_wait.done = answered};
    luaL_setmetatable(L, PENDING_META);
    return pending;
}

static int k_saga_undone(lua_State *L, int status, lua_KContext ctx);

static int l_wait(lua_State *L, struct gw_flow *flow, struct pending *pending, lua_KFunction k) {
    gw_flow_wait_noted(flow, &pending->wait,
                       k == k_saga_undone ? GW_SPAN_UNDOING : GW_SPAN_JOURNAL);
    return lua_yieldk(L, 0, (lua_KContext)pending, k);
}

/* Pushes the answer, and why the journal is at fault, if it is. */
static int l_push_answer(lua_State *L, enum gw_saga_answer answer) {
    static const char *const words[] = {
        [GW_SAGA_WRITTEN] = "written", [GW_SAGA_NOT_WRITTEN] = "not written",
        [GW_SAGA_TAKEN] = "taken",     [GW_SAGA_IN_DOUBT] = "in doubt",
        [GW_SAGA_ENDED] = "ended",
    };
    lua_pushstring(L, words[answer]);
    lua_pushstring(L, gw_sagas_fault(gw_state_of(L)->host.sagas));
    return 2;
}

/* --- steps --- */

static int l_box_gc(lua_State *L) {
    gw_described_fini(lua_touserdata(L, 1));
    return 0;
}

static struct gw_described *l_describe_undo(lua_State *L, int index) {
    struct gw_described *box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, BOX_META);
    l_describe(L, index, box);
    return box;
}

static struct gw_str l_text_field(lua_State *L, int table, const char *key) {
    lua_getfield(L, table, key);
    struct gw_str text = l_check_text(L, -1);
    lua_pop(L, 1); /* the table has it */
    return text;
}

static struct gw_stored_request l_act(lua_State *L, int request) {
    return (struct gw_stored_request){
        .backend = l_text_field(L, request, "backend"),
        .method = l_text_field(L, request, "method"),
        .path = l_text_field(L, request, "path"),
    };
}

static struct gw_stored_request undo_of(const struct gw_described *described) {
    return (struct gw_stored_request){
        .backend = gw_str_from(gw_backend_name(described->backend)),
        .method = gw_str_from(described->method),
        .path = gw_buf_str(&described->path),
        .fields = gw_buf_str(&described->fields),
        .body = gw_buf_str(&described->body),
        .has_body = described->has_body,
        .timeout_ms = described->timeout_ms,
    };
}

/* It lasts until what it sends is answered. */
static void note_step(struct gw_flow *flow, const struct gw_saga *saga) {
    struct gw_trace *trace = flow ? gw_flow_root(flow)->trace : NULL;
    if (!trace)
        return;
    gw_flow_leave_step(flow);
    uint16_t span = gw_span_begin(trace, GW_SPAN_SAGA_STEP, GW_SPAN_ROOT, gw_clock_us());
    if (span == GW_SPAN_NONE)
        return;
    gw_span_set_text(trace, span, gw_saga_kind(saga));
    trace->spans[span].text2 = gw_trace_add_text(trace, gw_saga_id(saga));
    trace->spans[span].count = (uint16_t)gw_saga_count(saga);
    flow->span = span;
}

/* saga_add(saga, act, undo) -> number. Raises if the undo cannot be sent as it is. */
static int l_saga_add(lua_State *L) {
    struct gw_saga *saga = l_check_saga(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    struct gw_stored_request act = l_act(L, 2), undo;
    bool has_undo = !lua_isnil(L, 3);
    if (has_undo)
        undo = undo_of(l_describe_undo(L, 3));
    lua_pushinteger(L, gw_saga_add(saga, &act, has_undo ? &undo : NULL));
    note_step(gw_state_of(L)->current, saga);
    return 1;
}

static unsigned l_check_step(lua_State *L, const struct gw_saga *saga) {
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 1 && n <= gw_saga_count(saga), 2, "no such step");
    return (unsigned)n;
}

static void l_raise_if_not_to_send(lua_State *L, struct gw_flow *flow, struct gw_saga *saga,
                                   unsigned step) {
    if (gw_flow_is_cancelled(flow))
        gw_saga_outcome(saga, step, GW_STEP_HAD_NO_EFFECT);
    l_raise_if_cancelled(L, flow);
}

static int k_saga_written(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct pending *pending = (const struct pending *)ctx;
    struct gw_saga *saga = l_check_saga(L);
    l_raise_if_not_to_send(L, pending->wait.flow, saga, l_check_step(L, saga));
    return l_push_answer(L, pending->answer);
}

/* saga_write(saga, number) -> answer, fault. Sleeps until the step is durable. */
static int l_saga_write(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_saga *saga = l_check_saga(L);
    unsigned step = l_check_step(L, saga);
    l_raise_if_not_to_send(L, flow, saga, step);
    struct pending *pending = l_new_pending(L, cancel_step);
    if (!gw_saga_write(saga, step, &pending->saga_wait))
        return l_push_answer(L, GW_SAGA_NOT_WRITTEN);
    return l_wait(L, flow, pending, k_saga_written);
}

/* saga_outcome(saga, number, had_an_effect) */
static int l_saga_outcome(lua_State *L) {
    struct gw_saga *saga = l_check_saga(L);
    gw_saga_outcome(saga, l_check_step(L, saga),
                    lua_toboolean(L, 3) ? GW_STEP_DONE : GW_STEP_HAD_NO_EFFECT);
    return 0;
}

/* --- the end --- */

static int k_saga_committed(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct pending *pending = (const struct pending *)ctx;
    if (pending->answer != GW_SAGA_NOT_WRITTEN)
        leave(luaL_checkudata(L, 1, HANDLE_META));
    if (pending->answer == GW_SAGA_WRITTEN && gw_flow_root(pending->wait.flow)->key)
        gw_key_decide(gw_flow_root(pending->wait.flow)->key);
    return l_push_answer(L, pending->answer);
}

/* saga_commit(saga, result) -> answer, fault. `result`: JSON, or nil. */
static int l_saga_commit(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_saga *saga = l_check_saga(L);
    struct gw_str result = {"", 0};
    if (!lua_isnoneornil(L, 2))
        result = l_check_text(L, 2);
    l_raise_if_cancelled(L, flow);
    gw_flow_leave_step(flow);
    struct pending *pending = l_new_pending(L, cancel_nothing);
    if (!gw_saga_commit(saga, result, &pending->saga_wait))
        return l_push_answer(L, GW_SAGA_NOT_WRITTEN);
    return l_wait(L, flow, pending, k_saga_committed);
}

static void l_push_json(lua_State *L, struct gw_str text) {
    struct gw_json_error error;
    if (!l_json_decode(L, text, &error))
        luaL_error(L, "what is in the journal cannot be read: %s", error.reason);
}

static int k_saga_undone(lua_State *L, int status, lua_KContext ctx) {
    (void)status, (void)ctx;
    struct gw_saga *saga = l_check_saga(L);
    struct gw_buf *text = l_new_buf(L);
    gw_json_open(text, '[');
    for (unsigned i = 0; i < gw_saga_count(saga); i++)
        gw_step_json(gw_saga_step(saga, i), text);
    gw_json_close(text, ']');
    l_push_json(L, gw_buf_str(text));
    leave(lua_touserdata(L, 1));
    return 1;
}

static bool can_wait(lua_State *L) {
    const struct gw_flow *flow = gw_state_of(L)->current;
    return flow && flow->co == L && lua_isyieldable(L);
}

/* saga_undo(saga, reason) -> its steps, once each undo has been tried; nothing where that cannot be
 * waited for. */
static int l_saga_undo(lua_State *L) {
    struct gw_saga *saga = l_check_saga(L);
    struct gw_str reason = l_check_text(L, 2);
    if (!can_wait(L)) {
        gw_saga_undo(saga, reason, NULL);
        leave(lua_touserdata(L, 1));
        return 0;
    }
    gw_flow_leave_step(gw_state_of(L)->current);
    struct pending *pending = l_new_pending(L, cancel_nothing);
    if (!gw_saga_undo(saga, reason, &pending->saga_wait))
        return k_saga_undone(L, LUA_OK, 0);
    return l_wait(L, gw_state_of(L)->current, pending, k_saga_undone);
}

/* --- what became of it --- */

static void found(void *user, enum gw_desk_answer answer, const struct gw_saga_view *view) {
    struct pending *pending = user;
    pending->query = NULL;
    pending->desk_answer = answer;
    if (view) {
        pending->created_ms = view->saga.created_ms;
        pending->changed_ms = view->saga.changed_ms;
        gw_saga_view_json(view, &pending->json);
    }
    gw_flow_wake(pending->wait.flow);
}

static void cancel_query(struct gw_wait *wait, enum gw_failure why) {
    struct pending *pending = (struct pending *)wait;
    (void)why;
    if (pending->query)
        gw_desk_cancel(pending->query);
    pending->query = NULL;
    gw_flow_wake(wait->flow);
}

static void l_set_seconds(lua_State *L, const char *key, int64_t ms) {
    lua_pushnumber(L, (lua_Number)ms / 1000);
    lua_setfield(L, -2, key);
}

static int k_saga_found(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    struct pending *pending = (struct pending *)ctx;
    l_raise_if_cancelled(L, pending->wait.flow);
    if (pending->desk_answer != GW_DESK_OK) {
        lua_pushnil(L);
        lua_pushboolean(L, pending->desk_answer == GW_DESK_FAULT);
        lua_pushstring(L, gw_sagas_fault(gw_state_of(L)->host.sagas));
        return 3;
    }
    l_push_json(L, gw_buf_str(&pending->json));
    l_set_seconds(L, "created_at", pending->created_ms);
    l_set_seconds(L, "changed_at", pending->changed_ms);
    gw_buf_fini(&pending->json);
    return 1;
}

/* saga_status(kind, id) -> what the journal has of it; or nil, whether that is not known, fault. */
static int l_saga_status(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_sagas *sagas = l_check_sagas(L);
    struct gw_str kind = l_check_text(L, 1), id = l_check_text(L, 2);
    l_raise_if_cancelled(L, flow);
    struct pending *pending = l_new_pending(L, cancel_query);
    pending->query = gw_desk_find(gw_sagas_port(sagas), kind, id, found, pending);
    return l_wait(L, flow, pending, k_saga_found);
}

static const luaL_Reg functions[] = {
    {"saga_open", l_saga_open},     {"saga_add", l_saga_add},
    {"saga_write", l_saga_write},   {"saga_outcome", l_saga_outcome},
    {"saga_commit", l_saga_commit}, {"saga_undo", l_saga_undo},
    {"saga_status", l_saga_status}, {NULL, NULL},
};

void l_register_saga(lua_State *L) {
    l_new_metatable(L, HANDLE_META, l_handle_gc);
    l_new_metatable(L, PENDING_META, l_pending_gc);
    l_new_metatable(L, BOX_META, l_box_gc);
    luaL_setfuncs(L, functions, 0);
}
