/* The store in SQLite: how the file is opened, what a transaction is, and what is done if the disk
 * fails.
 *
 * After a failed fsync Linux may call pages clean which the disk does not have, and a second fsync
 * succeeds for nothing. So when a transaction's end has failed, nothing is believed that lies in
 * the write-ahead log: the file is opened again, which makes SQLite read the log by its checksums,
 * and all of the log is written to the database and synced, before anything else is done. What the
 * store says then is on the disk, whatever became of the transaction. */
#include "base/alloc.h"
#include "base/clock.h"
#include "engine/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS         2000     /* somebody with a shell writes to the file */
#define LOG_PAGES       4000     /* 16 MB: then the log is written to the database */
#define LOG_MAX_TIMES   16       /* that, if it cannot be */
#define CHECK_ALL_BYTES 33554432 /* a file up to this size is checked as a whole: some 50 ms */
#define CACHE_KIB       "16384"
#define LOG_SIZE_LIMIT  "33554432"

/* auto_vacuum comes first: it cannot be changed once there is a page. */
static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA secure_delete = FAST;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA journal_size_limit = " LOG_SIZE_LIMIT ";"
                               "PRAGMA cache_size = -" CACHE_KIB ";";

/* --- open --- */

static bool complain(struct gw_sqlite *sqlite, const char *what) {
    snprintf(sqlite->error, sizeof sqlite->error, "%s: %s", sqlite->path, what);
    sqlite->failed = true;
    return false;
}

static int on_commit(void *user, sqlite3 *db, const char *name, int n_logged) {
    (void)db, (void)name;
    struct gw_sqlite *sqlite = user;
    sqlite->n_logged = n_logged;
    return SQLITE_OK;
}

static bool connect(struct gw_sqlite *sqlite) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(sqlite->path ? sqlite->path : ":memory:", &sqlite->db, flags, NULL);
    if (code != SQLITE_OK)
        return gw_sqlite_fail(sqlite, code);
    if (sqlite3_db_readonly(sqlite->db, "main") == 1)
        return gw_sqlite_fail(sqlite, SQLITE_READONLY);
    sqlite3_busy_timeout(sqlite->db, BUSY_MS);
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return true;
}

/* Checkpoints are made by hand, for their failures to be seen. */
static bool use_log(struct gw_sqlite *sqlite) {
    struct gw_sql sql = gw_sql(sqlite, "PRAGMA journal_mode = WAL");
    bool done = gw_sql_next(&sql) && gw_str_equal(gw_sql_bytes(&sql, 0), GW_STR("wal"));
    if (!gw_sql_end(&sql))
        return false;
    sqlite3_wal_hook(sqlite->db, on_commit, sqlite);
    return done || !sqlite->path || complain(sqlite, "its file system can have no write-ahead log");
}

static bool make_sure(struct gw_sqlite *sqlite) {
    if (!sqlite->is_unsure)
        return true;
    int code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK)
        return gw_sqlite_fail(sqlite, code);
    sqlite->is_unsure = false;
    return true;
}

static bool check_all(struct gw_sqlite *sqlite) {
    struct gw_sql sql = gw_sql(sqlite, "PRAGMA quick_check(1)");
    bool is_sound = gw_sql_next(&sql) && gw_str_equal(gw_sql_bytes(&sql, 0), GW_STR("ok"));
    if (!gw_sql_end(&sql))
        return false;
    return is_sound || complain(sqlite, "the file is damaged");
}

/* A large file would take too long; damage there is found when it is met. The work that waits is
 * looked at in any case. */
static bool check_file(struct gw_sqlite *sqlite) {
    int64_t bytes =
        gw_sql_number(sqlite, "PRAGMA page_count") * gw_sql_number(sqlite, "PRAGMA page_size");
    if (sqlite->path && bytes <= CHECK_ALL_BYTES && !check_all(sqlite))
        return false;
    if (sqlite->kind->look)
        sqlite->kind->look(sqlite);
    return !sqlite->failed;
}

