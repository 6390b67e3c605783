/* gateway.core, what a running flow may ask and say of itself. */
#include "lua/core.h"
#include "lua/json.h"

#include "base/clock.h"
#include "base/secret.h"

#include <lauxlib.h>

static int l_shield(lua_State *L) {
    struct gw_flow *flow = l_current_flow(L);
    bool was_up = flow->shield > 0;
    if (lua_toboolean(L, 1))
        flow->shield++;
    else if (was_up)
        flow->shield--;
    if (was_up != (flow->shield > 0))
        gw_budget_undo(flow->state, was_up ? NULL : &flow->undo_left_us);
    return 0;
}

/* core.stopped(): nil, or why the core has stopped the script: its kind, what is to be logged of
 * it, and the numbers. */
static int l_stopped(lua_State *L) {
    struct gw_flow *flow = gw_state_of(L)->current;
    const struct gw_account *account = flow ? &gw_flow_root(flow)->account : NULL;
    if (!account || account->stop == GW_STOP_NONE)
        return 0;
    struct gw_buf *line = l_new_buf(L);
    gw_account_describe(account, line);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, gw_account_kind_of_stop(account));
    lua_setfield(L, -2, "kind");
    lua_pushlstring(L, line->data, line->len);
    lua_setfield(L, -2, "message");
    if (account->budget) {
        lua_pushinteger(L, account->stopped_at);
        lua_setfield(L, -2, "used");
        lua_pushinteger(L, account->budget);
        lua_setfield(L, -2, "budget");
    }
    gw_buf_fini(line);
    return 1;
}

static int l_context(lua_State *L) {
    struct gw_flow *root = gw_flow_root(l_current_flow(L));
    if (root->context_ref == LUA_NOREF) {
        lua_newtable(L);
        root->context_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, root->context_ref);
    return 1;
}

static int l_remaining(lua_State *L) {
    const struct gw_flow *root = gw_flow_root(l_current_flow(L));
    int64_t left = root->deadline_ms - gw_clock_ms();
    if (root->deadline_ms)
        lua_pushnumber(L, left > 0 ? (lua_Number)left / 1000 : 0);
    else
        lua_pushnil(L);
    return 1;
}

/* Whether it was the client who set the deadline, which then says nothing of whom it was spent on.
 */
static int l_deadline_is_callers(lua_State *L) {
    lua_pushboolean(L, gw_flow_root(l_current_flow(L))->deadline_is_callers);
    return 1;
}

/* Whether the caller is the flow's own coroutine, which only the core may resume. */
static int l_is_flow(lua_State *L) {
    const struct gw_flow *flow = gw_state_of(L)->current;
    lua_pushboolean(L, flow && flow->co == L);
    return 1;
}

static int l_correlation_id(lua_State *L) {
    struct gw_flow *flow = gw_state_of(L)->current;
    lua_pushstring(L, flow ? gw_flow_root(flow)->id : NULL);
    return 1;
}

static int l_id(lua_State *L) {
    char id[GW_ID_SIZE];
    gw_id_new(id);
    lua_pushstring(L, id);
    return 1;
}

static int l_now(lua_State *L) {
    lua_pushnumber(L, (lua_Number)gw_clock_wall_ms() / 1000);
    return 1;
}

static int l_status_text(lua_State *L) {
    lua_pushstring(L, gw_status_text((unsigned)luaL_checkinteger(L, 1)));
    return 1;
}

static int l_env(lua_State *L) {
    bool allowed;
    const char *name = luaL_checkstring(L, 1);
    lua_pushstring(L, gw_settings_env(gw_state_of(L)->host.settings, name, &allowed));
    lua_pushboolean(L, allowed);
    return 2;
}

static int l_ready(lua_State *L) {
    const struct gw_host *host = &gw_state_of(L)->host;
    const char *reason = NULL;
    lua_pushboolean(L, host->ready(host->user, &reason));
    lua_pushstring(L, reason);
    return 2;
}

/* --- the log --- */

