/* Keyspaces: what scripts keep by name (gateway.store). Each is a file of entries with a journal of
 * its own around it - a thread, group commit, faults - so that what one script writes does not wait
 * for another's, nor for the orders'.
 *
 * struct gw_keyspaces is the process's list; it opens each once, whichever worker or generation of
 * scripts asks first, and owns it to the end. A request is made by whoever wants something, handed
 * over at a port of his (engine/journal.h) and then the keyspace's, until it ends. */
#ifndef GW_ENGINE_KEYSPACE_H
#define GW_ENGINE_KEYSPACE_H

#include "engine/entries.h"
#include "engine/journal.h"

#define GW_KEYSPACE_MAX       16                /* of a process */
#define GW_KEYSPACE_NAME_MAX  64                /* bytes: letters, digits, '_' and '-' */
#define GW_KEYSPACE_KEY_MAX   512               /* bytes */
#define GW_KEYSPACE_VALUE_MAX (1024 * 1024)     /* bytes of JSON */
#define GW_KEYSPACE_SUM_MAX   (8 * 1024 * 1024) /* of one request's or answer's keys and values */
#define GW_KEYSPACE_COUNT_MAX 1000              /* changes, or entries of a list */

struct gw_keyspaces;

struct gw_keyspaces *gw_keyspaces_new(const char *folder); /* not copied; NULL: in memory */
void gw_keyspaces_free(struct gw_keyspaces *keyspaces);    /* all ports are freed before */

/* Any thread. NULL, with one line in `error`, if the name will not do or there are too many. What
 * is wrong with the file is the journal's fault. */
struct gw_journal *gw_keyspaces_open(struct gw_keyspaces *keyspaces, const char *name,
                                     struct gw_buf *error);

enum gw_change_kind {
    GW_CHANGE_PUT,    /* value */
    GW_CHANGE_DELETE, /* the answer's `number`: whether it was there */
    GW_CHANGE_ADD,    /* to the whole number that is there, or 0; `number`: the sum */
    GW_CHANGE_EXPECT, /* changes nothing, but the entry has this version; 0: there is none */
};

struct gw_change {
    enum gw_change_kind kind;
    struct gw_buf key, value; /* owned */
    int64_t version;          /* EXPECT */
    int64_t by, least, most;  /* ADD: refused if the sum is outside */
};

enum gw_keyspace_answer {
    GW_KEYSPACE_DONE,
    GW_KEYSPACE_REFUSED,      /* change `refused_at` could not be made, so none was */
    GW_KEYSPACE_NOT_A_NUMBER, /* the same: what is there cannot be added to */
    GW_KEYSPACE_FAILED,       /* the store did: see engine/journal.h for what that means */
};

struct gw_found {
    struct gw_buf key, value; /* owned */
    int64_t version;
};

struct gw_keyspace_request {
    struct gw_journal_op op;
    enum { GW_KEYSPACE_FIND, GW_KEYSPACE_LIST, GW_KEYSPACE_CHANGE } kind;
    struct gw_buf key;         /* FIND; LIST: the prefix */
    struct gw_buf after;       /* LIST */
    unsigned limit;            /* LIST */
    struct gw_change *changes; /* CHANGE: all of them, in this order, or none */
    unsigned n_changes;

    enum gw_keyspace_answer answer;
    unsigned refused_at;    /* from 0 */
    int64_t number;         /* of the last change */
    struct gw_found *found; /* FIND: one or none; LIST */
    unsigned n_found;
    size_t sum;
    bool is_more; /* LIST: `limit` or the limit of the sum has ended it */

    /* As a journal operation's. NULL: nobody waits any more; then it frees itself. */
    void (*done)(struct gw_keyspace_request *request, void *user);
    void *user;
};

/* Of this kind, and empty: the caller fills it, and then submits or frees it. */
struct gw_keyspace_request *gw_keyspace_request_new(int kind);
struct gw_change *gw_keyspace_request_add(struct gw_keyspace_request *request,
                                          enum gw_change_kind kind, struct gw_str key);
void gw_keyspace_request_free(struct gw_keyspace_request *request);

/* It is the caller's again in `done`. Who does not want to wait sets `done` to NULL. */
void gw_keyspace_submit(struct gw_journal_port *port, struct gw_keyspace_request *request);

#endif
