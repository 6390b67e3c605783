#include "lua/flow_internal.h"

#include <lauxlib.h>
#include <string.h>

static void l_push_str(lua_State *L, struct gw_str s) {
    lua_pushlstring(L, s.data, s.len);
}

static void l_set_str(lua_State *L, const char *key, struct gw_str value) {
    l_push_str(L, value);
    lua_setfield(L, -2, key);
}

/* --- fields --- */

/* t[name] = value for the name and value on the top, joined to what is there already. */
static void l_add_field(lua_State *L) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -4) == LUA_TNIL) {
        lua_pop(L, 1);
    } else {
        lua_insert(L, -2);
        lua_pushliteral(L, ", ");
        lua_insert(L, -2);
        lua_concat(L, 3);
    }
    lua_rawset(L, -3);
}

static void l_push_lower(lua_State *L, struct gw_str name) {
    char lower[256];
    if (name.len > sizeof lower)
        name.len = sizeof lower;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)(name.data[i] | (name.data[i] >= 'A' && name.data[i] <= 'Z' ? 0x20 : 0));
    lua_pushlstring(L, lower, name.len);
}

void l_push_fields(lua_State *L, struct gw_str lines) {
    struct gw_str line, name, value;
    lua_createtable(L, 0, 8);
    while (gw_str_split(lines, '\n', &line, &lines)) {
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (!gw_str_split(line, ':', &name, &value) || name.len == line.len)
            continue;
        l_push_lower(L, name);
        l_push_str(L, gw_str_trim(value));
        l_add_field(L);
    }
}

static void l_push_request_fields(lua_State *L, const struct gw_message *message) {
    lua_createtable(L, 0, (int)message->n_fields);
    for (unsigned i = 0; i < message->n_fields; i++) {
        l_push_str(L, gw_message_field_name(message, i));
        l_push_str(L, gw_message_field_value(message, i));
        l_add_field(L);
    }
}

/* --- the query: application/x-www-form-urlencoded, as forms send it --- */

/* Decodes %XX and "+" into `out`, which has room for s.len bytes. A broken escape stays as it is.
 */
static size_t decode(struct gw_str s, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool escape = s.data[i] == '%' && s.len - i > 2 && gw_hex_value(s.data[i + 1]) >= 0 &&
                      gw_hex_value(s.data[i + 2]) >= 0;
        if (escape) {
            out[n++] = (char)(gw_hex_value(s.data[i + 1]) * 16 + gw_hex_value(s.data[i + 2]));
            i += 2;
        } else {
            out[n++] = s.data[i] == '+' ? ' ' : s.data[i];
        }
    }
    return n;
}

static void l_push_decoded(lua_State *L, struct gw_str s) {
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, s.len);
    luaL_pushresultsize(&buffer, decode(s, out));
}

static void l_push_query(lua_State *L, struct gw_str query) {
    struct gw_str pair, name, value;
    lua_newtable(L);
    while (gw_str_split(query, '&', &pair, &query)) {
        if (!gw_str_split(pair, '=', &name, &value))
            continue;
        l_push_decoded(L, name);
        l_push_decoded(L, value);
        lua_rawset(L, -3);
    }
}

static void l_push_params(lua_State *L, const struct gw_route_match *match) {
    lua_createtable(L, 0, (int)match->n_params);
    for (unsigned i = 0; i < match->n_params; i++) {
        l_push_str(L, match->params[i].name);
        l_push_str(L, match->params[i].value);
        lua_rawset(L, -3);
    }
}

void l_push_request(lua_State *L, struct gw_flow *flow) {
    const struct gw_message *message = gw_exchange_message(flow->exchange);
    lua_createtable(L, 0, 10);
    l_set_str(L, "method", gw_message_method(message));
    l_set_str(L, "path", gw_message_path(message));
    l_set_str(L, "correlation_id", gw_exchange_id(flow->exchange));
    l_set_str(L, "client", gw_exchange_client(flow->exchange));
    lua_pushstring(L, gw_flow_route(flow)->label);
    lua_setfield(L, -2, "route");
    if (gw_exchange_body(flow->exchange).len)
        l_set_str(L, "body", gw_exchange_body(flow->exchange));
    l_push_query(L, gw_message_query(message));
    lua_setfield(L, -2, "query");
    l_push_params(L, &flow->match);
    lua_setfield(L, -2, "params");
    l_push_request_fields(L, message);
    lua_setfield(L, -2, "headers");
    lua_rawgeti(L, LUA_REGISTRYINDEX, flow->state->request_meta);
    lua_setmetatable(L, -2);
}
