#include "engine/store_internal.h"

#include <stdio.h>
#include <string.h>

/* --- failures --- */

/* Whether the connection is to be trusted no more: opened again it sees the file as it is. A full
 * disk is no such case: SQLite undoes what it could not write, and what was there can be read. */
static bool is_of_disk(int code) {
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
        return true;
    default:
        return false;
    }
}

/* For people: without numbers that differ from one time to the next. */
static const char *describe(struct gw_sqlite *sqlite, int code) {
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "the disk is full";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "the file is damaged, or no database";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "it cannot be written";
    case SQLITE_BUSY:
        return "another process holds it";
    default:
        return sqlite->db ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(code);
    }
}

bool gw_sqlite_fail(struct gw_sqlite *sqlite, int code) {
    int system = sqlite->db && is_of_disk(code) ? sqlite3_system_errno(sqlite->db) : 0;
    snprintf(sqlite->error, sizeof sqlite->error, "%s: %s%s%s",
             sqlite->path ? sqlite->path : "in memory", describe(sqlite, code), system ? ": " : "",
             system ? strerror(system) : "");
    sqlite->failed = true;
    sqlite->is_suspect |= is_of_disk(code) && sqlite->path;
    return false;
}

/* --- statements --- */

static sqlite3_stmt *prepare(struct gw_sqlite *sqlite, const char *text) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite->db ? sqlite3_prepare_v3(sqlite->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                                               &statement, NULL)
                          : SQLITE_CANTOPEN;
    if (code != SQLITE_OK)
        gw_sqlite_fail(sqlite, code);
    return statement;
}

static sqlite3_stmt *find_or_prepare(struct gw_sqlite *sqlite, const char *text) {
    size_t at = 0;
    while (at < GW_SQL_CACHED - 1 && sqlite->cached[at].text && sqlite->cached[at].text != text)
        at++;
    if (sqlite->cached[at].text == text && sqlite->cached[at].statement)
        return sqlite->cached[at].statement;
    sqlite3_finalize(sqlite->cached[at].statement); /* the last place serves all that have none */
    sqlite->cached[at].text = text;
    sqlite->cached[at].statement = prepare(sqlite, text);
    return sqlite->cached[at].statement;
}

struct gw_sql gw_sql(struct gw_sqlite *sqlite, const char *text) {
    sqlite3_stmt *statement = find_or_prepare(sqlite, text);
    return (struct gw_sql){.sqlite = sqlite, .statement = statement, .failed = !statement};
}

void gw_sql_forget_all(struct gw_sqlite *sqlite) {
    for (size_t i = 0; i < GW_SQL_CACHED; i++)
        sqlite3_finalize(sqlite->cached[i].statement);
    memset(sqlite->cached, 0, sizeof sqlite->cached);
}

static void check(struct gw_sql *sql, int code) {
    if (code == SQLITE_OK)
        return;
    sql->failed = true;
    gw_sqlite_fail(sql->sqlite, code);
}

void gw_sql_put_int(struct gw_sql *sql, int64_t value) {
    if (!sql->failed)
        check(sql, sqlite3_bind_int64(sql->statement, ++sql->n_put, value));
}

/* SQLite takes a NULL pointer for the value NULL. */
static const char *bytes_of(struct gw_str s) {
    return s.data ? s.data : "";
}

void gw_sql_put_text(struct gw_sql *sql, struct gw_str text) {
    if (!sql->failed)
        check(sql, sqlite3_bind_text64(sql->statement, ++sql->n_put, bytes_of(text), text.len,
                                       SQLITE_STATIC, SQLITE_UTF8));
}

void gw_sql_put_blob(struct gw_sql *sql, struct gw_str bytes) {
    if (!sql->failed)
        check(sql, sqlite3_bind_blob64(sql->statement, ++sql->n_put, bytes_of(bytes), bytes.len,
                                       SQLITE_STATIC));
}

void gw_sql_put_null(struct gw_sql *sql) {
    if (!sql->failed)
        check(sql, sqlite3_bind_null(sql->statement, ++sql->n_put));
}

bool gw_sql_next(struct gw_sql *sql) {
    if (sql->failed)
        return false;
    sql->has_run = true;
    int code = sqlite3_step(sql->statement);
    if (code != SQLITE_ROW)
        check(sql, code == SQLITE_DONE ? SQLITE_OK : code);
    return code == SQLITE_ROW;
}

bool gw_sql_end(struct gw_sql *sql) {
    if (!sql->has_run)
        gw_sql_next(sql);
    sqlite3_reset(sql->statement);
    return !sql->failed;
}

int64_t gw_sql_int(struct gw_sql *sql, int column) {
    return sqlite3_column_int64(sql->statement, column);
}

bool gw_sql_is_null(struct gw_sql *sql, int column) {
    return sqlite3_column_type(sql->statement, column) == SQLITE_NULL;
}

struct gw_str gw_sql_bytes(struct gw_sql *sql, int column) {
    const char *data = sqlite3_column_blob(sql->statement, column);
    size_t len = (size_t)sqlite3_column_bytes(sql->statement, column);
    if (len && !data)
        check(sql, SQLITE_NOMEM);
    return data ? (struct gw_str){data, len} : GW_STR("");
}

bool gw_sql_exec(struct gw_sqlite *sqlite, const char *text) {
    int code = sqlite3_exec(sqlite->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK || gw_sqlite_fail(sqlite, code);
}

int64_t gw_sql_number(struct gw_sqlite *sqlite, const char *text) {
    struct gw_sql sql = gw_sql(sqlite, text);
    int64_t number = gw_sql_next(&sql) ? gw_sql_int(&sql, 0) : 0;
    return gw_sql_end(&sql) ? number : 0;
}
