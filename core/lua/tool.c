#include "lua/tool.h"

#include "lua/core.h"
#include "lua/declared.h"
#include "lua/json.h"
#include "lua/prelude.h"
#include "lua/secret.h"

#include "base/alloc.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what require() finds --- */

static int l_open_core(lua_State *L) {
    l_push_core(L);
    return 1;
}

static int l_text(lua_State *L) {
    const struct gw_embedded *file = gw_prelude_find(luaL_checkstring(L, 1));
    if (file)
        lua_pushlstring(L, file->text.data, file->text.len);
    else
        lua_pushnil(L);
    return 1;
}

/* forget(): what was declared, so that scripts can be loaded once more. Nobody may hold a handle of
 * before. */
static int l_forget(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    gw_router_free(state->router);
    state->router = gw_router_new();
    while (state->n_routes) {
        free(state->routes[--state->n_routes].label);
        free(state->routes[state->n_routes].where);
    }
    gw_state_forget_declared(state);
    return 0;
}

static int l_open_forget(lua_State *L) {
    lua_pushcfunction(L, l_forget);
    return 1;
}

static int l_open_prelude(lua_State *L) {
    lua_pushcfunction(L, l_text);
    return 1;
}

/* A searcher: the module's loader, or why there is none. */
static int l_search(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct gw_embedded *file = gw_prelude_find(name);
    if (!file) {
        lua_pushfstring(L, "no module '%s' in the binary", name);
        return 1;
    }
    lua_pushfstring(L, "@%s", name);
    if (luaL_loadbufferx(L, file->text.data, file->text.len, lua_tostring(L, -1), "t") != LUA_OK)
        return lua_error(L);
    return 1;
}

/* Before those that look for files, so that none can stand in for the prelude. */
static void l_add_searcher(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, l_search);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

static void l_open(lua_State *L) {
    static const luaL_Reg modules[] = {
        {"gateway.core", l_open_core},
        {"gateway.json", luaopen_gateway_json},
        {"gateway.secret", luaopen_gateway_secret},
        {"gateway.prelude", l_open_prelude},
        {"gateway.forget", l_open_forget},
        {NULL, NULL},
    };
    luaL_openlibs(L);
    l_add_searcher(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_getglobal(L, "require"); /* kept for core.cjson() */
    lua_setfield(L, LUA_REGISTRYINDEX, GW_SYSTEM_REQUIRE);
    lua_settop(L, 0);
}

/* --- the module's argument --- */

static const struct gw_tool *tool_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* load(): true, or false and what the server says. */
static int l_load(lua_State *L) {
    struct gw_buf *error = l_new_buf(L);
    lua_pushboolean(L, tool_of(L)->load(tool_of(L)->settings, error));
    lua_pushlstring(L, gw_buf_str(error).data, error->len);
    return 2;
}

static void l_push_sources(lua_State *L, const struct gw_sources *sources) {
    lua_newtable(L);
    for (size_t i = 0; sources && i < sources->n; i++) {
        struct gw_str text = gw_buf_str(&sources->items[i].text);
        lua_pushlstring(L, text.len ? text.data : "", text.len);
        lua_setfield(L, -2, sources->items[i].path);
    }
}

static void l_push_context(lua_State *L, const struct gw_tool *tool) {
    lua_newtable(L);
    lua_pushstring(L, tool->settings->scripts_dir);
    lua_setfield(L, -2, "folder");
    lua_pushstring(L, tool->arguments);
    lua_setfield(L, -2, "arguments");
    l_push_sources(L, tool->sources);
    lua_setfield(L, -2, "sources");
    lua_pushlightuserdata(L, (void *)tool);
    lua_pushcclosure(L, l_load, 1);
    lua_setfield(L, -2, "load");
}

/* --- running it --- */

static int l_run(lua_State *L) {
    const struct gw_tool *tool = lua_touserdata(L, 1);
    const char *module = lua_touserdata(L, 2);
    l_open(L);
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    l_push_context(L, tool);
    lua_call(L, 1, 1);
    return 1;
}

static int l_explain(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static int run(lua_State *L, const struct gw_tool *tool, const char *module) {
    int code = 2;
    lua_pushcfunction(L, l_explain);
    lua_pushcfunction(L, l_run);
    lua_pushlightuserdata(L, (void *)tool);
    lua_pushlightuserdata(L, (void *)module);
    if (lua_pcall(L, 2, 1, 1) == LUA_OK)
        code = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "moongate: %s\n", lua_tostring(L, -1));
    lua_settop(L, 0);
    return code;
}

static bool is_ready(void *user, const char **reason) {
    (void)user, (void)reason;
    return true;
}

/* The scripts are loaded by Lua alone, into a sandbox of its own. */
static const struct gw_sources no_sources = {0};

/* A state as a worker's, but that nothing is loaded into it and no flow ever runs in it. */
int gw_tool_run(const struct gw_tool *tool, const char *module) {
    struct gw_state *state = gw_calloc(1, sizeof *state);
    state->host = (struct gw_host){
        .backends = gw_backends_new(), .settings = tool->settings, .ready = is_ready};
    state->router = gw_router_new();
    state->sources = &no_sources;
    state->loading = true;
    state->L = luaL_newstate(); /* of malloc's memory: no limit of a worker's holds here */
    int code = 2;
    if (state->L) {
        *(struct gw_state **)lua_getextraspace(state->L) = state;
        code = run(state->L, tool, module);
    }
    struct gw_host host = state->host;
    gw_state_free(state);
    gw_backends_free(host.backends);
    return code;
}
