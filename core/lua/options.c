#include "lua/options.h"

#include <lauxlib.h>
#include <math.h>

/* Defaults; those of retries are policy/retry.h's, and what an operator sets for all backends comes
 * from the settings. */
#define TRIALS        3
#define FAILURE_RATE  0.5
#define SLOW_RATE     1.0
#define MINIMUM_CALLS 10
#define RETRY_BUDGET  0.2
#define RETRY_MIN     3 /* per second */
#define CHECK_MS      5000
#define GUARDED_MS    (900 * 1000) /* what is guarded ends within a job's or a request's limit */
#define HEALTHY       2
#define UNHEALTHY     3

/* --- One option --- */

static lua_Number l_opt_number(lua_State *L, int table, const char *key, lua_Number otherwise) {
    lua_getfield(L, table, key);
    int is_number;
    lua_Number value = lua_tonumberx(L, -1, &is_number);
    if (!is_number && !lua_isnil(L, -1))
        luaL_error(L, "%s must be a number, got %s", key, luaL_typename(L, -1));
    lua_pop(L, 1);
    return is_number ? value : otherwise;
}

/* Seconds in the script, milliseconds here; `otherwise` may be 0, for none. */
static int64_t l_opt_ms(lua_State *L, int table, const char *key, int64_t otherwise) {
    lua_Number seconds = l_opt_number(L, table, key, NAN);
    if (isnan(seconds))
        return otherwise;
    if (!(seconds > 0 && seconds <= 86400))
        luaL_error(L, "%s must be a number of seconds between 0 and 86400", key);
    return seconds * 1000 < 1 ? 1 : (int64_t)(seconds * 1000);
}

static unsigned l_opt_unsigned(lua_State *L, int table, const char *key, int64_t otherwise) {
    lua_Number value = l_opt_number(L, table, key, (lua_Number)otherwise);
    if (value == (lua_Number)otherwise)
        return (unsigned)otherwise;
    if (!(value >= 0 && value <= 1e9) || value != (lua_Number)(unsigned)value)
        luaL_error(L, "%s must be a whole number up to 1000000000", key);
    return (unsigned)value;
}

static bool l_opt_bool(lua_State *L, int table, const char *key, bool otherwise) {
    bool value = lua_getfield(L, table, key) == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static double l_opt_share(lua_State *L, int table, const char *key, double otherwise) {
    double value = l_opt_number(L, table, key, otherwise);
    if (!(value >= 0 && value <= 1))
        luaL_error(L, "%s must be a number from 0 to 1", key);
    return value;
}

/* --- Breakers --- */

/* false switches it off. */
static unsigned l_threshold(lua_State *L, int table) {
    bool off = lua_getfield(L, table, "threshold") == LUA_TBOOLEAN && !lua_toboolean(L, -1);
    lua_pop(L, 1);
    const struct gw_settings *settings = gw_state_of(L)->host.settings;
    return off ? 0 : l_opt_unsigned(L, table, "threshold", settings->breaker_threshold);
}

static struct gw_window_options l_window(lua_State *L, int table) {
    struct gw_window_options window = {0};
    if (lua_getfield(L, table, "window") == LUA_TTABLE) {
        window.calls = l_opt_unsigned(L, lua_gettop(L), "calls", 0);
        window.ms = l_opt_ms(L, lua_gettop(L), "seconds", 0);
    }
    lua_pop(L, 1);
    if (window.calls > GW_WINDOW_MAX_CALLS)
        luaL_error(L, "window.calls must be at most %d", GW_WINDOW_MAX_CALLS);
    return window;
}

/* What is measured only with a window has no meaning, and no default, without one. A window of few
 * calls never holds more than it can. */
static void l_read_rates(lua_State *L, int table, struct gw_breaker_options *options) {
    unsigned calls = options->window.calls;
    unsigned minimum = calls && calls < MINIMUM_CALLS ? calls : MINIMUM_CALLS;
    options->failure_rate = l_opt_share(L, table, "failure_rate", FAILURE_RATE);
    options->slow_call_ms = l_opt_ms(L, table, "slow_call", 0);
    options->slow_rate = options->slow_call_ms ? l_opt_share(L, table, "slow_rate", SLOW_RATE) : 0;
    options->minimum_calls = l_opt_unsigned(L, table, "minimum_calls", minimum);
    if (calls && options->minimum_calls > calls)
        luaL_error(L, "minimum_calls must not be above window.calls");
}

struct gw_breaker_options l_read_breaker_options(lua_State *L, int table) {
    const struct gw_settings *settings = gw_state_of(L)->host.settings;
    struct gw_breaker_options options = {
        .threshold = l_threshold(L, table),
        .window = l_window(L, table),
        .recovery_ms = l_opt_ms(L, table, "recovery", settings->breaker_timeout_ms),
        .recovery_max_ms = l_opt_ms(L, table, "recovery_max", 0),
        .trials = l_opt_unsigned(L, table, "trials", TRIALS),
        .lease_ms = GUARDED_MS, /* a backend's is made to outlast its timeout */
    };
    if (options.window.calls || options.window.ms)
        l_read_rates(L, table, &options);
    if (options.recovery_max_ms && options.recovery_max_ms < options.recovery_ms)
        luaL_error(L, "recovery_max must not be below recovery");
    if (options.trials < 1 || options.trials > GW_BREAKER_MAX_TRIALS)
        luaL_error(L, "trials must be from 1 to %d", GW_BREAKER_MAX_TRIALS);
    return options;
}

/* --- Backends --- */

static const char *l_check_url(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "url must be a string");
    return lua_tostring(L, index);
}

