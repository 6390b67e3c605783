#include "engine/store_internal.h"

#define COLUMNS                                                                                   \
    "id, kind, args, state, attempts, progress, correlation_id, result, created_ms, changed_ms, " \
    "finished_ms"

bool gw_store_put_job(struct gw_store *store, const struct gw_job_record *job) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store),
               "INSERT INTO jobs (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
               " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, args = excluded.args,"
               " state = excluded.state, attempts = excluded.attempts,"
               " progress = excluded.progress, correlation_id = excluded.correlation_id,"
               " result = excluded.result, created_ms = excluded.created_ms,"
               " changed_ms = excluded.changed_ms, finished_ms = excluded.finished_ms");
    gw_sql_put_text(&sql, job->id);
    gw_sql_put_text(&sql, job->kind);
    gw_sql_put_text(&sql, job->args);
    gw_sql_put_int(&sql, job->state);
    gw_sql_put_int(&sql, job->attempts);
    gw_sql_put_int(&sql, job->progress);
    gw_sql_put_text(&sql, job->correlation_id);
    gw_sql_put_text(&sql, job->result);
    gw_sql_put_int(&sql, job->created_ms);
    gw_sql_put_int(&sql, job->changed_ms);
    gw_sql_put_int(&sql, job->finished_ms);
    return gw_sql_end(&sql);
}

static void read_job(struct gw_sql *sql, struct gw_job_record *job) {
    *job = (struct gw_job_record){
        .id = gw_sql_bytes(sql, 0),
        .kind = gw_sql_bytes(sql, 1),
        .args = gw_sql_bytes(sql, 2),
        .state = (enum gw_stored_job_state)gw_sql_int(sql, 3),
        .attempts = (unsigned)gw_sql_int(sql, 4),
        .progress = (int)gw_sql_int(sql, 5),
        .correlation_id = gw_sql_bytes(sql, 6),
        .result = gw_sql_bytes(sql, 7),
        .created_ms = gw_sql_int(sql, 8),
        .changed_ms = gw_sql_int(sql, 9),
        .finished_ms = gw_sql_int(sql, 10),
    };
}

static void own_job(struct gw_job_record *job) {
    struct gw_str *texts[] = {&job->id, &job->kind, &job->args, &job->correlation_id, &job->result};
    gw_buf_own(&job->memory, texts, sizeof texts / sizeof *texts);
}

bool gw_store_find_job(struct gw_store *store, struct gw_str id, bool *found,
                       struct gw_job_record *job) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "SELECT " COLUMNS " FROM jobs WHERE id = ?");
    gw_sql_put_text(&sql, id);
    *job = (struct gw_job_record){0};
    *found = gw_sql_next(&sql);
    if (*found) {
        read_job(&sql, job);
        own_job(job);
    }
    return gw_sql_end(&sql);
}

bool gw_store_forget_job(struct gw_store *store, struct gw_str id) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "DELETE FROM jobs WHERE id = ?");
    gw_sql_put_text(&sql, id);
    return gw_sql_end(&sql);
}

/* A list of many must not read what may be large and is not asked for. */
#define LISTED                                                                               \
    "id, kind, CASE WHEN state IN (0, 1) THEN args ELSE '' END, state, attempts, progress, " \
    "correlation_id, CASE state WHEN 2 THEN '' ELSE result END, created_ms, changed_ms, "    \
    "finished_ms"

bool gw_store_find_jobs(struct gw_store *store, bool unfinished_only, int64_t max,
                        gw_job_visitor visit, void *user) {
    static const char unfinished[] = "SELECT " LISTED " FROM jobs WHERE state IN (0, 1)"
                                     " ORDER BY number DESC LIMIT ?";
    static const char all[] = "SELECT " LISTED " FROM jobs ORDER BY number DESC LIMIT ?";
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), unfinished_only ? unfinished : all);
    struct gw_job_record job;
    bool go_on = true;
    gw_sql_put_int(&sql, max ? max : -1);
    while (go_on && gw_sql_next(&sql)) {
        read_job(&sql, &job);
        go_on = visit(user, &job);
    }
    return gw_sql_end(&sql);
}
