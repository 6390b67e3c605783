#include "engine/entries.h"
#include "engine/store_internal.h"

#include <string.h>

#define APPLICATION_ID 0x4d6f6f73 /* "Moos" */

/* `number` is an entry's version: with AUTOINCREMENT none is given twice, and what is put in place
 * of another one is a new row. Keys are blobs, so that they are in the order of their bytes. */
static const char version_1[] =
    "CREATE TABLE entries ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL);"
    "CREATE TABLE checks (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);";

static const char *const scripts[] = {version_1, NULL};

bool gw_entries_put(struct gw_store *store, struct gw_str key, struct gw_str value) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store), "INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)");
    gw_sql_put_blob(&sql, key);
    gw_sql_put_blob(&sql, value);
    return gw_sql_end(&sql);
}

bool gw_entries_delete(struct gw_store *store, struct gw_str key, bool *found) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "DELETE FROM entries WHERE key = ?");
    gw_sql_put_blob(&sql, key);
    bool ok = gw_sql_end(&sql);
    *found = ok && sqlite3_changes(gw_sqlite_of(store)->db) > 0;
    return ok;
}

bool gw_entries_find(struct gw_store *store, struct gw_str key, struct gw_buf *value,
                     int64_t *version) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store), "SELECT number, value FROM entries WHERE key = ?");
    gw_sql_put_blob(&sql, key);
    bool found = gw_sql_next(&sql);
    *version = found ? gw_sql_int(&sql, 0) : 0;
    if (found)
        gw_buf_append_str(value, gw_sql_bytes(&sql, 1));
    return gw_sql_end(&sql);
}

static bool is_after(struct gw_str a, struct gw_str b) {
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order > 0 || (order == 0 && a.len > b.len);
}

bool gw_entries_list(struct gw_store *store, struct gw_str prefix, struct gw_str after,
                     gw_entry_visitor visit, void *user) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "SELECT key, value, number FROM entries"
                                                    " WHERE key >= ? AND key <> ? ORDER BY key");
    struct gw_entry entry;
    bool goes_on = true;
    gw_sql_put_blob(&sql, is_after(after, prefix) ? after : prefix);
    gw_sql_put_blob(&sql, after);
    while (goes_on && gw_sql_next(&sql)) {
        entry =
            (struct gw_entry){gw_sql_bytes(&sql, 0), gw_sql_bytes(&sql, 1), gw_sql_int(&sql, 2)};
        goes_on = gw_str_starts_with(entry.key, prefix) && visit(user, &entry);
    }
    return gw_sql_end(&sql);
}

/* --- all or nothing, within the transaction of many --- */

static bool run(struct gw_store *store, const char *text) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), text);
    return gw_sql_end(&sql);
}

bool gw_entries_hold(struct gw_store *store) {
    return run(store, "SAVEPOINT held");
}

bool gw_entries_keep(struct gw_store *store) {
    return run(store, "RELEASE held");
}

bool gw_entries_drop(struct gw_store *store) {
    return run(store, "ROLLBACK TO held") && gw_entries_keep(store);
}

/* --- the store --- */

static bool clean(struct gw_store *store, const struct gw_store_limits *limits, int64_t now_ms,
                  bool *more) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    (void)limits, (void)now_ms;
    *more = gw_sqlite_give_back(sqlite) && !sqlite->failed;
    return !sqlite->failed;
}

static const struct gw_store_functions functions = {
    .close = gw_sqlite_close,
    .error = gw_sqlite_error,
    .begin = gw_sqlite_begin,
    .commit = gw_sqlite_commit,
    .rollback = gw_sqlite_rollback,
    .check = gw_sqlite_check,
    .clean = clean,
};

static const struct gw_sqlite_kind kind = {
    .functions = &functions,
    .scripts = scripts,
    .application_id = APPLICATION_ID,
};

struct gw_store *gw_entries_open(const char *folder, const char *name, struct gw_buf *error) {
    struct gw_sqlite *sqlite = gw_sqlite_new(&kind, name);
    struct gw_buf path = {0};
    if (folder) {
        gw_buf_printf(&path, "%s/store-%s.db", folder, name);
        gw_buf_append_char(&path, '\0');
    }
    sqlite->path = path.data; /* its own now */
    gw_sqlite_open(sqlite, error);
    return &sqlite->store;
}
