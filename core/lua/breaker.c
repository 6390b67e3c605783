/* gateway.core, breakers: gateway.breaker() guards anything a script does. */
#include "lua/core.h"

#include "base/clock.h"

#include <lauxlib.h>

#define META "gateway.permit"

struct permit {
    struct gw_breaker *breaker; /* NULL once it is reported */
    struct gw_breaker_permit permit;
    int64_t since_ms; /* of the guarded call */
};

static void report(struct permit *permit, enum gw_breaker_report what) {
    int64_t now_ms = gw_clock_ms();
    if (permit->breaker)
        gw_breaker_report(permit->breaker, permit->permit, what, now_ms - permit->since_ms, now_ms);
    permit->breaker = NULL;
}

static int l_permit_gc(lua_State *L) {
    report(lua_touserdata(L, 1), GW_BREAKER_IGNORED);
    return 0;
}

static struct gw_breaker *l_check_breaker(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    lua_Integer handle = luaL_checkinteger(L, 1);
    luaL_argcheck(L, handle >= 1 && handle <= (lua_Integer)state->n_breakers, 1, "no such breaker");
    return state->breakers[handle - 1];
}

static int l_breaker_admit(lua_State *L) {
    struct gw_breaker *breaker = l_check_breaker(L);
    struct permit *permit = lua_newuserdatauv(L, sizeof *permit, 0);
    *permit = (struct permit){0};
    luaL_setmetatable(L, META);
    int64_t retry_after_ms;
    permit->since_ms = gw_clock_ms();
    if (gw_breaker_admit(breaker, permit->since_ms, &permit->permit, &retry_after_ms)) {
        permit->breaker = breaker;
        return 1;
    }
    lua_pushnil(L);
    lua_pushnumber(L, (lua_Number)retry_after_ms / 1000);
    return 2;
}

static int l_breaker_report(lua_State *L) {
    static const char *const words[] = {"success", "failure", "ignored", NULL};
    static const enum gw_breaker_report reports[] = {GW_BREAKER_SUCCESS, GW_BREAKER_FAILURE,
                                                     GW_BREAKER_IGNORED};
    struct permit *permit = luaL_checkudata(L, 1, META);
    report(permit, reports[luaL_checkoption(L, 2, NULL, words)]);
    return 0;
}

static int l_breaker_state(lua_State *L) {
    enum gw_breaker_state state = gw_breaker_state(l_check_breaker(L), gw_clock_ms());
    lua_pushstring(L, gw_breaker_state_name(state));
    return 1;
}

static int l_backend_state(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    lua_Integer handle = luaL_checkinteger(L, 1);
    luaL_argcheck(L, handle >= 1 && handle <= (lua_Integer)state->n_backends, 1, "no such backend");
    lua_pushstring(L, gw_breaker_state_name(gw_backend_state(state->backends[handle - 1])));
    return 1;
}

static const luaL_Reg functions[] = {
    {"breaker_admit", l_breaker_admit},
    {"breaker_report", l_breaker_report},
    {"breaker_state", l_breaker_state},
    {"backend_state", l_backend_state},
    {NULL, NULL},
};

void l_register_breaker(lua_State *L) {
    l_new_metatable(L, META, l_permit_gc);
    luaL_setfuncs(L, functions, 0);
}
