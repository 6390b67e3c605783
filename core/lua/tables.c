/* table.insert, remove, move, concat and sort for scripts. On a plain table Lua's own are bounded
 * by what is in it; a metatable may claim any length and answer for any index, without a function
 * of Lua's being called, so there the loops are these, which let the hook in. */
#include "lua/bounded.h"
#include "lua/budget.h"

#include <lauxlib.h>

#define PATIENCE 1024      /* steps between two looks */
#define MAX_MOVE (4 << 20) /* elements: more than a state has memory for */

static lua_CFunction l_own(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1));
}

static bool is_plain(lua_State *L) {
    if (!lua_istable(L, 1) || !lua_getmetatable(L, 1))
        return true; /* what is no table at all Lua's own complains of */
    lua_pop(L, 1);
    return false;
}

static void l_step(lua_State *L, lua_Integer i) {
    if ((lua_Unsigned)i % PATIENCE == 0)
        l_let_hook_in(L);
}

/* t[to] = t[from] */
static void l_copy(lua_State *L, lua_Integer from, lua_Integer to) {
    l_step(L, from);
    lua_geti(L, 1, from);
    lua_seti(L, 1, to);
}

static int l_insert(lua_State *L) {
    if (is_plain(L) || lua_gettop(L) < 2 || lua_gettop(L) > 3)
        return l_own(L)(L);
    lua_Unsigned last = (lua_Unsigned)luaL_len(L, 1) + 1;
    if (lua_gettop(L) == 3) {
        lua_Integer at = luaL_checkinteger(L, 2);
        if ((lua_Unsigned)at - 1u >= last)
            return l_own(L)(L); /* it complains */
        for (lua_Integer i = (lua_Integer)last; i > at; i--)
            l_copy(L, i - 1, i);
        last = (lua_Unsigned)at;
    }
    lua_seti(L, 1, (lua_Integer)last);
    return 0;
}

static int l_remove(lua_State *L) {
    if (is_plain(L))
        return l_own(L)(L);
    lua_Integer size = luaL_len(L, 1), at = luaL_optinteger(L, 2, size);
    if (at != size && (lua_Unsigned)at - 1u > (lua_Unsigned)size)
        return l_own(L)(L); /* it complains */
    lua_geti(L, 1, at);
    for (; at < size; at++)
        l_copy(L, at + 1, at);
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

static int l_move(lua_State *L) {
    lua_Integer from = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3);
    if (end >= from && (lua_Unsigned)end - (lua_Unsigned)from >= MAX_MOVE)
        return luaL_argerror(L, 3, "too many elements to move");
    return l_own(L)(L);
}

static void l_add_item(lua_State *L, luaL_Buffer *buffer, lua_Integer i) {
    l_step(L, i);
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                   (LUAI_UACINT)i);
    luaL_addvalue(buffer);
}

static int l_concat(lua_State *L) {
    if (is_plain(L))
        return l_own(L)(L);
    size_t n_between;
    lua_Integer last = luaL_len(L, 1);
    const char *between = luaL_optlstring(L, 2, "", &n_between);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (; i < last; i++) {
        l_add_item(L, &buffer, i);
        luaL_addlstring(&buffer, between, n_between);
    }
    if (i == last)
        l_add_item(L, &buffer, i);
    luaL_pushresult(&buffer);
    return 1;
}

/* Without an order of its own: what Lua's own would do, and a look now and then. */
static int l_is_less(lua_State *L) {
    l_let_hook_in(L);
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
}

/* An order that is a C function, such as pcall. */
static int l_is_less_by(lua_State *L) {
    l_let_hook_in(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

static int l_sort(lua_State *L) {
    if (!lua_istable(L, 1))
        return l_own(L)(L); /* it complains */
    if (lua_isnoneornil(L, 2)) {
        lua_settop(L, 1);
        lua_pushcfunction(L, l_is_less);
    } else if (lua_iscfunction(L, 2)) {
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, l_is_less_by, 1);
        lua_replace(L, 2);
    }
    return l_own(L)(L);
}

static const luaL_Reg functions[] = {
    {"insert", l_insert}, {"remove", l_remove}, {"move", l_move},
    {"concat", l_concat}, {"sort", l_sort},     {NULL, NULL},
};

void l_bound_tables(lua_State *L) {
    lua_getglobal(L, "table");
    for (const luaL_Reg *one = functions; one->name; one++) {
        lua_getfield(L, -1, one->name);
        lua_pushcclosure(L, one->func, 1);
        lua_setfield(L, -2, one->name);
    }
    lua_pop(L, 1);
}
