/* gateway.core, background jobs: engine/jobs.h for scripts. What runs one is job_done() and
 * job_failed(), of its own flow; what asks sleeps until the journal has answered. */
#include "lua/buffer.h"
#include "lua/core.h"
#include "lua/json.h"

#include "base/alloc.h"

#include <lauxlib.h>

#define ASKING_META "gateway.job_asking"
#define MAX_ARGS    ((size_t)1 << 20) /* bytes: a thousand jobs may wait */

static struct gw_str l_check_text(lua_State *L, int index) {
    struct gw_str text;
    text.data = luaL_checklstring(L, index, &text.len);
    return text;
}

static struct gw_job_runner *l_check_runner(lua_State *L) {
    struct gw_job_runner *runner = gw_state_of(L)->host.jobs;
    if (!runner)
        luaL_error(L, "there is no journal here");
    return runner;
}

/* --- a job that runs --- */

/* The flow of the job `id`, if that is what runs, or what gateway.map runs for it. */
static struct gw_flow *l_flow_of_job(lua_State *L) {
    struct gw_str id = l_check_text(L, 1);
    struct gw_flow *flow = gw_flow_root(l_current_flow(L));
    if (!flow->job || !gw_str_equal(gw_job_id(flow->job), id))
        luaL_error(L, "this is not the job that runs");
    return flow;
}

/* job_progress(id, percent) */
static int l_job_progress(lua_State *L) {
    struct gw_flow *flow = l_flow_of_job(L);
    lua_Integer percent = luaL_checkinteger(L, 2);
    luaL_argcheck(L, percent >= 0 && percent <= 100, 2, "from 0 to 100");
    gw_job_progress(flow->job, (int)percent);
    return 0;
}

/* job_done(id, value). Raises if that is no JSON. */
static int l_job_done(lua_State *L) {
    struct gw_flow *flow = l_flow_of_job(L);
    luaL_checkany(L, 2);
    struct gw_buf *text = l_new_buf(L);
    l_json_encode(L, 2, text);
    gw_buf_fini(&flow->job_text);
    gw_buf_move(&flow->job_text, text);
    flow->job_outcome = GW_JOB_DONE;
    return 0;
}

/* job_failed(id, reason, for_now). One that was cancelled is interrupted, whatever it says. */
static int l_job_failed(lua_State *L) {
    struct gw_flow *flow = l_flow_of_job(L);
    struct gw_str reason = l_check_text(L, 2);
    if (flow->cancelled == GW_FAILURE_CANCELLED)
        return 0;
    gw_buf_clear(&flow->job_text);
    gw_buf_append_str(&flow->job_text, reason);
    flow->job_outcome = lua_toboolean(L, 3) ? GW_JOB_FAILED_FOR_NOW : GW_JOB_FAILED;
    return 0;
}

/* --- a job as a table --- */

static void l_set_time(lua_State *L, const char *key, int64_t ms) {
    if (!ms)
        return;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    lua_setfield(L, -2, key);
}

static void l_set_text(lua_State *L, const char *key, struct gw_str text) {
    lua_pushlstring(L, text.len ? text.data : "", text.len);
    lua_setfield(L, -2, key);
}

static void l_push_job(lua_State *L, const struct gw_job_record *job) {
    lua_createtable(L, 0, 10);
    l_set_text(L, "id", job->id);
    l_set_text(L, "kind", job->kind);
    l_set_text(L, "status", gw_str_from(gw_job_state_name(job->state)));
    lua_pushinteger(L, job->progress);
    lua_setfield(L, -2, "progress");
    lua_pushinteger(L, job->attempts);
    lua_setfield(L, -2, "attempts");
    l_set_time(L, "created_at", job->created_ms);
    l_set_time(L, "finished_at", job->finished_ms);
    if (job->state != GW_STORED_JOB_DONE && job->result.len)
        l_set_text(L, "error", job->result);
}

/* --- what a flow waits for --- */

struct asking {
    struct gw_wait wait;
    struct gw_job_query *query; /* NULL once it is answered */
    struct gw_job_reply reply;
};

static int l_asking_gc(lua_State *L) {
    struct asking *asking = lua_touserdata(L, 1);
    if (asking->query)
        gw_job_query_cancel(asking->query);
    asking->query = NULL;
    gw_job_reply_fini(&asking->reply);
    asking->reply = (struct gw_job_reply){0};
    return 0;
}

static void answered(void *user, struct gw_job_reply *reply) {
    struct asking *asking = user;
    asking->query = NULL;
    asking->reply = *reply;
    *reply = (struct gw_job_reply){0};
    gw_flow_wake(asking->wait.flow);
}

static void cancel_asking(struct gw_wait *wait, enum gw_failure why) {
    struct asking *asking = (struct asking *)wait;
    (void)why;
    gw_job_query_cancel(asking->query);
    asking->query = NULL;
    gw_flow_wake(wait->flow);
}

static struct asking *l_new_asking(lua_State *L) {
    struct asking *asking = lua_newuserdatauv(L, sizeof *asking, 0);
    *asking = (struct asking){.wait.cancel = cancel_asking};
    luaL_setmetatable(L, ASKING_META);
    return asking;
}

