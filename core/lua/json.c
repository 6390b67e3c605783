#include "lua/json.h"

#include <lauxlib.h>

#define BUFFER_TYPE "json.buffer"
#define KEPT_BUFFER (64u << 10) /* bytes that stay allocated between two encodings */

/* Its address is the array metatable's key in the registry. */
static const char array_key = 0;

static void make_array_metatable(lua_State *L) {
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "json.array");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "json.array");
    lua_setfield(L, -2, "__metatable"); /* all arrays share it: scripts must not get at it */
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void l_json_push_array_metatable(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    make_array_metatable(L);
}

static int l_decode(lua_State *L) {
    struct gw_json_error error;
    struct gw_str text;
    text.data = luaL_checklstring(L, 1, &text.len);
    if (l_json_decode(L, text, &error))
        return 1;
    lua_pushnil(L);
    l_json_push_error(L, text, &error);
    return 2;
}

/* All calls share one buffer. A finalizer that encodes too does not disturb it: l_json_encode()
 * runs none, and lua_pushlstring() has copied before it may. */
static int l_encode(lua_State *L) {
    struct gw_buf *text = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checkany(L, 1);
    gw_buf_clear(text);
    l_json_encode(L, 1, text);
    lua_pushlstring(L, text->data, text->len);
    if (text->cap > KEPT_BUFFER)
        gw_buf_fini(text);
    return 1;
}

/* Whether the table at `index` is marked. */
static bool is_marked(lua_State *L, int index) {
    if (!lua_getmetatable(L, index))
        return false;
    l_json_push_array_metatable(L);
    bool equal = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return equal;
}

static int l_array(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, is_marked(L, 1) || !lua_getmetatable(L, 1), 1, "has a metatable already");
    lua_settop(L, 1);
    l_json_push_array_metatable(L);
    lua_setmetatable(L, 1);
    return 1;
}

static int l_is_array(lua_State *L) {
    lua_pushboolean(L, lua_istable(L, 1) && (lua_rawlen(L, 1) > 0 || is_marked(L, 1)));
    return 1;
}

static int l_buffer_gc(lua_State *L) {
    gw_buf_fini(luaL_checkudata(L, 1, BUFFER_TYPE));
    return 0;
}

static void push_buffer(lua_State *L) {
    struct gw_buf *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    *buffer = (struct gw_buf){0};
    if (luaL_newmetatable(L, BUFFER_TYPE)) {
        lua_pushcfunction(L, l_buffer_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
}

static const luaL_Reg functions[] = {
    {"array", l_array},       {"decode", l_decode}, {"encode", l_encode},
    {"is_array", l_is_array}, {"null", NULL},       {NULL, NULL},
};

int luaopen_gateway_json(lua_State *L) {
    l_json_push_array_metatable(L); /* now, so that no later use of it allocates */
    lua_pop(L, 1);
    luaL_newlibtable(L, functions);
    push_buffer(L);
    luaL_setfuncs(L, functions, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
