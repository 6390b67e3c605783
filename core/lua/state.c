#include "lua/state.h"

#include "lua/bounded.h"
#include "lua/core.h"
#include "lua/declared.h"
#include "lua/json.h"
#include "lua/prelude.h"
#include "lua/secret.h"

#include "base/alloc.h"

#include <event2/event.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not reached by design: everything that may raise runs protected. */
static int panic(lua_State *L) {
    gw_log(GW_LOG_ERROR, "lua: unprotected error: %s", lua_tostring(L, -1));
    abort();
}

/* --- require, as the prelude needs it: its own modules and the three that are C --- */

static int l_load_module(lua_State *L, const char *name) {
    if (strcmp(name, "gateway.core") == 0 && gw_state_of(L)->prelude_loading) {
        l_push_core(L);
        return 1;
    }
    if (strcmp(name, "gateway.json") == 0)
        return luaopen_gateway_json(L);
    if (strcmp(name, "gateway.secret") == 0)
        return luaopen_gateway_secret(L);
    const struct gw_embedded *file = gw_prelude_find(name);
    if (!file)
        return luaL_error(L, "module '%s' not found", name);
    lua_pushfstring(L, "@%s", name); /* see gw_is_prelude() */
    if (luaL_loadbufferx(L, file->text.data, file->text.len, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
    return 1;
}

static int l_require(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, 2, name) == LUA_TNIL) {
        l_load_module(L, name);
        lua_pushvalue(L, -1);
        lua_setfield(L, 2, name);
    }
    return 1;
}

/* --- loading --- */

/* The system's require stays reachable for core.cjson() only, and without a path for Lua files. */
static void l_keep_system_require(lua_State *L) {
    lua_getglobal(L, "package");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "path");
    lua_getglobal(L, "require");
    lua_setfield(L, LUA_REGISTRYINDEX, GW_SYSTEM_REQUIRE);
    lua_pop(L, 1);
}

static void l_open_libraries(lua_State *L) {
    static const luaL_Reg libraries[] = {
        {LUA_LOADLIBNAME, luaopen_package}, {LUA_GNAME, luaopen_base},
        {LUA_COLIBNAME, luaopen_coroutine}, {LUA_STRLIBNAME, luaopen_string},
        {LUA_TABLIBNAME, luaopen_table},    {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_OSLIBNAME, luaopen_os},
        {LUA_DBLIBNAME, luaopen_debug},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    l_bound_base(L);
    l_bound_coroutines(L);
    l_bound_strings(L);
    l_bound_tables(L);
    l_keep_system_require(L);
    lua_pushcfunction(L, l_require);
    lua_setglobal(L, "require");
}

static void l_forget(lua_State *L, const char *module) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushnil(L);
    lua_setfield(L, -2, module);
    lua_pop(L, 1);
}

/* Pushes what `require(name)` returns, with the global require of now. */
static void l_require_now(lua_State *L, const char *name) {
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

/* The prelude; then its sandbox, which replaces globals and require; then the scripts, from
 * init.lua on; then what the prelude has to say at the end. */
static int l_load(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    l_open_libraries(L);
    state->prelude_loading = state->loading = true;
    l_require_now(L, "gateway");
    l_require_now(L, "gateway.sandbox");
    state->prelude_loading = false;
    l_forget(L, "gateway.core");
    lua_call(L, 0, 0);
    l_require_now(L, "init");
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->loaded_entry);
    lua_call(L, 0, 0);
    state->loading = false;
    return 0;
}

static int l_message(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* Where loading was stopped that is the reason, whatever came of it. */
static void explain(lua_State *L, const struct gw_account *account, struct gw_buf *error) {
    if (account->stop != GW_STOP_NONE)
        gw_account_describe(account, error);
    else
        gw_buf_append_str(error, gw_str_from(lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                                            : "unknown error"));
}

static bool load(struct gw_state *state, struct gw_buf *error) {
    lua_State *L = state->L;
    struct gw_account account = {.kind = GW_ACCOUNT_LOADING};
    lua_pushcfunction(L, l_message);
    lua_pushcfunction(L, l_load);
    gw_budget_begin(state, L, &account, NULL);
    bool ok = lua_pcall(L, 0, 0, -2) == LUA_OK && account.stop == GW_STOP_NONE;
    gw_budget_end(state, L);
    if (!ok)
        explain(L, &account, error);
    if (state->host.load_stopped && account.stop != GW_STOP_NONE)
        *state->host.load_stopped = true;
    lua_settop(L, 0);
    gw_budget_tidy(state);
    state->heap_loaded = state->heap.used;
    return ok;
}

struct gw_state *gw_state_new(const struct gw_host *host, const struct gw_sources *sources,
                              struct gw_buf *error) {
    struct gw_state *state = gw_calloc(1, sizeof *state);
    state->host = *host;
    gw_budget_init_heap(state);
    lua_State *L = host->alloc ? lua_newstate(host->alloc, host->alloc_user)
                               : lua_newstate(gw_heap_alloc, &state->heap);
    if (!L) {
        gw_buf_append_str(error, GW_STR("not enough memory"));
        free(state);
        return NULL;
    }
    state->L = L;
    state->sources = sources;
    state->router = gw_router_new();
    *(struct gw_state **)lua_getextraspace(L) = state;
    lua_atpanic(L, panic);
    if (host->settings->development)
        snprintf(state->generation_field, sizeof state->generation_field,
                 "X-Gateway-Generation: %u\r\n", host->generation);
    gw_flows_init(state);
    if (load(state, error))
        return state;
    gw_state_free(state);
    return NULL;
}

void gw_state_detach(struct gw_state *state) {
    if (state->ready_event)
        event_free(state->ready_event);
    state->ready_event = NULL;
}

void gw_state_free(struct gw_state *state) {
    if (!state)
        return;
    gw_flows_fini(state);
    lua_close(state->L);
    gw_heap_fini(&state->heap);
    gw_state_close_stores(state);
    gw_router_free(state->router);
    for (unsigned i = 0; i < state->n_routes; i++) {
        free(state->routes[i].label);
        free(state->routes[i].where);
    }
    free(state->routes);
    gw_state_forget_declared(state);
    free(state);
}
