/* gateway.core, stores: engine/keyspace.h for scripts. A store is opened while the scripts load;
 * each state has a port of its own to it. Sizes, names and values are checked by the prelude. */
#include "engine/keyspace.h"

#include "lua/core.h"

#include "base/alloc.h"

#include <lauxlib.h>
#include <stdlib.h>

#define META "gateway.store_request"

struct gw_state_store {
    struct gw_journal *journal; /* the keyspaces'; NULL: the scripts are only checked */
    struct gw_journal_port *port;
};

/* --- the stores of a state --- */

static struct gw_state_store open_store(const struct gw_host *host, const char *name,
                                        struct gw_buf *error) {
    struct gw_state_store store = {0};
    store.journal = gw_keyspaces_open(host->keyspaces, name, error);
    if (store.journal)
        store.port = gw_journal_port_new(store.journal, host->base);
    return store;
}

/* store(name) -> handle, or nil and the reason. */
static int l_store(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    const char *name = luaL_checkstring(L, 1);
    if (!state->loading)
        return luaL_error(L, "this can only be done while the scripts load");
    struct gw_buf *error = l_new_buf(L);
    struct gw_state_store store = {0};
    if (state->host.keyspaces)
        store = open_store(&state->host, name, error);
    if (state->host.keyspaces && !store.journal) {
        lua_pushnil(L);
        lua_pushlstring(L, error->data, error->len);
        return 2;
    }
    size_t n = state->n_stores + 1;
    state->stores = gw_realloc(state->stores, n * sizeof *state->stores);
    state->stores[state->n_stores++] = store;
    lua_pushinteger(L, state->n_stores);
    return 1;
}

void gw_state_close_stores(struct gw_state *state) {
    for (unsigned i = 0; i < state->n_stores; i++)
        gw_journal_port_free(state->stores[i].port);
    free(state->stores);
}

/* --- a request --- */

struct asked {
    struct gw_wait wait;
    struct gw_keyspace_request *request; /* owned before it is submitted and after it has ended */
    struct gw_journal *journal;          /* that it was submitted to; NULL: not yet */
    bool has_ended;
};

static void let_go(struct asked *asked) {
    if (asked->journal && !asked->has_ended && asked->request)
        asked->request->done = NULL; /* it frees itself */
    else
        gw_keyspace_request_free(asked->request);
    asked->request = NULL;
}

static int l_asked_gc(lua_State *L) {
    let_go(lua_touserdata(L, 1));
    return 0;
}

static void ended(struct gw_keyspace_request *request, void *user) {
    struct asked *asked = user;
    (void)request;
    asked->has_ended = true;
    gw_flow_wake(asked->wait.flow);
}

/* What is on its way to the disk cannot be called back, but need not be waited for. */
static void cancel(struct gw_wait *wait, enum gw_failure why) {
    (void)why;
    let_go((struct asked *)wait);
    gw_flow_wake(wait->flow);
}

static struct asked *l_new_asked(lua_State *L, int kind) {
    struct asked *asked = lua_newuserdatauv(L, sizeof *asked, 0);
    *asked = (struct asked){.wait.cancel = cancel};
    luaL_setmetatable(L, META);
    asked->request = gw_keyspace_request_new(kind);
    return asked;
}

static const struct gw_state_store *l_check_store(lua_State *L) {
    const struct gw_state *state = gw_state_of(L);
    lua_Integer handle = luaL_checkinteger(L, 1);
    luaL_argcheck(L, handle >= 1 && handle <= (lua_Integer)state->n_stores, 1, "no such store");
    return &state->stores[handle - 1];
}

static int l_ask(lua_State *L, struct gw_flow *flow, struct asked *asked, lua_KFunction k) {
    const struct gw_state_store *store = l_check_store(L);
    asked->journal = store->journal;
    asked->request->done = ended;
    asked->request->user = asked;
    gw_keyspace_submit(store->port, asked->request);
    gw_flow_wait_noted(flow, &asked->wait, GW_SPAN_JOURNAL);
    return lua_yieldk(L, 0, (lua_KContext)asked, k);
}

static struct gw_str l_check_text(lua_State *L, int index) {
    struct gw_str text;
    text.data = luaL_checklstring(L, index, &text.len);
    return text;
}

/* Pushes nil, "failed" and why. */
static int l_push_fault(lua_State *L, const struct asked *asked) {
    lua_pushnil(L);
    lua_pushliteral(L, "failed");
    lua_pushstring(L, gw_journal_fault(asked->journal));
    return 3;
}

/* --- reading --- */

static void l_push_buf(lua_State *L, const struct gw_buf *buf) {
    struct gw_str text = gw_buf_str(buf);
    lua_pushlstring(L, text.data, text.len);
}

static int k_found(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct asked *asked = (const struct asked *)ctx;
    l_raise_if_cancelled(L, asked->wait.flow);
    if (asked->request->answer == GW_KEYSPACE_FAILED)
        return l_push_fault(L, asked);
    if (asked->request->n_found == 0)
        return 0;
    l_push_buf(L, &asked->request->found->value);
    lua_pushinteger(L, asked->request->found->version);
    return 2;
}

