/* What decodes must encode, and come back the same in type, value and mark. */
#include "lua/json.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds) {
    if (!holds)
        abort();
}

static bool same(lua_State *L, int a, int b);

/* Whether each member of `a` is one of `b`. */
static bool is_within(lua_State *L, int a, int b) {
    bool within = true;
    lua_pushnil(L);
    while (within && lua_next(L, a)) {
        lua_pushvalue(L, -2);
        lua_rawget(L, b);
        within = same(L, lua_gettop(L) - 1, lua_gettop(L));
        lua_pop(L, 2);
    }
    if (!within)
        lua_pop(L, 1);
    return within;
}

static bool same_mark(lua_State *L, int a, int b) {
    bool marked = lua_getmetatable(L, a), other = lua_getmetatable(L, b);
    lua_pop(L, marked + other);
    return marked == other;
}

static bool same_number(lua_State *L, int a, int b) {
    if (lua_isinteger(L, a) || lua_isinteger(L, b))
        return lua_isinteger(L, a) == lua_isinteger(L, b) && lua_rawequal(L, a, b);
    double x = lua_tonumber(L, a), y = lua_tonumber(L, b);
    return memcmp(&x, &y, sizeof x) == 0; /* -0.0 is not 0.0 */
}

static bool same(lua_State *L, int a, int b) {
    luaL_checkstack(L, 6, NULL);
    if (lua_type(L, a) != lua_type(L, b))
        return false;
    if (lua_type(L, a) == LUA_TNUMBER)
        return same_number(L, a, b);
    if (!lua_istable(L, a))
        return lua_rawequal(L, a, b);
    return same_mark(L, a, b) && is_within(L, a, b) && is_within(L, b, a);
}

static int l_check(lua_State *L) {
    struct gw_str *text = lua_touserdata(L, 1);
    struct gw_buf *out = lua_touserdata(L, 2);
    struct gw_json_error error, other;
    bool is_json = gw_json_check(*text, &other);
    if (!l_json_decode(L, *text, &error)) {
        must(lua_gettop(L) == 2 && error.at <= text->len);
        must(!is_json && error.at == other.at && strcmp(error.reason, other.reason) == 0);
        l_json_push_error(L, *text, &error);
        return 0;
    }
    l_json_encode(L, 3, out);
    must(l_json_decode(L, gw_buf_str(out), &error));
    must(lua_gettop(L) == 4 && same(L, 3, 4));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str text = {(const char *)data, size};
    struct gw_buf out = {0};
    lua_State *L = luaL_newstate();
    lua_pushcfunction(L, l_check);
    lua_pushlightuserdata(L, &text);
    lua_pushlightuserdata(L, &out);
    must(lua_pcall(L, 2, 0, 0) == LUA_OK);
    lua_close(L);
    gw_buf_fini(&out);
    return 0;
}
