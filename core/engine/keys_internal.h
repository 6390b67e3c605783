/* What the files of idempotency keys share: keys.c is the table of those in work, key_claim.c what
 * one of them asks of the journal, key_bond.c what ties a saga to one, key_read.c the header. Not
 * for others. */
#ifndef GW_ENGINE_KEYS_INTERNAL_H
#define GW_ENGINE_KEYS_INTERNAL_H

#include "engine/keys.h"

#include "base/id.h"
#include "policy/seen.h"

#include <pthread.h>
#include <sys/queue.h>

#define GW_KEY_BUCKETS 1024

struct gw_key_claim {
    struct gw_keys *keys;
    struct gw_key_record record; /* scope, key, hash and owner in its memory; never changed */
    uint64_t sum;                /* of scope and key */
    enum gw_key_answer answer;
    bool is_decided;
    bool is_released;
    bool is_under_way; /* the operation, which frees the claim if it has been released */

    /* Guarded by the keys' mutex. */
    bool is_listed;
    unsigned n_ended; /* its bucket's, when the journal was asked */
    LIST_ENTRY(gw_key_claim) link;

    struct gw_journal_op op;
    struct gw_journal_port *port;
    enum gw_key_answer judgement; /* the journal's thread's, while it is under way */
    struct gw_key_record found;   /* likewise: what the journal has; or what is written to it */
    gw_key_done_fn done;
    void *user;
};

LIST_HEAD(gw_key_claims, gw_key_claim);

struct gw_key_bucket {
    struct gw_key_claims claims;
    unsigned n_ended; /* counts releases: what the journal said before one may no longer be true */
};

struct gw_keys {
    size_t max_bytes;
    int64_t keep_ms;
    char owner[GW_ID_SIZE]; /* this process, in records of what it has in work */

    pthread_mutex_t mutex; /* guards what follows; held for a few instructions */
    struct gw_key_bucket buckets[GW_KEY_BUCKETS];
    struct gw_seen seen; /* which keys the journal may have; once they are loaded */
    bool is_loaded, is_loading;
};

/* --- keys.c --- */

/* FREE: it is in the table now. IN_WORK, OTHER; or ASKING, if the journal is to be asked first,
 * which `was_asked` says it has been. */
enum gw_key_answer gw_keys_enter(struct gw_keys *keys, struct gw_key_claim *claim, bool was_asked);
void gw_keys_leave(struct gw_keys *keys, struct gw_key_claim *claim);

/* Reads which keys the journal has, if that has not been done. */
void gw_keys_load(struct gw_keys *keys, struct gw_journal_port *port);

uint64_t gw_key_sum(struct gw_str scope, struct gw_str key);

/* Whether this answer is kept, by its size. */
bool gw_key_fits(size_t max_bytes, struct gw_str fields, struct gw_str body);

/* What a commit answers with, until the handler says more. */
#define GW_KEY_COMMITTED_STATUS 201
struct gw_str gw_key_fields_for(struct gw_str result);

#endif
