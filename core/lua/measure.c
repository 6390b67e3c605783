/* core.measure(value): raises where a value is too large to be handed to an encoder that knows no
 * bounds, such as lua-cjson's. A small table can name another many times over, and that one
 * another: what counts is what would be written. */
#include "lua/budget.h"
#include "lua/core.h"
#include "lua/json.h"

#include <lauxlib.h>

#define PER_VALUE 4 /* bytes: the least that a value and what surrounds it take, about */

static void l_measure_value(lua_State *L, size_t *left, int depth);

static void l_take(lua_State *L, size_t *left, size_t n) {
    if (n > *left)
        luaL_error(L, "JSON text too long");
    *left -= n;
}

static void l_measure_table(lua_State *L, size_t *left, int depth) {
    if (depth == GW_JSON_MAX_DEPTH)
        luaL_error(L, "nested too deeply");
    luaL_checkstack(L, 4, NULL);
    l_let_hook_in(L);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        l_measure_value(L, left, depth + 1);
        lua_pop(L, 1);
        l_measure_value(L, left, depth + 1); /* the key */
    }
}

/* Of the value on the top. */
static void l_measure_value(lua_State *L, size_t *left, int depth) {
    l_take(L, left, PER_VALUE + (lua_type(L, -1) == LUA_TSTRING ? lua_rawlen(L, -1) : 0));
    if (lua_istable(L, -1))
        l_measure_table(L, left, depth);
}

static int l_measure(lua_State *L) {
    size_t left = GW_JSON_MAX_TEXT;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    l_measure_value(L, &left, 0);
    return 0;
}

static const luaL_Reg functions[] = {
    {"measure", l_measure},
    {NULL, NULL},
};

void l_register_measure(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
