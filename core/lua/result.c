#include "lua/result.h"

#include "lua/core.h"
#include "lua/json.h"

#include <lauxlib.h>
#include <string.h>

#define HEADER_TEXT "header_text" /* of a response: its header lines as they came */

static bool is_json(struct gw_str type) {
    struct gw_str media, parameters;
    if (!gw_str_split(type, ';', &media, &parameters))
        return false;
    media = gw_str_trim(media);
    return gw_str_equal_nocase(media, GW_STR("application/json")) ||
           (media.len > 5 &&
            gw_str_equal_nocase((struct gw_str){media.data + media.len - 5, 5}, GW_STR("+json")));
}

static bool says_json(struct gw_str lines) {
    struct gw_str line, name, value;
    while (gw_str_split(lines, '\n', &line, &lines))
        if (gw_str_split(line, ':', &name, &value) &&
            gw_str_equal_nocase(name, GW_STR("content-type"))) {
            if (value.len && value.data[value.len - 1] == '\r')
                value.len--;
            return is_json(gw_str_trim(value));
        }
    return false;
}

/* Whether HTTP lets the answer to such a request have no body, whatever its type is. */
static bool may_be_empty(const char *method, unsigned status) {
    return strcmp(method, "HEAD") == 0 || status == 204 || status == 304;
}

const char *gw_result_check(const struct gw_backend_request *request,
                            const struct gw_call_response *response) {
    struct gw_str body = gw_buf_str(&response->body);
    struct gw_json_error error;
    if (!says_json(gw_buf_str(&response->fields)) ||
        (body.len == 0 && may_be_empty(request->method, response->status)))
        return NULL;
    return gw_json_check(body, &error) ? NULL : error.reason;
}

/* Sets json of the table on the top or, where it is none or is not to be read, body. */
static void l_set_content(lua_State *L, const struct gw_backend_result *result, bool raw) {
    struct gw_str body = gw_buf_str(&result->body);
    struct gw_json_error ignored;
    if (!raw && says_json(gw_buf_str(&result->fields)) && l_json_decode(L, body, &ignored)) {
        lua_setfield(L, -2, "json");
        return;
    }
    lua_pushlstring(L, body.data ? body.data : "", body.len);
    lua_setfield(L, -2, "body");
}

static void l_copy_field(lua_State *L, int from, const char *key) {
    lua_getfield(L, from, key);
    lua_setfield(L, -2, key);
}

/* The request table stands at -1; the failure replaces it. */
static void l_push_call_failure(lua_State *L, const struct gw_backend_result *result,
                                enum gw_failure kind, const char *message) {
    int request = lua_gettop(L);
    l_push_failure(L, kind, message);
    l_copy_field(L, request, "backend");
    l_copy_field(L, request, "method");
    l_copy_field(L, request, "path");
    lua_pushinteger(L, result->attempts);
    lua_setfield(L, -2, "attempts");
    if (result->status) {
        lua_pushinteger(L, result->status);
        lua_setfield(L, -2, "status");
    }
    if (result->retry_after_ms) {
        lua_pushnumber(L, (lua_Number)result->retry_after_ms / 1000);
        lua_setfield(L, -2, "retry_after");
    }
    lua_replace(L, request);
}

static void l_push_response(lua_State *L, const struct gw_backend_result *result, bool raw) {
    struct gw_str lines = gw_buf_str(&result->fields);
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, result->status);
    lua_setfield(L, -2, "status");
    l_set_content(L, result, raw);
    lua_pushlstring(L, lines.data, lines.len);
    lua_setfield(L, -2, HEADER_TEXT);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gw_state_of(L)->response_meta);
    lua_setmetatable(L, -2);
    lua_replace(L, -2);
}

/* A body that broke off has not come this far. */
static void l_push_unreadable(lua_State *L, const struct gw_backend_result *result) {
    struct gw_json_error error;
    if (result->status && !gw_json_check(gw_buf_str(&result->body), &error))
        lua_pushfstring(L, "bad JSON at byte %d: %s", (int)error.at, error.reason);
    else
        lua_pushstring(L, result->error);
    lua_insert(L, -2);
    l_push_call_failure(L, result, GW_FAILURE_DECODE, lua_tostring(L, -2));
    lua_remove(L, -2);
}

void l_push_result(lua_State *L, const struct gw_backend_result *result, bool raw) {
    switch (result->failure) {
    case GW_FAILURE_NONE:
        l_push_response(L, result, raw);
        break;
    case GW_FAILURE_DECODE:
        l_push_unreadable(L, result);
        break;
    case GW_FAILURE_STATUS:
        l_push_call_failure(L, result, result->failure, result->error);
        l_set_content(L, result, raw); /* what it says */
        break;
    default:
        l_push_call_failure(L, result, result->failure, result->error);
    }
}

/* core.response_headers(response): most scripts never ask for the table, so it is made on demand.
 */
static int l_response_headers(lua_State *L) {
    struct gw_str lines;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, HEADER_TEXT);
    lines.data = lua_tolstring(L, -1, &lines.len);
    l_push_fields(L, lines);
    return 1;
}

static const luaL_Reg functions[] = {
    {"response_headers", l_response_headers},
    {NULL, NULL},
};

void l_register_result(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
