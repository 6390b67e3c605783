#include "lua/described.h"

#include "lua/json.h"

#include "http/grammar.h"

#include <lauxlib.h>
#include <string.h>

#define MAX_FIELDS  (GW_BACKEND_MAX_FIELDS - 4) /* room for those of the gateway's own */
#define MAX_SECONDS 86400

/* What the gateway writes itself. */
static const char *const reserved[] = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "x-correlation-id",
    "x-request-timeout-ms",
    "traceparent",
    "tracestate",
    NULL,
};

static struct gw_str l_check_str(lua_State *L, int index) {
    struct gw_str s;
    s.data = lua_tolstring(L, index, &s.len);
    return s;
}

/* The name at -2 and the value at -1, which stay there. Numbers are copied first: converting a key
 * in place would confuse lua_next. */
static void l_add_header(lua_State *L, struct gw_described *described) {
    if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
        luaL_error(L, "headers: names are strings, values strings or numbers");
    lua_pushvalue(L, -1);
    struct gw_str name = l_check_str(L, -3), value = gw_str_trim(l_check_str(L, -1));
    if (!gw_str_is_token(name) || gw_str_is_one_of_nocase(name, reserved))
        luaL_error(L, "headers: '%s' cannot be set", name.data);
    if (gw_str_span(value, GW_CHAR_FIELD) != value.len)
        luaL_error(L, "headers: the value of '%s' has a control character", name.data);
    gw_buf_append_str(&described->fields, name);
    gw_buf_append(&described->fields, ": ", 2);
    gw_buf_append_str(&described->fields, value);
    gw_buf_append_char(&described->fields, '\n');
    lua_pop(L, 1);
}

/* --- one option each: its name and value are on the top and stay there --- */

static void l_headers(lua_State *L, struct gw_described *described) {
    int n = 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (++n > MAX_FIELDS)
            luaL_error(L, "headers: at most %d", MAX_FIELDS);
        l_add_header(L, described);
    }
}

static void l_json(lua_State *L, struct gw_described *described) {
    described->has_body = true;
    l_json_encode(L, -1, &described->body);
    gw_buf_append_str(&described->fields, GW_STR("content-type: application/json\n"));
}

static void l_body(lua_State *L, struct gw_described *described) {
    described->has_body = true;
    gw_buf_append_str(&described->body, l_check_str(L, -1));
}

static void l_raw(lua_State *L, struct gw_described *described) {
    described->raw = lua_toboolean(L, -1);
}

static void l_fallback(lua_State *L, struct gw_described *described) {
    (void)L;
    described->has_fallback = true;
}

/* At least 1, since 0 means that none was given. */
static int64_t ms_of(lua_Number seconds) {
    if (seconds >= MAX_SECONDS)
        return (int64_t)MAX_SECONDS * 1000;
    return seconds * 1000 < 1 ? 1 : (int64_t)(seconds * 1000);
}

static void l_timeout(lua_State *L, struct gw_described *described) {
    described->timeout_ms = ms_of(lua_tonumber(L, -1));
}

static void l_try_timeout(lua_State *L, struct gw_described *described) {
    described->try_timeout_ms = ms_of(lua_tonumber(L, -1));
}

static void l_hedge(lua_State *L, struct gw_described *described) {
    described->hedge_ms = ms_of(lua_tonumber(L, -1));
}

static void l_attempts(lua_State *L, struct gw_described *described) {
    described->attempts = (unsigned)lua_tointeger(L, -1);
}

static void l_idempotent(lua_State *L, struct gw_described *described) {
    described->repeat = lua_toboolean(L, -1) ? GW_REPEAT_ALLOWED : GW_REPEAT_FORBIDDEN;
}

static const struct {
    const char *name;
    void (*read)(lua_State *L, struct gw_described *described);
} known_options[] = {
    {"fallback", l_fallback}, {"json", l_json},
    {"headers", l_headers},   {"body", l_body},
    {"raw", l_raw},           {"timeout", l_timeout},
    {"hedge", l_hedge},       {"try_timeout", l_try_timeout},
    {"attempts", l_attempts}, {"idempotent", l_idempotent},
};

/* One walk over what there is costs less than a look-up of each that there may be. Other names are
 * the path's. */
static void l_read_options(lua_State *L, int options, struct gw_described *described) {
    for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        const char *name = lua_tostring(L, -2);
        for (size_t i = 0; i < sizeof known_options / sizeof *known_options; i++)
            if (strcmp(known_options[i].name, name) == 0)
                known_options[i].read(L, described);
    }
}

static struct gw_backend *l_check_backend(lua_State *L, const struct gw_state *state, int request) {
    lua_getfield(L, request, "handle");
    lua_Integer handle = lua_tointeger(L, -1);
    if (handle < 1 || handle > (lua_Integer)state->n_backends)
        luaL_error(L, "not a request");
    lua_pop(L, 1);
    return state->backends[handle - 1];
}

void l_describe(lua_State *L, int index, struct gw_described *described) {
    int request = lua_absindex(L, index);
    luaL_checktype(L, request, LUA_TTABLE);
    described->backend = l_check_backend(L, gw_state_of(L), request);
    lua_getfield(L, request, "method");
    lua_getfield(L, request, "path");
    struct gw_str method = l_check_str(L, -2);
    if (!method.data || method.len >= sizeof described->method || !gw_str_is_token(method))
        luaL_error(L, "not a method");
    memcpy(described->method, method.data, method.len);
    gw_buf_append_str(&described->path, l_check_str(L, -1));
    lua_pop(L, 2);
    if (lua_getfield(L, request, "options") == LUA_TTABLE)
        l_read_options(L, lua_gettop(L), described);
    lua_pop(L, 1);
}

void gw_described_fini(struct gw_described *described) {
    gw_buf_fini(&described->path);
    gw_buf_fini(&described->fields);
    gw_buf_fini(&described->body);
}
