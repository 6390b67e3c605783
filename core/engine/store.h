/* Where the journal's records are kept: a table of functions, so that another store than SQLite
 * (engine/store_sqlite.c) can come without a change of those who use it. Used by the journal's
 * thread only. What is put is durable once commit() has returned true, and not before.
 *
 * A function returns false if the store could not do it (the disk is full, the file is damaged);
 * gw_store_error() then says why, and the caller rolls back. That a record is not there is no
 * failure: the find functions set *found. Texts in a record that is put are the caller's; those in
 * a record that is found live in its `memory`, which the caller ends with gw_buf_fini().
 *
 * The enums' values are what is on the disk: new ones go to the end. */
#ifndef GW_ENGINE_STORE_H
#define GW_ENGINE_STORE_H

#include "base/buf.h"

/* --- Sagas: what was begun, its steps, and how each is undone --- */

enum gw_saga_state {
    GW_SAGA_OPEN,         /* begun; its flow is at work, or its process died */
    GW_SAGA_COMMITTED,    /* what was done stays */
    GW_SAGA_COMPENSATING, /* being undone, perhaps waiting for a backend to come back */
    GW_SAGA_UNDONE,
    GW_SAGA_RESOLVED, /* an operator said that it needs no more undoing; `reason` says why */
};

struct gw_saga_record {
    int64_t number; /* the store's; put_saga() sets it */
    struct gw_str kind, id;
    enum gw_saga_state state;
    struct gw_str correlation_id;
    struct gw_str reason;           /* why it is undone or resolved */
    struct gw_str result;           /* JSON that the script gave to commit(); empty: none */
    int64_t created_ms, changed_ms; /* wall clock */
    struct gw_buf memory;
};

enum gw_step_outcome {
    GW_STEP_INTENDED, /* written before it is sent: whether it happened is not known */
    GW_STEP_DONE,
    GW_STEP_HAD_NO_EFFECT, /* it certainly did not happen: there is nothing to undo */
};

enum gw_undo_state {
    GW_UNDO_NONE, /* the step has none, or needs none */
    GW_UNDO_PENDING,
    GW_UNDO_DONE,
    GW_UNDO_LEFT, /* never on the disk: its saga was resolved before it was done */
};

/* A request as data: it can be sent by another process than the one that wrote it. */
struct gw_stored_request {
    struct gw_str backend, method, path; /* path as it is sent, with its query */
    struct gw_str fields; /* lines "name: value", each ended by a line feed; no correlation id */
    struct gw_str body;
    bool has_body;
    int64_t timeout_ms; /* 0: the backend's */
};

struct gw_step_record {
    int64_t saga;                 /* its number */
    unsigned n;                   /* in the saga, from 1 */
    struct gw_stored_request act; /* backend, method and path only */
    enum gw_step_outcome outcome;
    struct gw_stored_request undo;
    enum gw_undo_state undo_state;
    unsigned undo_attempts;
    int64_t undo_next_ms;     /* wall clock: not to be tried before; 0: at once */
    struct gw_str undo_error; /* of the last attempt; empty: none */
    struct gw_buf memory;
};

/* Return false to stop. What the record points to lives until the visitor returns, which may call
 * find functions other than the one that called it, and puts nothing. */
typedef bool (*gw_saga_visitor)(void *user, const struct gw_saga_record *saga);
typedef bool (*gw_step_visitor)(void *user, const struct gw_step_record *step);

/* --- Idempotency keys: the answers that a repeated request is given again --- */

struct gw_key_record {
    struct gw_str scope, key;         /* scope: whose key it is, and for which route */
    struct gw_str hash;               /* of the request, to tell a repetition from another one */
    struct gw_str owner;              /* the process that is at work on it; empty: it is answered */
    struct gw_str saga_kind, saga_id; /* what decides it if the owner died; empty: nothing */
    unsigned status;
    struct gw_str fields, body; /* of the answer */
    int64_t created_ms;
    struct gw_buf memory;
};

/* What a key is called, without its answer; `number` grows with age. */
typedef void (*gw_key_visitor)(void *user, int64_t number, struct gw_str scope, struct gw_str key);

/* --- Jobs --- */

enum gw_stored_job_state {
    GW_STORED_JOB_QUEUED,
    GW_STORED_JOB_RUNNING,
    GW_STORED_JOB_DONE,
    GW_STORED_JOB_FAILED,
    GW_STORED_JOB_CANCELLED,
};

struct gw_job_record {
    struct gw_str id, kind;
    struct gw_str args; /* JSON */
    enum gw_stored_job_state state;
    unsigned attempts;
    int progress; /* per cent */
    struct gw_str correlation_id;
    struct gw_str result; /* JSON if done, a text for people if failed */
    int64_t created_ms, changed_ms, finished_ms;
    struct gw_buf memory;
};

