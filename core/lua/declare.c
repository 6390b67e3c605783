/* gateway.core, the part that exists only while the scripts load: routes, backends, breakers, jobs.
 */
#include "lua/core.h"
#include "lua/declared.h"
#include "lua/options.h"

#include "base/alloc.h"

#include <lauxlib.h>
#include <string.h>

/* --- declarations --- */

static void check_loading(lua_State *L) {
    if (!gw_state_of(L)->loading)
        luaL_error(L, "this can only be done while the scripts load");
}

static int l_loading(lua_State *L) {
    lua_pushboolean(L, gw_state_of(L)->loading);
    return 1;
}

/* Where the script stands that called the prelude: the first level outside of it. */
static void l_push_where(lua_State *L) {
    lua_Debug at;
    for (int level = 1; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.currentline > 0 && !gw_is_prelude(at.source)) {
            lua_pushfstring(L, "%s:%d", at.short_src, at.currentline);
            return;
        }
    }
    lua_pushliteral(L, "built in");
}

static int l_route(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    check_loading(L);
    struct gw_str method, pattern;
    method.data = luaL_checklstring(L, 1, &method.len);
    pattern.data = luaL_checklstring(L, 2, &pattern.len);
    lua_Number deadline =
        luaL_optnumber(L, 3, (lua_Number)state->host.settings->service_timeout_ms / 1000);
    lua_Integer max_body = luaL_optinteger(L, 4, (lua_Integer)state->host.settings->max_body);
    luaL_argcheck(L, deadline > 0 && deadline <= 86400, 3, "deadline out of range");
    luaL_argcheck(L, max_body >= 0, 4, "max_body out of range");
    l_push_where(L);
    const char *error;
    if (!gw_router_add(state->router, method, pattern, (int)state->n_routes, &error)) {
        lua_pushnil(L);
        lua_pushstring(L, error);
        return 2;
    }
    struct gw_buf label = {0};
    gw_buf_printf(&label, "%s %s", method.data, pattern.data);
    gw_buf_append_char(&label, '\0');
    state->routes = gw_realloc(state->routes, (state->n_routes + 1) * sizeof *state->routes);
    state->routes[state->n_routes++] = (struct gw_route){
        .label = label.data,
        .where = gw_strdup(lua_tostring(L, -1)),
        .deadline_ms = (int64_t)(deadline * 1000),
        .max_body = (uint64_t)max_body,
        .meter = gw_meter_of_no_route(),
    };
    lua_pushinteger(L, state->n_routes);
    lua_insert(L, -2);
    return 2; /* with its place */
}

/* nil and the reason: the prelude raises it where the script stands. */
static int l_refuse(lua_State *L, const char *reason) {
    lua_pushnil(L);
    lua_pushstring(L, reason);
    return 2;
}

static int l_backend(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    struct gw_backend_options options;
    const char *name = luaL_checkstring(L, 1), *error;
    check_loading(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    l_read_backend_options(L, 2, &options);
    l_push_where(L);
    struct gw_backend *backend = gw_backends_declare(state->host.backends, name, &options, &error);
    if (!backend)
        return l_refuse(L, error);
    const char *first = gw_state_declares_backend(state, backend);
    if (first)
        return l_refuse(L, lua_pushfstring(L, "it is declared already, at %s", first));
    gw_state_add_backend(state, backend, &options, lua_tostring(L, -1));
    lua_pushinteger(L, state->n_backends);
    return 1;
}

static int l_breaker(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    check_loading(L);
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct gw_breaker_options options = l_read_breaker_options(L, 2);
    struct gw_breaker *breaker = gw_backends_breaker(state->host.backends, name, &options);
    const char *first = gw_state_declares_breaker(state, breaker);
    if (first)
        return l_refuse(L, lua_pushfstring(L, "it is declared already, at %s", first));
    l_push_where(L);
    gw_state_add_breaker(state, breaker, &options, lua_tostring(L, -1));
    lua_pushinteger(L, state->n_breakers);
    return 1;
}

static int l_job(lua_State *L) {
    check_loading(L);
    luaL_checkstring(L, 1);
    return 0;
}

static int l_take_ref(lua_State *L, int table, const char *key) {
    lua_getfield(L, table, key);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int l_set_metatables(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    state->request_meta = l_take_ref(L, 1, "request");
    state->response_meta = l_take_ref(L, 1, "response");
    state->failure_meta = l_take_ref(L, 1, "failure");
    return 0;
}

static int l_set_entries(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    state->request_entry = l_take_ref(L, 1, "request");
    state->job_entry = l_take_ref(L, 1, "job");
    state->loaded_entry = l_take_ref(L, 1, "loaded");
    return 0;
}

static int l_source(lua_State *L) {
    struct gw_str name;
    name.data = luaL_checklstring(L, 1, &name.len);
    const struct gw_source *source = gw_sources_find(gw_state_of(L)->sources, name);
    if (!source)
        return 0;
    lua_pushlstring(L, source->text.data ? source->text.data : "", source->text.len);
    lua_pushfstring(L, "@%s", source->path);
    return 2;
}

static const luaL_Reg functions[] = {
    {"loading", l_loading},         {"route", l_route},   {"backend", l_backend},
    {"breaker", l_breaker},         {"job", l_job},       {"set_metatables", l_set_metatables},
    {"set_entries", l_set_entries}, {"source", l_source}, {NULL, NULL},
};

void l_register_declare(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
