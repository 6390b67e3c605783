/* xpcall and setmetatable for scripts. */
#include "lua/bounded.h"
#include "lua/budget.h"

#include <lauxlib.h>

/* --- xpcall --- */

/* While the hook that stops a script raises, no hook runs: a message handler of the script's,
 * called there, could not be stopped. */
static int l_handle(lua_State *L) {
    lua_settop(L, 1);
    if (gw_budget_is_stopped(L))
        return 1; /* the error as it is */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int k_xpcall(lua_State *L, int status, lua_KContext n_extra) {
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - (int)n_extra;
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

/* The prelude's handler ends by itself. */
static void l_guard_handler(lua_State *L) {
    lua_Debug handler;
    lua_pushvalue(L, 2);
    lua_getinfo(L, ">S", &handler);
    if (gw_is_prelude(handler.source))
        return;
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, l_handle, 1);
    lua_replace(L, 2);
}

/* xpcall(fn, handler, ...): the stack becomes fn, handler, true, fn, arguments. */
static int l_xpcall(lua_State *L) {
    int n = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    l_guard_handler(L);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    return k_xpcall(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, k_xpcall), 2);
}

/* --- setmetatable --- */

/* A finalizer runs at any time, in anybody's request, and no hook runs in it. */
static int l_setmetatable(lua_State *L) {
    lua_CFunction set = lua_tocfunction(L, lua_upvalueindex(1));
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "scripts cannot have finalizers: '__gc' cannot be set");
        lua_pop(L, 1);
    }
    return set(L);
}

void l_bound_base(lua_State *L) {
    lua_pushcfunction(L, l_xpcall);
    lua_setglobal(L, "xpcall");
    lua_getglobal(L, "setmetatable");
    lua_pushcclosure(L, l_setmetatable, 1);
    lua_setglobal(L, "setmetatable");
}
