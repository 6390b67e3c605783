/* GET /admin/status: how it goes with the gateway as a whole. */
#include "admin/admin_internal.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/version.h"
#include "policy/metric_core.h"

#include <inttypes.h>
#include <string.h>

/* --- What there is to tell --- */

/* NULL if requests are served. */
static const char *why_not_ready(const struct gw_admin *admin) {
    const char *reason = NULL;
    return admin->parts.ready(admin->parts.user, &reason) ? NULL : reason;
}

static bool disk_differs(const struct gw_generations *generations) {
    return strcmp(generations->disk, generations->live->sources->sha256) != 0;
}

/* --- For programs --- */

static void append_readiness(struct gw_buf *out, const struct gw_admin *admin) {
    const char *reason = why_not_ready(admin);
    gw_json_member_bool(out, "ready", !reason);
    gw_json_member_str_or_null(out, "not_ready_because", gw_str_from(reason ? reason : ""));
}

void gw_admin_append_failure(struct gw_buf *out, const struct gw_generations *generations) {
    gw_json_key(out, "failure");
    if (!generations->failure.is_set) {
        gw_json_null(out);
        return;
    }
    gw_json_open(out, '{');
    gw_json_member_time(out, "since", generations->failure.since_ms);
    gw_admin_append_faults(out, gw_buf_str(&generations->failure.errors),
                           generations->failure.sources);
    gw_json_close(out, '}');
}

static void append_scripts(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_generations *g = admin->parts.generations;
    gw_json_key(out, "live");
    gw_json_open(out, '{');
    gw_admin_append_record(out, gw_admin_live_record(admin));
    gw_json_close(out, '}');
    gw_json_member_bool(out, "disk_differs", disk_differs(g));
    gw_json_member_bool(out, "held", g->is_held);
    gw_json_member_bool(out, "last_good", g->is_last_good);
    gw_admin_append_failure(out, g);
    gw_json_member_int(out, "lua_states", (1 + (int64_t)g->n_retired) * g->n_hosts);
}

static void append_journal(struct gw_buf *out, struct gw_journal *journal) {
    struct gw_journal_counts counts = gw_journal_count(journal);
    const char *fault = gw_journal_fault(journal);
    gw_json_key(out, "journal");
    gw_json_open(out, '{');
    gw_json_member_str_or_null(out, "fault", gw_str_from(fault ? fault : ""));
    gw_json_member_int(out, "operations", (int64_t)counts.operations);
    gw_json_member_int(out, "transactions", (int64_t)counts.transactions);
    gw_json_member_int(out, "failures", (int64_t)counts.failures);
    gw_json_member_int(out, "queued", counts.queued);
    gw_json_close(out, '}');
}

static void append_jobs(struct gw_buf *out, struct gw_jobs *jobs) {
    struct gw_job_counts counts = gw_jobs_count(jobs);
    gw_json_key(out, "jobs");
    gw_json_open(out, '{');
    gw_json_member_int(out, "running", counts.running);
    gw_json_member_int(out, "waiting", counts.waiting);
    gw_json_close(out, '}');
}

static int64_t gauge(enum gw_core_family family, struct gw_metric metric) {
    return (int64_t)gw_metric_value(gw_core_family(family), metric);
}

static void append_sagas(struct gw_buf *out) {
    gw_json_key(out, "sagas");
    gw_json_open(out, '{');
    gw_json_member_int(out, "open", gauge(GW_CORE_SAGAS_OPEN, gw_count.sagas_open));
    gw_json_member_int(out, "parked", gauge(GW_CORE_SAGAS_PARKED, gw_count.sagas_parked));
    gw_json_close(out, '}');
}

static void append_all(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_generations *g = admin->parts.generations;
    gw_json_open(out, '{');
    gw_json_member_str(out, "version", gw_str_from(gw_version));
    gw_json_member_int(out, "uptime_seconds", (gw_clock_ms() - admin->started_ms) / 1000);
    gw_json_member_int(out, "workers", g->n_hosts);
    gw_json_member_str(out, "log_level", gw_str_from(gw_log_level_name(gw_log_level())));
    gw_json_member_int(out, "log_dropped", (int64_t)gw_log_dropped());
    append_readiness(out, admin);
    gw_json_member_bool(out, "shutting_down", g->is_closed);
    append_scripts(out, admin);
    append_journal(out, admin->parts.journal);
    append_jobs(out, admin->parts.jobs);
    append_sagas(out);
    gw_json_close(out, '}');
}

/* --- For people --- */

static void append_readiness_line(struct gw_buf *out, const struct gw_admin *admin) {
    const char *reason = why_not_ready(admin);
    gw_buf_printf(out, "ready       %s%s\n", reason ? "no: " : "yes", reason ? reason : "");
}

static void append_script_lines(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_generations *g = admin->parts.generations;
    const struct gw_record *live = gw_admin_live_record(admin);
    char since[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(live->live_at_ms, since);
    gw_buf_printf(out, "scripts     generation %u since %.19sZ: %s, %u routes%s\n", live->number,
                  since, live->origin, live->n_routes,
                  g->is_last_good   ? "; the last good ones"
                  : g->is_held      ? "; held until the files change"
                  : disk_differs(g) ? "; the files differ"
                                    : "");
    if (g->failure.is_set)
        gw_buf_printf(out, "%.*s\n", GW_STR_ARG(gw_buf_str(&g->failure.errors)));
}

static void append_lines(struct gw_buf *out, const struct gw_admin *admin) {
    const char *fault = gw_journal_fault(admin->parts.journal);
    struct gw_job_counts jobs = gw_jobs_count(admin->parts.jobs);
    gw_buf_printf(out, "moongate    %s, up for %lld s, %u workers, log level %s\n", gw_version,
                  (long long)(gw_clock_ms() - admin->started_ms) / 1000,
                  admin->parts.generations->n_hosts, gw_log_level_name(gw_log_level()));
    append_readiness_line(out, admin);
    append_script_lines(out, admin);
    gw_buf_printf(out, "journal     %s\n", fault ? fault : "in order");
    gw_buf_printf(out, "jobs        %u running, %u waiting\n", jobs.running, jobs.waiting);
    gw_buf_printf(out, "sagas       %" PRId64 " open, %" PRId64 " parked\n",
                  gauge(GW_CORE_SAGAS_OPEN, gw_count.sagas_open),
                  gauge(GW_CORE_SAGAS_PARKED, gw_count.sagas_parked));
}

void gw_admin_status(const struct gw_admin_question *question) {
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(question->exchange);
    (text ? append_lines : append_all)(&out, question->admin);
    gw_admin_reply(question->exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}