/* The strings stay in the table, which is the caller's, so that they may be popped. */
static void l_read_urls(lua_State *L, int table, struct gw_backend_options *options) {
    if (lua_getfield(L, table, "urls") == LUA_TTABLE) {
        lua_Unsigned n = lua_rawlen(L, -1);
        if (n < 1 || n > GW_BACKEND_MAX_HOSTS)
            luaL_error(L, "urls must name 1 to %d hosts", GW_BACKEND_MAX_HOSTS);
        for (options->n_urls = 0; options->n_urls < n; lua_pop(L, 1)) {
            lua_rawgeti(L, -1, options->n_urls + 1);
            options->urls[options->n_urls++] = l_check_url(L, -1);
        }
    } else {
        lua_getfield(L, table, "url");
        options->urls[0] = l_check_url(L, -1);
        options->n_urls = 1;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void l_read_statuses(lua_State *L, int table, struct gw_retry_options *retry) {
    if (lua_getfield(L, table, "retry_on") == LUA_TTABLE) {
        lua_Unsigned n = lua_rawlen(L, -1);
        if (n > GW_RETRY_MAX_STATUSES)
            luaL_error(L, "retry_on must name at most %d statuses", GW_RETRY_MAX_STATUSES);
        for (retry->n_statuses = 0; retry->n_statuses < n; lua_pop(L, 1)) {
            lua_rawgeti(L, -1, retry->n_statuses + 1);
            retry->statuses[retry->n_statuses++] = (unsigned)lua_tointeger(L, -1);
        }
    }
    lua_pop(L, 1);
}

static struct gw_retry_options l_read_retry(lua_State *L, int table) {
    struct gw_retry_options retry = gw_retry_defaults();
    retry.attempts = l_opt_unsigned(L, table, "attempts", retry.attempts);
    retry.base_ms = l_opt_ms(L, table, "retry_base", retry.base_ms);
    retry.cap_ms = l_opt_ms(L, table, "retry_cap", retry.cap_ms);
    l_read_statuses(L, table, &retry);
    return retry;
}

static struct gw_health_check l_read_health(lua_State *L, int table) {
    struct gw_health_check health = {0};
    if (lua_getfield(L, table, "health") == LUA_TTABLE) {
        int at = lua_gettop(L);
        lua_getfield(L, at, "path");
        health.path = lua_tostring(L, -1); /* the table keeps it */
        health.interval_ms = l_opt_ms(L, at, "interval", CHECK_MS);
        health.healthy = l_opt_unsigned(L, at, "healthy", HEALTHY);
        health.unhealthy = l_opt_unsigned(L, at, "unhealthy", UNHEALTHY);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return health;
}

void l_read_backend_options(lua_State *L, int table, struct gw_backend_options *options) {
    const struct gw_settings *settings = gw_state_of(L)->host.settings;
    l_read_urls(L, table, options);
    options->connect_timeout_ms =
        l_opt_ms(L, table, "connect_timeout", settings->connect_timeout_ms);
    options->timeout_ms = l_opt_ms(L, table, "timeout", settings->service_timeout_ms);
    options->try_timeout_ms = l_opt_ms(L, table, "try_timeout", 0);
    options->hedge_ms = l_opt_ms(L, table, "hedge", 0);
    options->max_response = l_opt_unsigned(L, table, "max_response", settings->max_response);
    options->breaker = l_read_breaker_options(L, table);
    options->breaker_per_host = l_opt_bool(L, table, "breaker_per_host", true);
    options->count_429 = l_opt_bool(L, table, "count_429", false);
    options->retry = l_read_retry(L, table);
    options->budget.ratio = l_opt_share(L, table, "retry_budget", RETRY_BUDGET);
    options->budget.per_second = l_opt_unsigned(L, table, "retry_min", RETRY_MIN);
    options->max_concurrent = l_opt_unsigned(L, table, "max_concurrent", 0);
    options->max_waiting = l_opt_unsigned(L, table, "max_waiting", 0);
    options->health = l_read_health(L, table);
}
