/* What the parts of the SQLite store share: the connection, and how a statement is made, bound, run
 * and read. For engine/store*.c only.
 *
 *     struct gw_sql sql = gw_sql(sqlite, "SELECT state FROM jobs WHERE id = ?");
 *     gw_sql_put_text(&sql, id);
 *     if (gw_sql_next(&sql))
 *         state = gw_sql_int(&sql, 0);
 *     return gw_sql_end(&sql);
 *
 * A failure is kept in the statement and in the store: what follows does nothing, and the end says
 * false. */
#ifndef GW_ENGINE_STORE_INTERNAL_H
#define GW_ENGINE_STORE_INTERNAL_H

#include "engine/store.h"

#include <sqlite3.h>

struct gw_sqlite;

#define GW_SQL_CACHED 64 /* more than there are statements in engine/store*.c */

enum gw_kind { GW_KIND_SAGA, GW_KIND_JOB, GW_KIND_KEY, GW_KINDS };

/* What a file is for: its tables, and what may be asked of them. */
struct gw_sqlite_kind {
    const struct gw_store_functions *functions;
    const char *const *scripts;             /* of the schema, one for each version; then NULL */
    int application_id;                     /* in the file's header: that it is of this kind */
    void (*look)(struct gw_sqlite *sqlite); /* at the work that waits, when it is opened */
};

struct gw_sqlite {
    struct gw_store store; /* first: they are converted into each other */
    const struct gw_sqlite_kind *kind;
    int application_id; /* the kind's */
    sqlite3 *db;        /* owned; NULL: begin() opens it again */
    char *folder;       /* owned; NULL: in memory, or not for us to take */
    char *path;         /* owned; NULL: in memory, or not known yet */
    int lock;           /* the file that says that the folder is taken; -1: it is not, or in
                           memory */
    bool is_others;     /* another process has taken it */
    int64_t opened_ms;  /* when the process opened it, wall clock: what was there before belongs
                           to another one */
    bool failed;        /* something has, since begin() */
    bool is_suspect;    /* the disk has failed: to be opened again */
    bool is_unsure;     /* it has at the end of a transaction: what is in the file's log may not
                           be on the disk */
    int n_logged;       /* pages in the write-ahead log */
    int max_logged;     /* then they are written to the database; tests make it small */
    int checkpointed;   /* SQLite's code of the last try to empty it */
    int64_t n_over[GW_KINDS]; /* counted as too many, and not yet forgotten: see store_clean.c */
    char error[512];
    struct {
        const char *text;
        sqlite3_stmt *statement; /* owned */
    } cached[GW_SQL_CACHED];
};

struct gw_sql {
    struct gw_sqlite *sqlite;
    sqlite3_stmt *statement; /* the cache's; NULL: it failed */
    int n_put;
    bool has_run, failed;
};

static inline struct gw_sqlite *gw_sqlite_of(struct gw_store *store) {
    return (struct gw_sqlite *)store;
}

/* --- store_sql.c --- */

/* `text` is its key in the cache: a constant, and in use once at a time. */
struct gw_sql gw_sql(struct gw_sqlite *sqlite, const char *text);

/* The next parameter. What they point to stays until gw_sql_end(). */
void gw_sql_put_int(struct gw_sql *sql, int64_t value);
void gw_sql_put_text(struct gw_sql *sql, struct gw_str text);
void gw_sql_put_blob(struct gw_sql *sql, struct gw_str bytes);
void gw_sql_put_null(struct gw_sql *sql);

bool gw_sql_next(struct gw_sql *sql); /* whether there is a row (more) */
bool gw_sql_end(struct gw_sql *sql);  /* runs it, if nobody has; false if it failed */

/* Columns of the row. Bytes are valid until the next gw_sql_next() or gw_sql_end(). */
int64_t gw_sql_int(struct gw_sql *sql, int column);
bool gw_sql_is_null(struct gw_sql *sql, int column);
struct gw_str gw_sql_bytes(struct gw_sql *sql, int column);

