#include "engine/store_internal.h"

#define SAGA_COLUMNS \
    "number, kind, id, state, correlation_id, reason, result, created_ms, changed_ms"
#define STEP_COLUMNS                                                                     \
    "saga, n, backend, method, path, outcome, undo_state, undo_attempts, undo_next_ms, " \
    "undo_error, undo_backend, undo_method, undo_path, undo_timeout_ms, undo_fields, undo_body"

/* --- sagas --- */

static bool forget_undo_requests(struct gw_sqlite *sqlite, int64_t saga) {
    struct gw_sql sql = gw_sql(sqlite, "UPDATE steps SET undo_fields = '', undo_body = NULL"
                                       " WHERE saga = ?"
                                       " AND (undo_fields <> '' OR undo_body IS NOT NULL)");
    gw_sql_put_int(&sql, saga);
    return gw_sql_end(&sql);
}

bool gw_store_put_saga(struct gw_store *store, struct gw_saga_record *saga) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    struct gw_sql sql = gw_sql(
        sqlite,
        "INSERT INTO sagas (kind, id, state, correlation_id, reason, result, created_ms, changed_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id, kind) DO UPDATE SET state = excluded.state,"
        " correlation_id = excluded.correlation_id, reason = excluded.reason,"
        " result = excluded.result, created_ms = excluded.created_ms,"
        " changed_ms = excluded.changed_ms RETURNING number");
    gw_sql_put_text(&sql, saga->kind);
    gw_sql_put_text(&sql, saga->id);
    gw_sql_put_int(&sql, saga->state);
    gw_sql_put_text(&sql, saga->correlation_id);
    gw_sql_put_text(&sql, saga->reason);
    gw_sql_put_text(&sql, saga->result);
    gw_sql_put_int(&sql, saga->created_ms);
    gw_sql_put_int(&sql, saga->changed_ms);
    while (gw_sql_next(&sql))
        saga->number = gw_sql_int(&sql, 0);
    bool is_over = saga->state != GW_SAGA_OPEN && saga->state != GW_SAGA_COMPENSATING;
    return gw_sql_end(&sql) && (!is_over || forget_undo_requests(sqlite, saga->number));
}

/* Its texts are SQLite's until the next row. */
static void read_saga(struct gw_sql *sql, struct gw_saga_record *saga) {
    *saga = (struct gw_saga_record){
        .number = gw_sql_int(sql, 0),
        .kind = gw_sql_bytes(sql, 1),
        .id = gw_sql_bytes(sql, 2),
        .state = (enum gw_saga_state)gw_sql_int(sql, 3),
        .correlation_id = gw_sql_bytes(sql, 4),
        .reason = gw_sql_bytes(sql, 5),
        .result = gw_sql_bytes(sql, 6),
        .created_ms = gw_sql_int(sql, 7),
        .changed_ms = gw_sql_int(sql, 8),
    };
}

static void own_saga(struct gw_saga_record *saga) {
    struct gw_str *texts[] = {&saga->kind, &saga->id, &saga->correlation_id, &saga->reason,
                              &saga->result};
    gw_buf_own(&saga->memory, texts, sizeof texts / sizeof *texts);
}

bool gw_store_find_saga(struct gw_store *store, struct gw_str kind, struct gw_str id, bool *found,
                        struct gw_saga_record *saga) {
    static const char one[] = "SELECT " SAGA_COLUMNS " FROM sagas WHERE id = ? AND kind = ?";
    static const char newest[] = "SELECT " SAGA_COLUMNS " FROM sagas WHERE id = ?"
                                 " ORDER BY number DESC LIMIT 1";
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), kind.len ? one : newest);
    gw_sql_put_text(&sql, id);
    if (kind.len)
        gw_sql_put_text(&sql, kind);
    *saga = (struct gw_saga_record){0};
    *found = gw_sql_next(&sql);
    if (*found) {
        read_saga(&sql, saga);
        own_saga(saga);
    }
    return gw_sql_end(&sql);
}