static enum gw_log_level l_check_level(lua_State *L) {
    enum gw_log_level level;
    luaL_argcheck(L, gw_log_level_from(gw_str_from(luaL_checkstring(L, 1)), &level), 1,
                  "no such level");
    return level;
}

static int l_log_enabled(lua_State *L) {
    lua_pushboolean(L, gw_log_enabled(l_check_level(L)));
    return 1;
}

/* What a script logs, without its secrets. */
struct said {
    struct gw_str where, same;       /* may be empty */
    struct gw_buf *message, *fields; /* JSON, or nothing; in boxes, for whoever raises meanwhile */
};

static struct gw_str l_opt_text(lua_State *L, int index) {
    struct gw_str text;
    text.data = luaL_optlstring(L, index, "", &text.len);
    return text;
}

/* Into boxes, before the line is begun: encoding may raise, and the line's buffer is shared. */
static struct said l_check_said(lua_State *L) {
    struct said said = {.where = l_opt_text(L, 4), .same = l_opt_text(L, 5)};
    struct gw_buf *fields = l_new_buf(L);
    struct gw_str message;
    message.data = luaL_checklstring(L, 2, &message.len);
    said.message = l_new_buf(L);
    said.fields = l_new_buf(L);
    gw_secret_append(said.message, message);
    if (!lua_isnoneornil(L, 3))
        l_json_encode(L, 3, fields);
    gw_secret_append_json(said.fields, gw_buf_str(fields));
    gw_buf_fini(fields);
    return said;
}

/* Which request or job says it. What a new generation says is new. */
static void log_origin(const struct gw_state *state, struct gw_buf *line) {
    struct gw_flow *root = state->current ? gw_flow_root(state->current) : NULL;
    struct gw_str origin = GW_STR("");
    gw_log_int(line, "generation", state->host.generation);
    if (root)
        gw_log_str(line, "correlation_id", gw_str_from(root->id));
    if (root && root->kind == GW_FLOW_REQUEST) {
        origin = gw_str_from(gw_flow_route(root)->label);
        gw_log_str(line, "route", origin);
    } else if (root && root->job) {
        origin = gw_job_kind(root->job);
        gw_log_str(line, "job", origin);
        gw_log_str(line, "job_id", gw_job_id(root->job));
    }
    gw_log_same_int(line, state->host.generation);
    gw_log_same(line, origin);
}

/* core.log(level, message, fields, where, same): lines with the same `same` are folded, or those
 * that say the same where there is none. */
static int l_log(lua_State *L) {
    enum gw_log_level level = l_check_level(L);
    if (!gw_log_enabled(level))
        return 0;
    struct said said = l_check_said(L);
    struct gw_str message = gw_buf_str(said.message);
    struct gw_buf *line = gw_log_begin_str(level, message);
    log_origin(gw_state_of(L), line);
    if (said.where.len)
        gw_log_str(line, "where", said.where);
    if (said.fields->len) {
        gw_log_key(line, "fields");
        gw_buf_append_str(line, gw_buf_str(said.fields));
    }
    gw_log_same(line, said.where);
    gw_log_same(line, said.same.len ? said.same : message);
    gw_log_same(line, said.same.len ? GW_STR("") : gw_buf_str(said.fields));
    gw_log_end(line);
    struct gw_flow *flow = gw_state_of(L)->current;
    if (flow)
        gw_trace_log(gw_flow_root(flow)->trace, level, message, said.where);
    gw_buf_fini(said.message); /* Lua does not know how large they are, and may be long in coming */
    gw_buf_fini(said.fields);
    return 0;
}

static const luaL_Reg functions[] = {
    {"shield", l_shield},
    {"stopped", l_stopped},
    {"context", l_context},
    {"remaining", l_remaining},
    {"deadline_is_callers", l_deadline_is_callers},
    {"is_flow", l_is_flow},
    {"correlation_id", l_correlation_id},
    {"id", l_id},
    {"now", l_now},
    {"status_text", l_status_text},
    {"env", l_env},
    {"ready", l_ready},
    {"log", l_log},
    {"log_enabled", l_log_enabled},
    {NULL, NULL},
};

void l_register_running(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