static int l_ask(lua_State *L, struct gw_flow *flow, struct asking *asking, lua_KFunction k) {
    gw_flow_wait_noted(flow, &asking->wait, GW_SPAN_JOURNAL);
    return lua_yieldk(L, 0, (lua_KContext)asking, k);
}

static int l_push_fault(lua_State *L, const struct gw_job_reply *reply) {
    lua_pushnil(L);
    lua_pushstring(L, reply->fault ? reply->fault : "it did not take it");
    return 2;
}

/* The job; nil if there is none; or nil and what is wrong with the journal. */
static int k_one(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    struct asking *asking = (struct asking *)ctx;
    struct gw_job_reply *reply = &asking->reply;
    l_raise_if_cancelled(L, asking->wait.flow);
    if (reply->answer == GW_JOB_FAULT)
        return l_push_fault(L, reply);
    if (reply->answer == GW_JOB_NOT_FOUND)
        return 0;
    l_push_job(L, &reply->jobs[0]);
    if (reply->result.len) {
        gw_buf_move(l_new_buffer(L), &reply->result);
        lua_setfield(L, -2, "result");
    }
    return 1;
}

static int k_list(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    const struct asking *asking = (const struct asking *)ctx;
    const struct gw_job_reply *reply = &asking->reply;
    l_raise_if_cancelled(L, asking->wait.flow);
    if (reply->answer == GW_JOB_FAULT)
        return l_push_fault(L, reply);
    lua_createtable(L, (int)reply->n_jobs, 0);
    for (unsigned i = 0; i < reply->n_jobs; i++) {
        l_push_job(L, &reply->jobs[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* --- asking --- */

static int l_enqueued(lua_State *L, struct gw_flow *flow, struct asking *asking,
                      struct gw_str kind) {
    gw_flow_wait_noted(flow, &asking->wait, GW_SPAN_ENQUEUE);
    gw_span_set_text(gw_flow_root(flow)->trace, asking->wait.span, kind);
    return lua_yieldk(L, 0, (lua_KContext)asking, k_one);
}

/* enqueue(kind, args) -> the job, once it is durable; false if there are too many; or nil, fault */
static int l_enqueue(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_job_runner *runner = l_check_runner(L);
    struct gw_str kind = l_check_text(L, 1), args = l_check_text(L, 2);
    struct gw_str correlation_id = gw_str_from(gw_flow_root(flow)->id);
    if (args.len > MAX_ARGS)
        return luaL_error(L, "a job's arguments are at most 1 MiB of JSON");
    l_raise_if_cancelled(L, flow);
    struct asking *asking = l_new_asking(L);
    asking->query = gw_job_enqueue(runner, kind, args, correlation_id, answered, asking);
    if (asking->query)
        return l_enqueued(L, flow, asking, kind);
    lua_pushboolean(L, false);
    return 1;
}

/* The box of the copy is the wait of a question that is not asked. */
static bool l_push_peeked(lua_State *L, struct gw_job_runner *runner, struct gw_str id) {
    struct asking *asking = l_new_asking(L);
    struct gw_job_record job;
    if (!gw_job_peek(runner, id, &job))
        return false;
    struct gw_job_record *jobs = gw_alloc(sizeof *jobs);
    *jobs = job;
    asking->reply = (struct gw_job_reply){.jobs = jobs, .n_jobs = 1};
    l_push_job(L, jobs);
    return true;
}

/* job_get(id, with_result) -> the job; nil; or nil, fault. Sleeps if memory does not know it. */
static int l_job_get(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_job_runner *runner = l_check_runner(L);
    struct gw_str id = l_check_text(L, 1);
    l_raise_if_cancelled(L, flow);
    if (l_push_peeked(L, runner, id))
        return 1;
    struct asking *asking = l_new_asking(L);
    asking->query = gw_job_find(runner, id, lua_toboolean(L, 2), answered, asking);
    return l_ask(L, flow, asking, k_one);
}

/* job_remove(id) -> the job as it was; nil; or nil, fault */
static int l_job_remove(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_job_runner *runner = l_check_runner(L);
    struct gw_str id = l_check_text(L, 1);
    l_raise_if_cancelled(L, flow);
    struct asking *asking = l_new_asking(L);
    asking->query = gw_job_remove(runner, id, answered, asking);
    return l_ask(L, flow, asking, k_one);
}

/* job_list(kind, max) -> a list, the newest first; or nil, fault */
static int l_job_list(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    struct gw_job_runner *runner = l_check_runner(L);
    struct gw_str kind = l_check_text(L, 1);
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 1 && max <= 1000, 2, "from 1 to 1000");
    l_raise_if_cancelled(L, flow);
    struct asking *asking = l_new_asking(L);
    struct gw_job_filter filter = {kind, GW_JOB_ANY_STATE, (unsigned)max};
    asking->query = gw_job_list(runner, &filter, answered, asking);
    return l_ask(L, flow, asking, k_list);
}

static const luaL_Reg functions[] = {
    {"job_progress", l_job_progress}, {"job_done", l_job_done},
    {"job_failed", l_job_failed},     {"enqueue", l_enqueue},
    {"job_get", l_job_get},           {"job_remove", l_job_remove},
    {"job_list", l_job_list},         {NULL, NULL},
};

void l_register_job(lua_State *L) {
    l_new_metatable(L, ASKING_META, l_asking_gc);
    luaL_setfuncs(L, functions, 0);
}