bool gw_store_find_sagas(struct gw_store *store, bool unfinished_only, int64_t max,
                         gw_saga_visitor visit, void *user) {
    static const char unfinished[] = "SELECT " SAGA_COLUMNS " FROM sagas WHERE state IN (0, 2)"
                                     " ORDER BY number DESC LIMIT ?";
    static const char all[] = "SELECT " SAGA_COLUMNS " FROM sagas ORDER BY number DESC LIMIT ?";
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), unfinished_only ? unfinished : all);
    struct gw_saga_record saga;
    bool go_on = true;
    gw_sql_put_int(&sql, max ? max : -1);
    while (go_on && gw_sql_next(&sql)) {
        read_saga(&sql, &saga);
        go_on = visit(user, &saga);
    }
    return gw_sql_end(&sql);
}

/* --- steps --- */

static void put_undo(struct gw_sql *sql, const struct gw_stored_request *undo) {
    gw_sql_put_text(sql, undo->backend);
    gw_sql_put_text(sql, undo->method);
    gw_sql_put_text(sql, undo->path);
    gw_sql_put_int(sql, undo->timeout_ms);
    gw_sql_put_text(sql, undo->fields);
    if (undo->has_body)
        gw_sql_put_blob(sql, undo->body);
    else
        gw_sql_put_null(sql);
}

bool gw_store_put_step(struct gw_store *store, const struct gw_step_record *step) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store), "INSERT OR REPLACE INTO steps (" STEP_COLUMNS ")"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    gw_sql_put_int(&sql, step->saga);
    gw_sql_put_int(&sql, step->n);
    gw_sql_put_text(&sql, step->act.backend);
    gw_sql_put_text(&sql, step->act.method);
    gw_sql_put_text(&sql, step->act.path);
    gw_sql_put_int(&sql, step->outcome);
    gw_sql_put_int(&sql, step->undo_state);
    gw_sql_put_int(&sql, step->undo_attempts);
    gw_sql_put_int(&sql, step->undo_next_ms);
    gw_sql_put_text(&sql, step->undo_error);
    put_undo(&sql, &step->undo);
    return gw_sql_end(&sql);
}

static struct gw_stored_request read_undo(struct gw_sql *sql) {
    return (struct gw_stored_request){
        .backend = gw_sql_bytes(sql, 10),
        .method = gw_sql_bytes(sql, 11),
        .path = gw_sql_bytes(sql, 12),
        .timeout_ms = gw_sql_int(sql, 13),
        .fields = gw_sql_bytes(sql, 14),
        .has_body = !gw_sql_is_null(sql, 15),
        .body = gw_sql_bytes(sql, 15),
    };
}

static void read_step(struct gw_sql *sql, struct gw_step_record *step) {
    *step = (struct gw_step_record){
        .saga = gw_sql_int(sql, 0),
        .n = (unsigned)gw_sql_int(sql, 1),
        .act = {.backend = gw_sql_bytes(sql, 2),
                .method = gw_sql_bytes(sql, 3),
                .path = gw_sql_bytes(sql, 4)},
        .outcome = (enum gw_step_outcome)gw_sql_int(sql, 5),
        .undo_state = (enum gw_undo_state)gw_sql_int(sql, 6),
        .undo_attempts = (unsigned)gw_sql_int(sql, 7),
        .undo_next_ms = gw_sql_int(sql, 8),
        .undo_error = gw_sql_bytes(sql, 9),
        .undo = read_undo(sql),
    };
}

bool gw_store_find_steps(struct gw_store *store, int64_t saga, gw_step_visitor visit, void *user) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store), "SELECT " STEP_COLUMNS " FROM steps WHERE saga = ? ORDER BY n");
    struct gw_step_record step;
    bool go_on = true;
    gw_sql_put_int(&sql, saga);
    while (go_on && gw_sql_next(&sql)) {
        read_step(&sql, &step);
        go_on = visit(user, &step);
    }
    return gw_sql_end(&sql);
}