static void let_folder_go(struct gw_sqlite *sqlite) {
    if (sqlite->lock >= 0)
        close(sqlite->lock);
    sqlite->lock = -1;
}

static bool find_file(struct gw_sqlite *sqlite, struct gw_buf *why) {
    if (!sqlite->folder)
        return !sqlite->path || gw_store_make_file(sqlite->path, why);
    if (sqlite->lock >= 0 || gw_store_take_folder(sqlite, sqlite->folder, why))
        return true;
    let_folder_go(sqlite);
    return false;
}

static bool has_file(struct gw_sqlite *sqlite) {
    struct gw_buf why = {0};
    bool ok = find_file(sqlite, &why);
    if (!ok) {
        snprintf(sqlite->error, sizeof sqlite->error, "%.*s", GW_STR_ARG(gw_buf_str(&why)));
        sqlite->failed = true;
    }
    gw_buf_fini(&why);
    return ok;
}

static bool migrate(struct gw_sqlite *sqlite) {
    unsigned n = 0;
    while (sqlite->kind->scripts[n])
        n++;
    return gw_store_migrate(sqlite, sqlite->kind->scripts, n);
}

static bool open_file(struct gw_sqlite *sqlite) {
    sqlite->failed = false;
    return has_file(sqlite) && connect(sqlite) && gw_sql_exec(sqlite, settings) &&
           use_log(sqlite) && make_sure(sqlite) && migrate(sqlite) && check_file(sqlite);
}

/* --- close --- */

/* What is not to be trusted is not written to the database by the way. */
static void close_file(struct gw_sqlite *sqlite) {
    gw_sql_forget_all(sqlite);
    if (sqlite->db && sqlite->is_suspect)
        sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(sqlite->db);
    sqlite->db = NULL;
}

void gw_sqlite_close(struct gw_store *store) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    close_file(sqlite);
    let_folder_go(sqlite);
    free(sqlite->folder);
    free(sqlite->path);
    free(sqlite);
}

/* --- transactions --- */

static bool open_again(struct gw_sqlite *sqlite) {
    close_file(sqlite);
    sqlite->is_suspect = false;
    if (open_file(sqlite))
        return true;
    sqlite->is_suspect = true;
    return false;
}

static void empty_log_if_due(struct gw_sqlite *sqlite) {
    if (sqlite->n_logged < sqlite->max_logged)
        return;
    int code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    sqlite->checkpointed = code == SQLITE_BUSY ? SQLITE_OK : code;
}

static bool is_log_stuck(const struct gw_sqlite *sqlite) {
    return sqlite->n_logged >= sqlite->max_logged * LOG_MAX_TIMES &&
           sqlite->checkpointed != SQLITE_OK;
}

/* The log may grow while somebody reads an old state of the file, but not because the database
 * cannot be written. */
static bool make_room_in_log(struct gw_sqlite *sqlite) {
    if (is_log_stuck(sqlite))
        empty_log_if_due(sqlite);
    return !is_log_stuck(sqlite) || gw_sqlite_fail(sqlite, sqlite->checkpointed);
}

bool gw_sqlite_begin(struct gw_store *store) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    *sqlite->error = '\0';
    if ((!sqlite->db || sqlite->is_suspect) && !open_again(sqlite))
        return false;
    sqlite->failed = false;
    if (!make_room_in_log(sqlite))
        return false;
    struct gw_sql sql = gw_sql(sqlite, "BEGIN IMMEDIATE");
    return gw_sql_end(&sql);
}

void gw_sqlite_rollback(struct gw_store *store) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    if (sqlite->db && !sqlite3_get_autocommit(sqlite->db))
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL); /* fails only with the file */
}

