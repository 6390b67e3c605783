#include "lua/core.h"

#include "base/version.h"

#include <lauxlib.h>

#define BUF_META   "gateway.buf"
#define MAX_RAISED 10000 /* a loop that ends by itself has ended by then */

struct gw_flow *l_current_flow(lua_State *L) {
    struct gw_flow *flow = gw_state_of(L)->current;
    if (!flow)
        luaL_error(L, "this can only be done while a request or a job is handled");
    if (flow->co != L)
        luaL_error(L, "this cannot be done inside a coroutine of your own: use gateway.map");
    return flow;
}

struct gw_flow *l_waiting_flow(lua_State *L) {
    struct gw_flow *flow = l_current_flow(L);
    if (!lua_isyieldable(L))
        luaL_error(L, "this cannot wait here: inside a callback of table.sort, string.gsub, an "
                      "error handler, a metamethod or a finalizer");
    return flow;
}

void l_push_failure(lua_State *L, enum gw_failure kind, const char *message) {
    lua_createtable(L, 0, 8);
    lua_pushstring(L, gw_failure_name(kind));
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_rawgeti(L, LUA_REGISTRYINDEX, gw_state_of(L)->failure_meta);
    lua_setmetatable(L, -2);
}

void l_raise_if_cancelled(lua_State *L, struct gw_flow *flow) {
    if (!gw_flow_is_cancelled(flow))
        return;
    if (++flow->n_raised > MAX_RAISED)
        gw_budget_stop(L, GW_STOP_OVER);
    bool late = flow->cancelled == GW_FAILURE_DEADLINE;
    l_push_failure(L, flow->cancelled,
                   late ? "the request's deadline has passed" : "the request was cancelled");
    lua_error(L);
}

void l_new_metatable(lua_State *L, const char *name, lua_CFunction gc) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

static int l_buf_gc(lua_State *L) {
    gw_buf_fini(lua_touserdata(L, 1));
    return 0;
}

struct gw_buf *l_new_buf(lua_State *L) {
    struct gw_buf *buf = lua_newuserdatauv(L, sizeof *buf, 0);
    *buf = (struct gw_buf){0};
    luaL_setmetatable(L, BUF_META);
    return buf;
}

/* core.cjson(): Debian's lua-cjson, for scripts that were written for it; or nil and the reason. */
static int l_cjson(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, GW_SYSTEM_REQUIRE);
    lua_pushliteral(L, "cjson");
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

void l_push_core(lua_State *L) {
    l_new_metatable(L, BUF_META, l_buf_gc);
    lua_newtable(L);
    l_register_declare(L);
    l_register_running(L);
    l_register_fetch(L);
    l_register_result(L);
    l_register_children(L);
    l_register_sleep(L);
    l_register_reply(L);
    l_register_expand(L);
    l_register_breaker(L);
    l_register_job(L);
    l_register_buffer(L);
    l_register_saga(L);
    l_register_key(L);
    l_register_inspect(L);
    l_register_measure(L);
    l_register_store(L);
    l_register_metric(L);
    lua_pushcfunction(L, l_cjson);
    lua_setfield(L, -2, "cjson");
    lua_pushstring(L, gw_version);
    lua_setfield(L, -2, "version");
    lua_pushboolean(L, gw_state_of(L)->host.settings->development);
    lua_setfield(L, -2, "development");
}