bool gw_sql_exec(struct gw_sqlite *sqlite, const char *text); /* not cached */

/* The one number that a statement says; 0 if it failed. */
int64_t gw_sql_number(struct gw_sqlite *sqlite, const char *text);

void gw_sql_forget_all(struct gw_sqlite *sqlite); /* empties the cache */

/* Keeps the failure of what was just called; always false. */
bool gw_sqlite_fail(struct gw_sqlite *sqlite, int code);

/* --- store_sqlite.c: what the functions of every kind begin with --- */

void gw_sqlite_close(struct gw_store *store);
const char *gw_sqlite_error(const struct gw_store *store);
bool gw_sqlite_begin(struct gw_store *store);
bool gw_sqlite_commit(struct gw_store *store);
void gw_sqlite_rollback(struct gw_store *store);
bool gw_sqlite_check(struct gw_store *store);

/* Not open yet: to be given its folder or path, if it has one. */
struct gw_sqlite *gw_sqlite_new(const struct gw_sqlite_kind *kind, const char *name);

/* False, with one line in `error`, if the file cannot be used; then begin() tries again. */
bool gw_sqlite_open(struct gw_sqlite *sqlite, struct gw_buf *error);

/* --- store_folder.c --- */

/* Takes the folder for this process; false with one line in `error`. Sets path and lock. */
bool gw_store_take_folder(struct gw_sqlite *sqlite, const char *folder, struct gw_buf *error);

/* Sees that there is a file, made if need be; false likewise. */
bool gw_store_make_file(const char *path, struct gw_buf *error);

/* --- store_schema.c --- */

/* Brings the tables to what this program knows, one script after the other; false, with the reason
 * in sqlite->error, if they are not ours or newer than we are. */
bool gw_store_migrate(struct gw_sqlite *sqlite, const char *const *scripts, unsigned n);

extern const char *const gw_store_scripts[];
#define GW_STORE_APPLICATION_ID 0x4d6f6f6e /* "Moon" */

/* --- store_sagas.c, store_keys.c, store_jobs.c, store_clean.c: see store.h --- */

bool gw_store_put_saga(struct gw_store *store, struct gw_saga_record *saga);
bool gw_store_put_step(struct gw_store *store, const struct gw_step_record *step);
bool gw_store_find_saga(struct gw_store *store, struct gw_str kind, struct gw_str id, bool *found,
                        struct gw_saga_record *saga);
bool gw_store_find_sagas(struct gw_store *store, bool unfinished_only, int64_t max,
                         gw_saga_visitor visit, void *user);
bool gw_store_find_steps(struct gw_store *store, int64_t saga, gw_step_visitor visit, void *user);

bool gw_store_put_key(struct gw_store *store, const struct gw_key_record *key);
bool gw_store_find_key(struct gw_store *store, struct gw_str scope, struct gw_str key, bool *found,
                       struct gw_key_record *record);
bool gw_store_forget_key(struct gw_store *store, struct gw_str scope, struct gw_str key);
bool gw_store_list_keys(struct gw_store *store, int64_t after, int64_t max, gw_key_visitor visit,
                        void *user);

bool gw_store_put_job(struct gw_store *store, const struct gw_job_record *job);
bool gw_store_find_job(struct gw_store *store, struct gw_str id, bool *found,
                       struct gw_job_record *job);
bool gw_store_find_jobs(struct gw_store *store, bool unfinished_only, int64_t max,
                        gw_job_visitor visit, void *user);
bool gw_store_forget_job(struct gw_store *store, struct gw_str id);

/* A bounded part of the room that is free, if it is much; whether there is more. */
bool gw_sqlite_give_back(struct gw_sqlite *sqlite);

bool gw_store_clean(struct gw_store *store, const struct gw_store_limits *limits, int64_t now_ms,
                    bool *more);

#endif
