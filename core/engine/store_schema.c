#include "engine/store_internal.h"

#include <stdio.h>

/* Numbers grow with time, so `number` is the order of age as well. Indexes are partial where most
 * records are finished: what is unfinished is found without a look at them, and retention finds the
 * oldest. The lists of states are those of the queries, word for word, or SQLite does not see that
 * an index serves; it counts without a look at the records only if the index has the state, too. A
 * step's row lies beside the saga's others. What may be large stands last in its row: a look at the
 * rest does not read it. */
static const char version_1[] =
    "CREATE TABLE sagas ("
    "  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, state INTEGER NOT NULL,"
    "  correlation_id TEXT NOT NULL, reason TEXT NOT NULL, result TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    "  UNIQUE (id, kind));"
    "CREATE INDEX sagas_unfinished ON sagas (number) WHERE state IN (0, 2);"
    "CREATE INDEX sagas_finished ON sagas (changed_ms, state) WHERE state IN (1, 3, 4);"
    "CREATE TABLE steps ("
    "  saga INTEGER NOT NULL REFERENCES sagas ON DELETE CASCADE, n INTEGER NOT NULL,"
    "  backend TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, outcome INTEGER NOT NULL,"
    "  undo_state INTEGER NOT NULL, undo_attempts INTEGER NOT NULL, undo_next_ms INTEGER NOT NULL,"
    "  undo_error TEXT NOT NULL, undo_backend TEXT NOT NULL, undo_method TEXT NOT NULL,"
    "  undo_path TEXT NOT NULL, undo_timeout_ms INTEGER NOT NULL, undo_fields TEXT NOT NULL,"
    "  undo_body BLOB,"
    "  PRIMARY KEY (saga, n)) WITHOUT ROWID;"
    "CREATE TABLE keys ("
    "  number INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL,"
    "  owner TEXT NOT NULL, saga_kind TEXT NOT NULL, saga_id TEXT NOT NULL,"
    "  status INTEGER NOT NULL, fields TEXT NOT NULL, body BLOB NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  UNIQUE (key, scope));"
    "CREATE INDEX keys_in_work ON keys (created_ms, owner) WHERE owner <> '';"
    "CREATE INDEX keys_answered ON keys (created_ms, owner) WHERE owner = '';"
    "CREATE TABLE jobs ("
    "  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    "  state INTEGER NOT NULL, attempts INTEGER NOT NULL, progress INTEGER NOT NULL,"
    "  correlation_id TEXT NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    "  finished_ms INTEGER NOT NULL, args TEXT NOT NULL, result TEXT NOT NULL);"
    "CREATE INDEX jobs_unfinished ON jobs (number) WHERE state IN (0, 1);"
    "CREATE INDEX jobs_finished ON jobs (finished_ms, state) WHERE state IN (2, 3, 4);"
    "CREATE TABLE checks (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"; /* see check() */

/* What is released is never changed, only followed by another one. */
const char *const gw_store_scripts[] = {version_1, NULL};

static bool refuse(struct gw_sqlite *sqlite, const char *why) {
    snprintf(sqlite->error, sizeof sqlite->error, "%s: %s", sqlite->path ? sqlite->path : "memory",
             why);
    sqlite->failed = true;
    return false;
}

static bool refuse_newer(struct gw_sqlite *sqlite, int64_t version, unsigned n) {
    char why[128];
    snprintf(why, sizeof why,
             "it was written by a newer Moongate (schema %lld, this one knows up to %u)",
             (long long)version, n);
    return refuse(sqlite, why);
}

/* In one transaction with its number, so that a crash leaves the one or the other. */
static bool apply(struct gw_sqlite *sqlite, const char *script, unsigned version) {
    char numbers[96];
    snprintf(numbers, sizeof numbers,
             "PRAGMA application_id = %d; PRAGMA user_version = %u; COMMIT", sqlite->application_id,
             version);
    return gw_sql_exec(sqlite, "BEGIN IMMEDIATE") && gw_sql_exec(sqlite, script) &&
           gw_sql_exec(sqlite, numbers);
}

bool gw_store_migrate(struct gw_sqlite *sqlite, const char *const *scripts, unsigned n) {
    int64_t version = gw_sql_number(sqlite, "PRAGMA user_version");
    int64_t application = gw_sql_number(sqlite, "PRAGMA application_id");
    int64_t n_tables = gw_sql_number(sqlite, "SELECT count(*) FROM sqlite_schema");
    if (sqlite->failed)
        return false;
    if (application != sqlite->application_id && (application || version || n_tables))
        return refuse(sqlite, "it is a database of another program");
    if (version > n)
        return refuse_newer(sqlite, version, n);
    for (unsigned i = (unsigned)version; i < n; i++)
        if (!apply(sqlite, scripts[i], i + 1)) {
            sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
            return false;
        }
    return true;
}
