#include "lua/buffer.h"

#include "lua/json.h"
#include "lua/json_reader.h"

#include <lauxlib.h>

#define META "gateway.buffer"

struct gw_buf *l_new_buffer(lua_State *L) {
    struct gw_buf *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    *buffer = (struct gw_buf){0};
    luaL_setmetatable(L, META);
    return buffer;
}

struct gw_buf *l_test_buffer(lua_State *L, int index) {
    return luaL_testudata(L, index, META);
}

static struct gw_buf *l_check_buffer(lua_State *L) {
    return luaL_checkudata(L, 1, META);
}

/* core.buffer() */
static int l_buffer(lua_State *L) {
    l_new_buffer(L);
    return 1;
}

static int l_gc(lua_State *L) {
    gw_buf_fini(l_check_buffer(L));
    return 0;
}

static int l_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)l_check_buffer(L)->len);
    return 1;
}

static int l_text(lua_State *L) {
    struct gw_str text = gw_buf_str(l_check_buffer(L));
    lua_pushlstring(L, text.len ? text.data : "", text.len);
    return 1;
}

/* buffer:write(text, ...) -> buffer */
static int l_write(lua_State *L) {
    struct gw_buf *buffer = l_check_buffer(L);
    int n = lua_gettop(L);
    for (int i = 2; i <= n; i++) {
        struct gw_str text;
        text.data = luaL_checklstring(L, i, &text.len);
        if (text.len > GW_JSON_MAX_TEXT - buffer->len)
            return luaL_error(L, "the buffer is too large");
        gw_buf_append_str(buffer, text);
    }
    lua_settop(L, 1);
    return 1;
}

/* --- what it says, as JSON --- */

static int l_raise(lua_State *L, struct gw_str text, size_t at, const char *reason) {
    l_json_push_error(L, text, &(struct gw_json_error){at, reason});
    return luaL_error(L, "the buffer is not JSON: %s", lua_tostring(L, -1));
}

/* buffer:json() -> the value */
static int l_json(lua_State *L) {
    struct gw_str text = gw_buf_str(l_check_buffer(L));
    struct gw_json_error error;
    if (!l_json_decode(L, text, &error))
        return l_raise(L, text, error.at, error.reason);
    return 1;
}

/* Steps to the value of the member `name` of an object. */
static bool find_member(struct gw_json_reader *r, struct gw_str name) {
    if (!gw_json_accept(r, '{') || gw_json_peek(r) == '}')
        return false;
    do {
        struct gw_str key;
        bool has_escapes;
        if (gw_json_peek(r) != '"' || !gw_json_take_string(r, &key, &has_escapes) ||
            !gw_json_expect(r, ':', "expected ':'"))
            return false;
        if (gw_str_equal(key, name))
            return true;
        if (!gw_json_skip_value(r))
            return false;
    } while (gw_json_accept(r, ','));
    return false;
}

static struct gw_json_reader reader_at(struct gw_str text, size_t at) {
    return (struct gw_json_reader){.next = text.data + at, .end = text.data + text.len};
}

/* Behind a value, or at the start: where the next element is, or 0. */
static lua_Integer next_element(struct gw_str text, struct gw_json_reader *r) {
    return gw_json_peek(r) == ']' ? 0 : (lua_Integer)(r->next - text.data);
}

/* Upvalues: the buffer, and where the next element begins; 0: there is none. */
static int l_next_element(lua_State *L) {
    struct gw_str text = gw_buf_str(lua_touserdata(L, lua_upvalueindex(1)));
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
    if (!at || (size_t)at >= text.len)
        return 0;
    struct gw_json_reader r = reader_at(text, (size_t)at);
    if (!gw_json_skip_value(&r))
        return l_raise(L, text, (size_t)(r.next - text.data), r.error);
    struct gw_str element = {text.data + at, (size_t)(r.next - text.data) - (size_t)at};
    bool is_last = !gw_json_accept(&r, ',');
    lua_pushinteger(L, is_last ? 0 : next_element(text, &r));
    lua_replace(L, lua_upvalueindex(2));
    struct gw_json_error error;
    if (!l_json_decode(L, element, &error))
        return l_raise(L, element, error.at, error.reason);
    return 1;
}

/* buffer:get(name) -> the member's value, or nil */
static int l_get(lua_State *L) {
    struct gw_str text = gw_buf_str(l_check_buffer(L)), name;
    name.data = luaL_checklstring(L, 2, &name.len);
    struct gw_json_reader r = reader_at(text, 0);
    if (!text.len || !find_member(&r, name))
        return 0;
    gw_json_peek(&r);
    const char *start = r.next;
    struct gw_json_error error;
    if (!gw_json_skip_value(&r))
        return l_raise(L, text, (size_t)(r.next - text.data), r.error);
    struct gw_str value = {start, (size_t)(r.next - start)};
    return l_json_decode(L, value, &error) ? 1 : l_raise(L, value, error.at, error.reason);
}

/* buffer:each(name) -> an iterator over the elements of the array that is the member `name` of the
 * object, each decoded when it is its turn */
static int l_each(lua_State *L) {
    struct gw_str text = gw_buf_str(l_check_buffer(L)), name;
    name.data = luaL_checklstring(L, 2, &name.len);
    struct gw_json_reader r = reader_at(text, 0);
    if (!text.len || !find_member(&r, name) || !gw_json_accept(&r, '['))
        return luaL_error(L, "there is no array '%s' in the buffer", name.data);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, next_element(text, &r));
    lua_pushcclosure(L, l_next_element, 2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"write", l_write}, {"text", l_text}, {"json", l_json},
    {"get", l_get},     {"each", l_each}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", l_gc},
    {"__len", l_len},
    {"__tostring", l_text},
    {NULL, NULL},
};

void l_register_buffer(lua_State *L) {
    l_new_metatable(L, META, l_gc);
    luaL_getmetatable(L, META);
    luaL_setfuncs(L, metamethods, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, l_buffer);
    lua_setfield(L, -2, "buffer");
}
