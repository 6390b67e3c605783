/* gateway.core, background jobs. */
#include "lua/core.h"

#include "base/clock.h"

#include <lauxlib.h>

#define META     "gateway.job"
#define MAX_ARGS ((size_t)1 << 20) /* bytes: a thousand jobs may wait */

static int l_enqueue(lua_State *L) {
    char id[GW_ID_SIZE];
    const char *kind = luaL_checkstring(L, 1);
    struct gw_str args;
    args.data = luaL_checklstring(L, 2, &args.len);
    l_current_flow(L);
    if (args.len > MAX_ARGS)
        return luaL_error(L, "a job's arguments are at most 1 MiB of JSON");
    if (!gw_flow_start_job(gw_state_of(L), kind, args, id)) {
        lua_pushnil(L);
        lua_pushliteral(L, "too many jobs");
        return 2;
    }
    lua_pushstring(L, id);
    return 1;
}

static int l_job_progress(lua_State *L) {
    lua_Integer percent = luaL_checkinteger(L, 2);
    luaL_argcheck(L, percent >= 0 && percent <= 100, 2, "from 0 to 100");
    gw_jobs_progress(gw_state_of(L)->host.jobs, luaL_checkstring(L, 1), (int)percent);
    return 0;
}

static int l_job_finish(lua_State *L) {
    struct gw_str result;
    result.data = luaL_checklstring(L, 3, &result.len);
    gw_jobs_finish(gw_state_of(L)->host.jobs, luaL_checkstring(L, 1), lua_toboolean(L, 2), result,
                   gw_clock_wall_ms());
    return 0;
}

static int l_job_gc(lua_State *L) {
    gw_job_fini(lua_touserdata(L, 1));
    return 0;
}

static void l_set_time(lua_State *L, const char *key, int64_t ms) {
    if (!ms)
        return;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    lua_setfield(L, -2, key);
}

static int l_job_get(lua_State *L) {
    const char *id = luaL_checkstring(L, 1);
    struct gw_job *job = lua_newuserdatauv(L, sizeof *job, 0);
    *job = (struct gw_job){0};
    luaL_setmetatable(L, META);
    if (!gw_jobs_get(gw_state_of(L)->host.jobs, id, gw_clock_wall_ms(), job))
        return 0;
    lua_createtable(L, 0, 8);
    lua_pushstring(L, job->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, job->kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, gw_job_status_name(job->status));
    lua_setfield(L, -2, "status");
    lua_pushinteger(L, job->progress);
    lua_setfield(L, -2, "progress");
    l_set_time(L, "created_at", job->created_ms);
    l_set_time(L, "finished_at", job->finished_ms);
    if (job->finished_ms) {
        lua_pushlstring(L, gw_buf_str(&job->result).data, job->result.len);
        lua_setfield(L, -2, job->status == GW_JOB_DONE ? "result" : "error");
    }
    return 1;
}

static const luaL_Reg functions[] = {
    {"enqueue", l_enqueue},
    {"job_progress", l_job_progress},
    {"job_finish", l_job_finish},
    {"job_get", l_job_get},
    {NULL, NULL},
};

void l_register_job(lua_State *L) {
    l_new_metatable(L, META, l_job_gc);
    luaL_setfuncs(L, functions, 0);
}
