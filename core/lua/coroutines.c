/* coroutine.create, wrap, resume and close for scripts: as Lua's own, but the core knows which
 * coroutine is the innermost, and one that was stopped stops who resumed it. */
#include "lua/bounded.h"
#include "lua/budget.h"
#include "lua/state.h"

#include <lauxlib.h>

/* --- the coroutine's own side --- */

/* The function runs in a protected call inside its coroutine, so that an error closes its variables
 * there. If it went up to lua_resume, closing would be left to whoever comes next; and after an
 * error raised by a hook hooks stay off in that coroutine, so nothing could stop a __close in it.
 */
static int k_body(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L);
    return lua_error(L);
}

static int l_body(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return k_body(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, k_body), 0);
}

static int l_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, l_body, 1);
    lua_xmove(L, co, 1);
    return 1;
}

/* --- resuming --- */

/* Leaves the results on L and returns their number; or one error, and returns -1. */
static int l_finish_resume(lua_State *L, lua_State *co, int status, int n_results) {
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, n_results + 1)) {
        lua_pop(co, n_results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, n_results);
    return n_results;
}

/* With the `n` arguments on the top of L. However the coroutine comes back when it was stopped, by
 * an error or a yield, the hook that is now L's has its say before anything else does. */
static int l_run(lua_State *L, lua_State *co, int n) {
    int n_results;
    if (!lua_checkstack(co, n)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    lua_xmove(L, co, n);
    lua_State *outer = gw_budget_enter(co);
    int status = lua_resume(co, L, n, &n_results);
    if (outer)
        gw_budget_enter(outer);
    l_let_hook_in(L);
    return l_finish_resume(L, co, status, n_results);
}

static lua_State *l_check_coroutine(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static int l_resume(lua_State *L) {
    lua_State *co = l_check_coroutine(L);
    int n = l_run(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, n >= 0);
    if (n < 0)
        n = 1;
    lua_insert(L, -(n + 1));
    return n + 1;
}

static int l_wrapped(lua_State *L) {
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = l_run(L, co, lua_gettop(L));
    if (n >= 0)
        return n;
    if (lua_type(L, -1) == LUA_TSTRING) { /* with the place where it was called */
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int l_wrap(lua_State *L) {
    l_create(L);
    lua_pushcclosure(L, l_wrapped, 1);
    return 1;
}

/* --- closing --- */

static const char *why_open(lua_State *L, lua_State *co) {
    lua_Debug at;
    if (L == co)
        return "running";
    return lua_status(co) == LUA_OK && lua_getstack(co, 0, &at) ? "normal" : NULL;
}

/* Lua 5.4.4 does not count the C stack through it, so the depth is counted here. */
static int reset(struct gw_run *run, lua_State *co) {
    run->closing++;
    lua_State *outer = gw_budget_enter(co);
    int status = lua_resetthread(co);
    if (outer)
        gw_budget_enter(outer);
    run->closing--;
    return status;
}

static int l_close(lua_State *L) {
    lua_State *co = l_check_coroutine(L);
    struct gw_run *run = &gw_state_of(L)->run;
    const char *why = why_open(L, co);
    if (why)
        return luaL_error(L, "cannot close a %s coroutine", why);
    if (run->closing == GW_MAX_CLOSING)
        return luaL_error(L, "coroutines are closed within one another too deeply");
    int status = reset(run, co);
    l_let_hook_in(L);
    lua_pushboolean(L, status == LUA_OK);
    if (status == LUA_OK)
        return 1;
    lua_xmove(co, L, 1);
    return 2;
}

static const luaL_Reg functions[] = {
    {"create", l_create}, {"wrap", l_wrap}, {"resume", l_resume}, {"close", l_close}, {NULL, NULL},
};

void l_bound_coroutines(lua_State *L) {
    lua_getglobal(L, "coroutine");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