/* A full disk leaves no doubt: the transaction's last page was not written. */
bool gw_sqlite_commit(struct gw_store *store) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    if (!sqlite->failed) {
        struct gw_sql sql = gw_sql(sqlite, "COMMIT");
        gw_sql_end(&sql);
        sqlite->is_unsure |= sqlite->is_suspect;
    }
    if (sqlite->failed)
        gw_sqlite_rollback(store);
    else
        empty_log_if_due(sqlite);
    return !sqlite->failed;
}

/* More than a page, which may find room where nothing else does; replaced each time. */
bool gw_sqlite_check(struct gw_store *store) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    if (!gw_sqlite_begin(store))
        return false;
    struct gw_sql sql =
        gw_sql(sqlite, "INSERT OR REPLACE INTO checks VALUES (1, randomblob(65536))");
    gw_sql_end(&sql);
    return gw_sqlite_commit(store);
}

const char *gw_sqlite_error(const struct gw_store *store) {
    return ((const struct gw_sqlite *)store)->error;
}

/* --- life --- */

struct gw_sqlite *gw_sqlite_new(const struct gw_sqlite_kind *kind, const char *name) {
    struct gw_sqlite *sqlite = gw_calloc(1, sizeof *sqlite);
    sqlite->kind = kind;
    sqlite->application_id = kind->application_id;
    sqlite->store.functions = kind->functions;
    sqlite->store.name = name;
    sqlite->lock = -1;
    sqlite->max_logged = LOG_PAGES;
    sqlite->opened_ms = gw_clock_wall_ms();
    return sqlite;
}

bool gw_sqlite_open(struct gw_sqlite *sqlite, struct gw_buf *error) {
    if (open_file(sqlite))
        return true;
    gw_buf_append_str(error, gw_str_from(sqlite->error));
    close_file(sqlite);
    return false;
}

/* --- the journal's --- */

static void look(struct gw_sqlite *sqlite) {
    gw_sql_number(sqlite, "SELECT count(changed_ms) FROM sagas WHERE state IN (0, 2)");
    gw_sql_number(sqlite, "SELECT count(changed_ms) FROM jobs WHERE state IN (0, 1)");
}

static const struct gw_store_functions functions = {
    .close = gw_sqlite_close,
    .error = gw_sqlite_error,
    .begin = gw_sqlite_begin,
    .commit = gw_sqlite_commit,
    .rollback = gw_sqlite_rollback,
    .check = gw_sqlite_check,
    .put_saga = gw_store_put_saga,
    .put_step = gw_store_put_step,
    .find_saga = gw_store_find_saga,
    .find_sagas = gw_store_find_sagas,
    .find_steps = gw_store_find_steps,
    .put_key = gw_store_put_key,
    .find_key = gw_store_find_key,
    .forget_key = gw_store_forget_key,
    .list_keys = gw_store_list_keys,
    .put_job = gw_store_put_job,
    .find_job = gw_store_find_job,
    .find_jobs = gw_store_find_jobs,
    .forget_job = gw_store_forget_job,
    .clean = gw_store_clean,
};

static const struct gw_sqlite_kind journal = {
    .functions = &functions,
    .scripts = gw_store_scripts,
    .application_id = GW_STORE_APPLICATION_ID,
    .look = look,
};

static struct gw_sqlite *new_journal(const char *folder) {
    struct gw_sqlite *sqlite = gw_sqlite_new(&journal, "journal");
    sqlite->folder = folder ? gw_strdup(folder) : NULL;
    return sqlite;
}

struct gw_store *gw_store_sqlite_open(const char *folder, struct gw_buf *error) {
    struct gw_sqlite *sqlite = new_journal(folder);
    if (gw_sqlite_open(sqlite, error))
        return &sqlite->store;
    gw_sqlite_close(&sqlite->store);
    return NULL;
}

struct gw_store *gw_store_sqlite_open_or_wait(const char *folder, struct gw_buf *error) {
    struct gw_sqlite *sqlite = new_journal(folder);
    if (gw_sqlite_open(sqlite, error) || !sqlite->is_others)
        return &sqlite->store;
    gw_sqlite_close(&sqlite->store);
    return NULL;
}
