/* gateway.core, what the page of the development mode shows of a request beside the request itself:
 * lines of the scripts, from the bytes that are loaded, and the backend calls made so far. */
#include "lua/core.h"

#include "base/clock.h"

#include <lauxlib.h>
#include <string.h>

#define MAX_LINES 200

/* Lua cuts a long name off at its front: ".../routes/products.lua". */
static bool is_path(const char *path, struct gw_str shown) {
    size_t n = strlen(path);
    if (shown.len > 3 && memcmp(shown.data, "...", 3) == 0) {
        shown = (struct gw_str){shown.data + 3, shown.len - 3};
        return n >= shown.len && memcmp(path + n - shown.len, shown.data, shown.len) == 0;
    }
    return gw_str_equal(gw_str_from(path), shown);
}

static const struct gw_source *find(const struct gw_sources *sources, struct gw_str shown) {
    for (size_t i = 0; i < sources->n; i++)
        if (is_path(sources->items[i].path, shown))
            return &sources->items[i];
    return NULL;
}

/* core.source_lines(path, from, to): a table of those of the lines that there are, by number; nil
 * where no script has that path. */
static int l_source_lines(lua_State *L) {
    struct gw_str path, rest, line;
    path.data = luaL_checklstring(L, 1, &path.len);
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    luaL_argcheck(L, to - from < MAX_LINES, 3, "too many lines");
    const struct gw_source *source = find(gw_state_of(L)->sources, path);
    if (!source)
        return 0;
    rest = gw_buf_str(&source->text);
    lua_newtable(L);
    for (lua_Integer n = 1; n <= to && gw_str_split(rest, '\n', &line, &rest); n++) {
        if (n < from)
            continue;
        lua_pushlstring(L, line.data, line.len);
        lua_rawseti(L, -2, n);
    }
    return 1;
}

static void l_set_ms(lua_State *L, const char *key, int64_t us) {
    lua_pushnumber(L, (lua_Number)us / 1000);
    lua_setfield(L, -2, key);
}

static void l_push_call(lua_State *L, const struct gw_span *call, const char *target) {
    lua_createtable(L, 0, 8);
    lua_pushstring(L, call->name);
    lua_setfield(L, -2, "backend");
    lua_pushstring(L, target);
    lua_setfield(L, -2, "target");
    if (call->status) {
        lua_pushinteger(L, call->status);
        lua_setfield(L, -2, "status");
    }
    if (call->failure != GW_FAILURE_NONE) {
        lua_pushstring(L, gw_failure_name((enum gw_failure)call->failure));
        lua_setfield(L, -2, "failure");
    }
    lua_pushinteger(L, call->count);
    lua_setfield(L, -2, "attempts");
    l_set_ms(L, "duration_ms", call->duration_us);
    l_set_ms(L, "ended_ms", (int64_t)call->start_us + call->duration_us);
}

/* core.calls(): the request's calls in the order they began, the milliseconds it has taken, and how
 * many calls there were: only the first are shown. */
static int l_calls(lua_State *L) {
    const struct gw_flow *root = gw_flow_root(l_current_flow(L));
    const struct gw_trace *trace = root->trace;
    const struct gw_span *call;
    unsigned at = 0;
    lua_newtable(L);
    for (int i = 1; i <= GW_FLOW_MAX_LOGGED && (call = gw_flow_next_call(trace, &at)); i++) {
        l_push_call(L, call, gw_trace_text(trace, call->text));
        lua_rawseti(L, -2, i);
    }
    lua_pushnumber(L, (lua_Number)(gw_clock_us() - gw_flow_started_us(root)) / 1000);
    lua_pushinteger(L, trace ? trace->n_calls : 0);
    return 3;
}

static const luaL_Reg functions[] = {
    {"source_lines", l_source_lines},
    {"calls", l_calls},
    {NULL, NULL},
};

void l_register_inspect(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
