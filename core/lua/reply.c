/* core.reply(status, body, headers): what the handler returned, encoded inside the coroutine, where
 * running out of memory or an impossible value is an error of the script's. */
#include "lua/buffer.h"
#include "lua/core.h"
#include "lua/json.h"

#include "http/grammar.h"

#include <lauxlib.h>

static const struct gw_str content_type = GW_STR("content-type");

/* What the server writes itself. */
static const char *const reserved[] = {"content-length", "transfer-encoding", "connection",
                                       "date",           "x-correlation-id",  NULL};

/* No client takes more, and a list can name one long text many times over. */
#define MAX_FIELDS_BYTES ((size_t)64 * 1024)

static struct gw_str l_to_str(lua_State *L, int index) {
    struct gw_str s;
    s.data = luaL_tolstring(L, index, &s.len); /* pushes; the caller pops */
    return s;
}

static void l_add_field(lua_State *L, struct gw_reply *reply, struct gw_str name) {
    if (!lua_isstring(L, -1))
        luaL_error(L, "header '%s': expected a string or a number, got %s", name.data,
                   luaL_typename(L, -1));
    struct gw_str value = gw_str_trim(l_to_str(L, -1));
    if (gw_str_span(value, GW_CHAR_FIELD) != value.len)
        luaL_error(L, "header '%s': the value has a control character", name.data);
    if (reply->fields.len + name.len + value.len > MAX_FIELDS_BYTES)
        luaL_error(L, "header '%s': all together are larger than 64 KiB", name.data);
    gw_buf_append_str(&reply->fields, name);
    gw_buf_append(&reply->fields, ": ", 2);
    gw_buf_append_str(&reply->fields, value);
    gw_buf_append(&reply->fields, "\r\n", 2);
    lua_pop(L, 1);
}

/* The value on the top is one value or a list of them. */
static void l_add_header(lua_State *L, struct gw_reply *reply, struct gw_str name) {
    if (!gw_str_is_token(name) || gw_str_is_one_of_nocase(name, reserved))
        luaL_error(L, "header '%s' cannot be set", name.data);
    if (!lua_istable(L, -1)) {
        l_add_field(L, reply, name);
        return;
    }
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        l_add_field(L, reply, name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Whether a content-type was among them. */
static bool l_add_headers(lua_State *L, int headers, struct gw_reply *reply) {
    bool typed = false;
    for (lua_pushnil(L); lua_next(L, headers); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "headers: a name is a string, got %s", luaL_typename(L, -2));
        struct gw_str name;
        name.data = lua_tolstring(L, -2, &name.len);
        typed = typed || gw_str_equal_nocase(name, content_type);
        l_add_header(L, reply, name);
    }
    return typed;
}

static void l_set_body(lua_State *L, int body, struct gw_reply *reply, bool typed) {
    struct gw_str type = GW_STR("content-type: application/json\r\n");
    const struct gw_str text_plain = GW_STR("content-type: text/plain; charset=utf-8\r\n");
    struct gw_buf *buffer = l_test_buffer(L, body);
    if (lua_type(L, body) == LUA_TSTRING) {
        struct gw_str text = l_to_str(L, body);
        type = text_plain;
        gw_buf_append_str(&reply->body, text);
        lua_pop(L, 1);
    } else if (buffer) {
        type = text_plain;
        gw_buf_fini(&reply->body);
        gw_buf_move(&reply->body, buffer);
    } else {
        l_json_encode(L, body, &reply->body);
    }
    if (!typed)
        gw_buf_append_str(&reply->fields, type);
}

static int l_reply(lua_State *L) {
    struct gw_flow *flow = l_current_flow(L);
    struct gw_reply *reply = &flow->reply; /* the flow owns what it holds, also if this raises */
    int is_integer;
    lua_Integer status = lua_tointegerx(L, 1, &is_integer);
    if (!is_integer || status < 200 || status > 599)
        return luaL_error(L, "the status must be an integer from 200 to 599, got %s",
                          luaL_tolstring(L, 1, NULL));
    lua_settop(L, 3);
    gw_buf_clear(&reply->fields);
    gw_buf_clear(&reply->body);
    flow->replied = GW_REPLY_NONE;
    bool typed = false;
    if (lua_istable(L, 3))
        typed = l_add_headers(L, 3, reply);
    else if (!lua_isnil(L, 3))
        return luaL_error(L, "headers must be a table, got %s", luaL_typename(L, 3));
    if (!lua_isnil(L, 2))
        l_set_body(L, 2, reply, typed);
    reply->status = (unsigned)status;
    flow->replied = GW_REPLY_SET;
    return 0;
}

static int l_drop(lua_State *L) {
    l_current_flow(L)->replied = GW_REPLY_DROP;
    return 0;
}

static const luaL_Reg functions[] = {
    {"reply", l_reply},
    {"drop", l_drop},
    {NULL, NULL},
};

void l_register_reply(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
