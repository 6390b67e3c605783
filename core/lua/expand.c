/* core.expand(template, options): "/stock/{id}" with its values percent-encoded, and the query.
 * Whatever an id holds, it stays one segment: "/", "?" and "#" are encoded, and what a server would
 * read as a relative step ("." and "..") or as no segment at all is refused. */
#include "lua/core.h"

#include <lauxlib.h>
#include <string.h>

#define MAX_TARGET ((size_t)64 * 1024) /* bytes: no server takes more */
#define MAX_NAMES  1000                /* of a query: they are sorted the plain way */

static bool is_step(struct gw_str s) {
    return s.len == 0 || gw_str_equal(s, GW_STR(".")) || gw_str_equal(s, GW_STR(".."));
}

/* Appends the string or number on the top, encoded. */
static void l_append_encoded(lua_State *L, struct gw_buf *out) {
    struct gw_str value;
    value.data = luaL_tolstring(L, -1, &value.len);
    gw_buf_append_percent(out, value);
    lua_pop(L, 1);
}

/* NULL, or the reason as a pushed string. */
static const char *l_append_value(lua_State *L, struct gw_str name, struct gw_buf *out) {
    lua_pushlstring(L, name.data, name.len);
    lua_gettable(L, 2);
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        return lua_pushfstring(L, "{%s} needs a string or a number, got %s",
                               lua_pushlstring(L, name.data, name.len), lua_typename(L, type));
    struct gw_str value;
    value.data = luaL_tolstring(L, -1, &value.len);
    if (out->len + value.len > MAX_TARGET)
        return "the path is longer than 64 KiB";
    if (is_step(value))
        return lua_pushfstring(L, "{%s} cannot be '%s': it would change the path",
                               lua_pushlstring(L, name.data, name.len), value.data);
    gw_buf_append_percent(out, value);
    lua_pop(L, 2);
    return NULL;
}

static const char *l_append_path(lua_State *L, struct gw_str rest, struct gw_buf *out) {
    while (rest.len) {
        const char *open = memchr(rest.data, '{', rest.len);
        size_t before = open ? (size_t)(open - rest.data) : rest.len;
        if (out->len + before > MAX_TARGET)
            return "the path is longer than 64 KiB";
        gw_buf_append(out, rest.data, before);
        if (!open)
            return NULL;
        struct gw_str tail = {open + 1, rest.len - before - 1}, name;
        if (!memchr(tail.data, '}', tail.len))
            return lua_pushliteral(L, "a '{' without its '}'");
        gw_str_split(tail, '}', &name, &rest);
        const char *reason = l_append_value(L, name, out);
        if (reason)
            return reason;
    }
    return NULL;
}

/* name=value for the string, number or boolean on the top. */
static const char *l_append_pair(lua_State *L, struct gw_str name, struct gw_buf *out) {
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        return lua_pushfstring(L, "query.%s needs a string, number or boolean, got %s", name.data,
                               lua_typename(L, type));
    if (out->len > MAX_TARGET || lua_rawlen(L, -1) > MAX_TARGET)
        return "the query makes the path longer than 64 KiB";
    gw_buf_append_char(out, memchr(out->data, '?', out->len) ? '&' : '?');
    gw_buf_append_percent(out, name);
    gw_buf_append_char(out, '=');
    l_append_encoded(L, out);
    return NULL;
}

/* The parameter `name`, whose value or list of values is on the top. */
static const char *l_append_parameter(lua_State *L, struct gw_str name, struct gw_buf *out) {
    if (!lua_istable(L, -1))
        return l_append_pair(L, name, out);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *reason = l_append_pair(L, name, out);
        if (reason)
            return reason;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return NULL;
}

/* Pushes the names of the table at `query` as a list in byte order, so that a URL is always the
 * same. */
static void l_push_sorted_names(lua_State *L, int query) {
    lua_newtable(L);
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, query);) {
        lua_pop(L, 1);
        if (n == MAX_NAMES)
            luaL_error(L, "query: at most %d names", MAX_NAMES);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "query: a name is a string, got %s", luaL_typename(L, -1));
        lua_pushvalue(L, -1);
        lua_Integer at = ++n; /* insertion sort: a query has a handful of names */
        for (; at > 1 && lua_rawgeti(L, -3, at - 1); at--) {
            bool in_place = lua_compare(L, -1, -2, LUA_OPLT);
            if (in_place) {
                lua_pop(L, 1);
                break;
            }
            lua_rawseti(L, -4, at);
        }
        lua_rawseti(L, -3, at);
    }
}

static const char *l_append_query(lua_State *L, struct gw_buf *out) {
    int query = lua_gettop(L);
    l_push_sorted_names(L, query);
    for (lua_Integer i = 1; lua_rawgeti(L, query + 1, i) != LUA_TNIL; i++) {
        struct gw_str name;
        name.data = lua_tolstring(L, -1, &name.len);
        lua_pushvalue(L, -1);
        lua_rawget(L, query);
        const char *reason = l_append_parameter(L, name, out);
        if (reason)
            return reason;
        lua_pop(L, 2);
    }
    lua_settop(L, query);
    return NULL;
}

static int l_expand(lua_State *L) {
    struct gw_str template;
    template.data = luaL_checklstring(L, 1, &template.len);
    lua_settop(L, 2);
    bool plain = !memchr(template.data, '{', template.len);
    if (lua_isnil(L, 2)) {
        if (plain) {
            lua_settop(L, 1);
            return 1;
        }
        lua_newtable(L);
        lua_replace(L, 2);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    struct gw_buf *out = l_new_buf(L);
    const char *reason = l_append_path(L, template, out);
    if (!reason && lua_getfield(L, 2, "query") == LUA_TTABLE)
        reason = l_append_query(L, out);
    if (reason) {
        lua_pushnil(L);
        lua_pushstring(L, reason);
        return 2;
    }
    lua_pushlstring(L, out->data, out->len);
    gw_buf_fini(out);
    return 1;
}

static const luaL_Reg functions[] = {
    {"expand", l_expand},
    {NULL, NULL},
};

void l_register_expand(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
