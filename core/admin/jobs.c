/* Admin calls about background jobs. The journal is asked for those that are over, so they are not
 * answered at once:
 *
 *     GET  /admin/jobs            the newest; ?kind, ?status, ?limit
 *     GET  /admin/jobs/ID         one
 *     POST /admin/jobs/ID/cancel  one that is not over */
#include "admin/admin_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"

#include <stdlib.h>

#define LISTED 100 /* unless asked otherwise */

struct asking {
    struct gw_admin_pending pending;
    struct gw_job_query *query;
    bool is_cancelling;
};

/* --- as JSON and text --- */

/* Of one that is not over `result` is why its last attempt failed. */
static struct gw_str error_of(const struct gw_job_record *job) {
    return job->state == GW_STORED_JOB_DONE ? GW_STR("") : job->result;
}

static void append_job(struct gw_buf *out, const struct gw_job_record *job) {
    gw_json_open(out, '{');
    gw_json_member_str(out, "id", job->id);
    gw_json_member_str(out, "kind", job->kind);
    gw_json_member_str(out, "status", gw_str_from(gw_job_state_name(job->state)));
    gw_json_member_int(out, "percent", job->progress);
    gw_json_member_int(out, "attempts", job->attempts);
    gw_json_member_time_or_null(out, "created_at", job->created_ms);
    gw_json_member_time_or_null(out, "finished_at", job->finished_ms);
    gw_json_member_str_or_null(out, "error", error_of(job));
    gw_json_member_str_or_null(out, "correlation_id", job->correlation_id);
    gw_json_close(out, '}');
}

static void append_row(struct gw_buf *out, const struct gw_job_record *job) {
    char created[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(job->created_ms, created);
    gw_buf_printf(out, "%.*s  %-9s  %3d %%  %8u  %.19sZ  %.*s", GW_STR_ARG(job->id),
                  gw_job_state_name(job->state), job->progress, job->attempts, created,
                  GW_STR_ARG(job->kind));
    if (error_of(job).len)
        gw_buf_printf(out, ": %.*s", GW_STR_ARG(error_of(job)));
    gw_buf_append_char(out, '\n');
}

static void append_list(struct gw_buf *out, const struct gw_job_reply *reply) {
    gw_json_open(out, '{');
    gw_json_key(out, "jobs");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < reply->n_jobs; i++)
        append_job(out, &reply->jobs[i]);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

static void append_table(struct gw_buf *out, const struct gw_job_reply *reply) {
    gw_buf_printf(out, "%-36s  %-9s  %5s  %8s  %-20s  %s\n", "JOB", "STATUS", "DONE", "ATTEMPTS",
                  "CREATED", "KIND");
    for (unsigned i = 0; i < reply->n_jobs; i++)
        append_row(out, &reply->jobs[i]);
}

/* --- answers --- */

static struct gw_exchange *end_asking(struct asking *asking) {
    struct gw_exchange *exchange = gw_admin_settle(&asking->pending);
    free(asking);
    return exchange;
}

static void refuse(struct gw_exchange *exchange, const struct gw_job_reply *reply) {
    if (reply->answer == GW_JOB_NOT_FOUND)
        gw_admin_refuse(exchange, 404, "there is no such job, or not any more");
    else if (reply->answer == GW_JOB_OVER)
        gw_admin_refuse(exchange, 409, "the job is over: there is nothing to cancel");
    else
        gw_admin_refuse(exchange, 503, reply->fault ? reply->fault : "the journal cannot be used");
}

static void reply_one(struct gw_exchange *exchange, const struct gw_job_record *job) {
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(exchange);
    (text ? append_row : append_job)(&out, job);
    gw_admin_reply(exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

static void log_cancelling(struct gw_exchange *exchange, const struct gw_job_record *job) {
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "an operator cancels a job");
    gw_log_str(line, "who", GW_STR("admin"));
    gw_log_str(line, "client", gw_exchange_client(exchange));
    gw_log_str(line, "correlation_id", gw_exchange_id(exchange));
    gw_log_str(line, "job", job->id);
    gw_log_str(line, "kind", job->kind);
    gw_log_end(line);
}

static void on_one(void *user, struct gw_job_reply *reply) {
    struct asking *asking = user;
    bool is_cancelling = asking->is_cancelling;
    struct gw_exchange *exchange = end_asking(asking);
    if (reply->answer != GW_JOB_OK) {
        refuse(exchange, reply);
        return;
    }
    if (is_cancelling && gw_log_enabled(GW_LOG_WARN))
        log_cancelling(exchange, &reply->jobs[0]);
    reply_one(exchange, &reply->jobs[0]);
}

static void on_list(void *user, struct gw_job_reply *reply) {
    struct gw_exchange *exchange = end_asking(user);
    struct gw_buf out = {0};
    if (reply->answer != GW_JOB_OK) {
        refuse(exchange, reply);
        return;
    }
    bool text = gw_admin_wants_text(exchange);
    (text ? append_table : append_list)(&out, reply);
    gw_admin_reply(exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

/* --- questions --- */

static void abort_asking(struct gw_admin_pending *pending) {
    struct asking *asking = (struct asking *)pending;
    gw_job_query_cancel(asking->query);
    free(asking);
}

static struct asking *ask(const struct gw_admin_question *question) {
    struct asking *asking = gw_calloc(1, sizeof *asking);
    gw_admin_await(&asking->pending, question->exchange, abort_asking);
    return asking;
}

void gw_admin_jobs(const struct gw_admin_question *question) {
    static const char *const states[] = {"queued", "running", "done", "failed", "cancelled", NULL};
    struct gw_job_filter filter = {GW_STR(""), GW_JOB_ANY_STATE, LISTED};
    uint64_t limit = LISTED;
    gw_query_text(question->query, "kind", &filter.kind);
    if (!gw_query_choice(question->query, "status", states, &filter.state) ||
        !gw_query_number(question->query, "limit", 1, 1000, &limit)) {
        gw_admin_refuse_query(question);
        return;
    }
    filter.max = (unsigned)limit;
    struct asking *asking = ask(question);
    asking->query = gw_job_list(question->admin->jobs, &filter, on_list, asking);
}

/* What is not over is in memory, and costs no disk. */
void gw_admin_job(const struct gw_admin_question *question) {
    struct gw_job_record job;
    if (gw_job_peek(question->admin->jobs, question->param, &job)) {
        reply_one(question->exchange, &job);
        gw_buf_fini(&job.memory);
        return;
    }
    struct asking *asking = ask(question);
    asking->query = gw_job_find(question->admin->jobs, question->param, false, on_one, asking);
}

void gw_admin_cancel_job(const struct gw_admin_question *question) {
    struct asking *asking = ask(question);
    asking->is_cancelling = true;
    asking->query = gw_job_cancel(question->admin->jobs, question->param, on_one, asking);
}