typedef bool (*gw_job_visitor)(void *user, const struct gw_job_record *job);

/* --- The store --- */

/* What is over either is forgotten, the oldest first; 0: no limit. */
struct gw_store_limit {
    int64_t keep_ms; /* since it was finished; a key: since it was created */
    int64_t max_count;
};

/* Sagas are to be kept at least as long as keys: they decide what a key is worth whose process
 * died. */
struct gw_store_limits {
    struct gw_store_limit sagas, jobs; /* the finished ones; others stay, whatever their number */
    struct gw_store_limit keys;        /* those answered, and by age those in work whose process
                                          is gone */
    int64_t max_bytes; /* of all records: beyond it the oldest jobs and keys go, then sagas; 0: no
                          limit */
};

struct gw_store;

struct gw_store_functions {
    void (*close)(struct gw_store *store);
    const char *(*error)(const struct gw_store *store); /* of the last failure since begin() */

    /* All else but check() happens between begin() and commit() or rollback(). commit() fails if
     * anything since begin() has failed, and then has rolled back. If it fails because the disk
     * does, what was written may be there all the same, or not; after the next begin() that
     * succeeds the store says which, and that is what the disk says. */
    bool (*begin)(struct gw_store *store);
    bool (*commit)(struct gw_store *store);
    void (*rollback)(struct gw_store *store);

    /* A transaction of its own that writes a little: whether the disk takes it (again). */
    bool (*check)(struct gw_store *store);

    /* New, or in place of the one of this kind and id, whose number it keeps. Of one that is
     * committed or undone, the fields and bodies of its undo requests are forgotten: nobody will
     * send them, and they may be what an operator must not keep. */
    bool (*put_saga)(struct gw_store *store, struct gw_saga_record *saga);
    bool (*put_step)(struct gw_store *store, const struct gw_step_record *step);
    bool (*find_saga)(struct gw_store *store, struct gw_str kind, struct gw_str id, bool *found,
                      struct gw_saga_record *saga); /* no kind: the newest of any kind */
    bool (*find_sagas)(struct gw_store *store, bool unfinished_only, int64_t max,
                       gw_saga_visitor visit, void *user); /* the newest first; max 0: all */
    bool (*find_steps)(struct gw_store *store, int64_t saga, gw_step_visitor visit, void *user);

    bool (*put_key)(struct gw_store *store, const struct gw_key_record *key);
    bool (*find_key)(struct gw_store *store, struct gw_str scope, struct gw_str key, bool *found,
                     struct gw_key_record *record);
    bool (*forget_key)(struct gw_store *store, struct gw_str scope, struct gw_str key);
    bool (*list_keys)(struct gw_store *store, int64_t after, int64_t max, gw_key_visitor visit,
                      void *user); /* those with a number above `after`, the oldest first */

    bool (*put_job)(struct gw_store *store, const struct gw_job_record *job);
    bool (*find_job)(struct gw_store *store, struct gw_str id, bool *found,
                     struct gw_job_record *job);
    bool (*find_jobs)(struct gw_store *store, bool unfinished_only, int64_t max,
                      gw_job_visitor visit, void *user); /* the newest first, without the arguments
                                                            of those that are finished and the
                                                            result of those that are done */
    bool (*forget_job)(struct gw_store *store, struct gw_str id);

    /* Forgets a bounded number of what is too old or too much, and gives a bounded part of the room
     * back to the disk; *more: there is more to do. */
    bool (*clean)(struct gw_store *store, const struct gw_store_limits *limits, int64_t now_ms,
                  bool *more);
};

struct gw_store {
    const struct gw_store_functions *functions;
    const char *name; /* for the log: "journal". Lives as long as the store */
};

static inline const char *gw_store_error(const struct gw_store *store) {
    return store->functions->error(store);
}

static inline void gw_store_close(struct gw_store *store) {
    store->functions->close(store);
}

/* Opens DATA_DIR/moongate.db, or makes it; `folder` NULL: in memory, gone with the process. NULL,
 * with one line in `error`, if it cannot be used; if another process uses it, that is what the line
 * says. The folder is this process's until close(). */
struct gw_store *gw_store_sqlite_open(const char *folder, struct gw_buf *error);

/* The same, but only a folder that another process uses makes it NULL. Whatever else is wrong, with
 * one line in `error`, each begin() fails until it has been put right. */
struct gw_store *gw_store_sqlite_open_or_wait(const char *folder, struct gw_buf *error);

#endif