/* store_find(handle, key) -> JSON, version; nothing if there is none; or nil, "failed", fault. */
static int l_store_find(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_str key = l_check_text(L, 2);
    l_check_store(L);
    l_raise_if_cancelled(L, flow);
    struct asked *asked = l_new_asked(L, GW_KEYSPACE_FIND);
    gw_buf_append_str(&asked->request->key, key);
    return l_ask(L, flow, asked, k_found);
}

static int k_listed(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct asked *asked = (const struct asked *)ctx;
    l_raise_if_cancelled(L, asked->wait.flow);
    const struct gw_keyspace_request *request = asked->request;
    if (request->answer == GW_KEYSPACE_FAILED)
        return l_push_fault(L, asked);
    lua_createtable(L, (int)request->n_found, 0);
    for (unsigned i = 0; i < request->n_found; i++) {
        lua_createtable(L, 0, 3);
        l_push_buf(L, &request->found[i].key);
        lua_setfield(L, -2, "key");
        l_push_buf(L, &request->found[i].value);
        lua_setfield(L, -2, "value");
        lua_pushinteger(L, request->found[i].version);
        lua_setfield(L, -2, "version");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushboolean(L, request->is_more);
    return 2;
}

/* store_list(handle, prefix, after, limit) -> { { key, value (JSON), version } ... }, whether there
 * are more; or nil, "failed", fault. */
static int l_store_list(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_str prefix = l_check_text(L, 2), after = l_check_text(L, 3);
    lua_Integer limit = luaL_checkinteger(L, 4);
    l_check_store(L);
    luaL_argcheck(L, limit >= 1 && limit <= GW_KEYSPACE_COUNT_MAX, 4, "out of range");
    l_raise_if_cancelled(L, flow);
    struct asked *asked = l_new_asked(L, GW_KEYSPACE_LIST);
    gw_buf_append_str(&asked->request->key, prefix);
    gw_buf_append_str(&asked->request->after, after);
    asked->request->limit = (unsigned)limit;
    return l_ask(L, flow, asked, k_listed);
}

/* --- changing --- */

static lua_Integer l_integer_field(lua_State *L, const char *name, lua_Integer otherwise) {
    lua_getfield(L, -1, name);
    lua_Integer value = luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
    return value;
}

/* Of the table on the top, into `out`. */
static void l_text_field(lua_State *L, const char *name, struct gw_buf *out) {
    lua_getfield(L, -1, name);
    gw_buf_append_str(out, l_check_text(L, -1));
    lua_pop(L, 1);
}

/* The change that stands on the top; it is taken off. */
static void l_add_change(lua_State *L, struct gw_keyspace_request *request) {
    static const char *const kinds[] = {
        [GW_CHANGE_PUT] = "put",
        [GW_CHANGE_DELETE] = "delete",
        [GW_CHANGE_ADD] = "add",
        [GW_CHANGE_EXPECT] = "expect",
        NULL,
    };
    lua_getfield(L, -1, "kind");
    int kind = luaL_checkoption(L, -1, NULL, kinds);
    lua_pop(L, 1);
    struct gw_change *change =
        gw_keyspace_request_add(request, (enum gw_change_kind)kind, GW_STR(""));
    l_text_field(L, "key", &change->key);
    if (kind == GW_CHANGE_PUT)
        l_text_field(L, "value", &change->value);
    change->version = l_integer_field(L, "version", 0);
    change->by = l_integer_field(L, "by", 0);
    change->least = l_integer_field(L, "min", LUA_MININTEGER);
    change->most = l_integer_field(L, "max", LUA_MAXINTEGER);
    lua_pop(L, 1);
}

static int k_changed(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct asked *asked = (const struct asked *)ctx;
    l_raise_if_cancelled(L, asked->wait.flow);
    switch (asked->request->answer) {
    case GW_KEYSPACE_DONE:
        lua_pushliteral(L, "done");
        lua_pushinteger(L, asked->request->number);
        return 2;
    case GW_KEYSPACE_REFUSED:
        lua_pushliteral(L, "refused");
        break;
    case GW_KEYSPACE_NOT_A_NUMBER:
        lua_pushliteral(L, "not a number");
        break;
    case GW_KEYSPACE_FAILED:
        return l_push_fault(L, asked);
    }
    lua_pushinteger(L, (lua_Integer)asked->request->refused_at + 1);
    return 2;
}

/* store_change(handle, { { kind, key, value (JSON), version, by, min, max } ... })
 *   -> "done", number | "refused", index | "not a number", index | nil, "failed", fault */
static int l_store_change(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    l_check_store(L);
    lua_settop(L, 2);
    l_raise_if_cancelled(L, flow);
    struct asked *asked = l_new_asked(L, GW_KEYSPACE_CHANGE);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TTABLE; i++)
        l_add_change(L, asked->request);
    lua_pop(L, 1);
    return l_ask(L, flow, asked, k_changed);
}

static const luaL_Reg functions[] = {
    {"store", l_store},
    {"store_find", l_store_find},
    {"store_list", l_store_list},
    {"store_change", l_store_change},
    {NULL, NULL},
};

void l_register_store(lua_State *L) {
    l_new_metatable(L, META, l_asked_gc);
    luaL_setfuncs(L, functions, 0);
}
