/* gateway.core, the metrics of scripts. What the prelude has checked (names, labels, buckets) is
 * not checked again; a handle is the metric's index + 1, a series the number of its first cell. */
#include "lua/metric.h"

#include "lua/core.h"

#include "base/alloc.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* --- Declaring --- */

static char *l_take_text(lua_State *L, const char *key) {
    lua_getfield(L, 2, key);
    char *text = gw_strdup(luaL_checkstring(L, -1));
    lua_pop(L, 1);
    return text;
}

static void take_labels(lua_State *L, struct gw_metric_options *options) {
    lua_getfield(L, 2, "labels");
    unsigned n = (unsigned)lua_rawlen(L, -1);
    for (unsigned i = 0; i < n && i < GW_METRIC_MAX_LABELS; i++) {
        lua_rawgeti(L, -1, i + 1);
        options->labels[i] = gw_strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static struct gw_metric_bounds *take_bounds(lua_State *L) {
    struct gw_metric_bounds *bounds = gw_calloc(1, sizeof *bounds);
    lua_getfield(L, 2, "buckets");
    bounds->n = (unsigned)lua_rawlen(L, -1);
    if (bounds->n > GW_METRIC_MAX_BOUNDS)
        bounds->n = GW_METRIC_MAX_BOUNDS;
    for (unsigned i = 0; i < bounds->n; i++) {
        lua_rawgeti(L, -1, i + 1);
        bounds->at[i] = lua_tonumber(L, -1);
        bounds->is_shown[i] = true;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return bounds;
}

static const char *unit_of(const char *name) {
    static const char *const units[] = {"seconds", "bytes"};
    size_t len = strlen(name), total = strlen("_total");
    if (len > total && strcmp(name + len - total, "_total") == 0)
        len -= total;
    for (unsigned i = 0; i < 2; i++) {
        size_t n = strlen(units[i]);
        if (len > n + 1 && name[len - n - 1] == '_' && memcmp(name + len - n, units[i], n) == 0)
            return units[i];
    }
    return NULL;
}

static void free_metric(struct gw_state_metric *metric) {
    free((char *)metric->options.name);
    free((char *)metric->options.help);
    for (unsigned i = 0; metric->options.labels[i]; i++)
        free((char *)metric->options.labels[i]);
    free(metric->bounds);
}

/* Nothing in here raises before the state owns it, but want of memory, which loading bears. */
static struct gw_state_metric *l_add(lua_State *L, struct gw_state *state, int type) {
    size_t size = (state->n_metrics + 1) * sizeof *state->metrics;
    state->metrics = gw_realloc(state->metrics, size);
    struct gw_state_metric *metric = &state->metrics[state->n_metrics++];
    *metric = (struct gw_state_metric){
        .options = {.type = (enum gw_metric_type)type, .number = GW_METRIC_DOUBLE}};
    metric->options.name = gw_strdup(lua_tostring(L, 1));
    metric->options.help = l_take_text(L, "help");
    metric->options.unit = unit_of(metric->options.name);
    take_labels(L, &metric->options);
    lua_getfield(L, 2, "max_series");
    metric->options.max_series = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (type == GW_METRIC_HISTOGRAM)
        metric->options.bounds = metric->bounds = take_bounds(L);
    return metric;
}

/* core.metric(name, options): a handle; or nil and why not. */
static int l_metric(lua_State *L) {
    static const char *const types[] = {"counter", "gauge", "histogram", NULL};
    struct gw_state *state = gw_state_of(L);
    if (!state->loading)
        return luaL_error(L, "this can only be done while the scripts load");
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "type");
    int type = luaL_checkoption(L, -1, NULL, types);
    const char *fault = "there are too many metrics";
    if (state->n_metrics < GW_MAX_SCRIPT_METRICS) {
        struct gw_state_metric *metric = l_add(L, state, type);
        fault = gw_metrics_conflict(&metric->options, state->n_metrics);
    }
    if (fault) {
        lua_pushnil(L);
        lua_pushstring(L, fault);
        return 2;
    }
    lua_pushinteger(L, state->n_metrics);
    return 1;
}

/* What cannot be registered after all counts nothing, and the log says so. */
void gw_state_register_metrics(const struct gw_state *state) {
    for (unsigned i = 0; i < state->n_metrics; i++) {
        struct gw_state_metric *metric = &state->metrics[i];
        const char *error;
        metric->family = gw_metrics_declare(&metric->options, &error);
        if (!metric->family)
            gw_log(GW_LOG_ERROR, "metric %s: %s", metric->options.name, error);
    }
}

void gw_state_forget_metrics(struct gw_state *state) {
    for (unsigned i = 0; i < state->n_metrics; i++)
        free_metric(&state->metrics[i]);
    free(state->metrics);
    state->metrics = NULL;
    state->n_metrics = 0;
}

/* --- Counting --- */

static struct gw_state_metric *l_metric_at(lua_State *L) {
    struct gw_state *state = gw_state_of(L);
    lua_Integer handle = luaL_checkinteger(L, 1);
    luaL_argcheck(L, handle > 0 && handle <= (lua_Integer)state->n_metrics, 1, "no such metric");
    return &state->metrics[handle - 1];
}

/* core.metric_series(handle, value, ...): the series, and whether it is the one for all others. */
static int l_series(lua_State *L) {
    const struct gw_state_metric *metric = l_metric_at(L);
    struct gw_str values[GW_METRIC_MAX_LABELS];
    bool overflowed = true;
    struct gw_metric series = {0};
    for (int i = 0; metric->options.labels[i]; i++)
        values[i].data = luaL_checklstring(L, i + 2, &values[i].len);
    if (metric->family)
        series = gw_metric_series_or_overflow(metric->family, values, &overflowed);
    lua_pushinteger(L, series.at);
    lua_pushboolean(L, overflowed);
    return 2;
}

static struct gw_metric l_check_series(lua_State *L) {
    return (struct gw_metric){(uint32_t)luaL_checkinteger(L, 2)};
}

/* core.metric_add(handle, series, number): a counter, or a gauge, changes; a histogram has one more
 * value. */
static int l_metric_add(lua_State *L) {
    const struct gw_state_metric *metric = l_metric_at(L);
    struct gw_metric series = l_check_series(L);
    lua_Number number = luaL_checknumber(L, 3);
    if (!series.at)
        return 0;
    if (metric->options.type == GW_METRIC_GAUGE)
        gw_metric_change(series, number);
    else if (metric->options.type == GW_METRIC_HISTOGRAM)
        gw_metric_observe(metric->family, series, number);
    else
        gw_metric_add_double(series, number);
    return 0;
}

/* core.metric_set(handle, series, number): of a gauge. */
static int l_metric_set(lua_State *L) {
    l_metric_at(L);
    gw_metric_set(l_check_series(L), luaL_checknumber(L, 3));
    return 0;
}

/* --- Bugs --- */

/* core.count_bug(): the request that is handled ends with a bug of its script's. */
static int l_count_bug(lua_State *L) {
    struct gw_flow *flow = gw_state_of(L)->current;
    const struct gw_flow *root = flow ? gw_flow_root(flow) : NULL;
    if (root && root->kind == GW_FLOW_REQUEST)
        gw_metric_add(gw_flow_route(root)->meter->script_errors, 1);
    return 0;
}

static const luaL_Reg functions[] = {
    {"metric", l_metric},         {"metric_series", l_series}, {"metric_add", l_metric_add},
    {"metric_set", l_metric_set}, {"count_bug", l_count_bug},  {NULL, NULL},
};

void l_register_metric(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
