/* The table of keys in work, and which ones the journal may have. */
#include "engine/keys_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

#define LOAD_STEP 4096 /* keys in one operation: a few milliseconds */

struct gw_keys *gw_keys_new(int64_t keep_ms, size_t max_bytes) {
    struct gw_keys *keys = gw_calloc(1, sizeof *keys);
    keys->max_bytes = max_bytes;
    keys->keep_ms = keep_ms;
    gw_id_new(keys->owner);
    pthread_mutex_init(&keys->mutex, NULL);
    gw_seen_init(&keys->seen, keep_ms, gw_clock_ms());
    return keys;
}

void gw_keys_free(struct gw_keys *keys) {
    if (!keys)
        return;
    pthread_mutex_destroy(&keys->mutex);
    gw_seen_fini(&keys->seen);
    free(keys);
}

/* --- texts --- */

bool gw_key_fits(size_t max_bytes, struct gw_str fields, struct gw_str body) {
    return fields.len <= max_bytes && body.len <= max_bytes - fields.len;
}

static uint64_t add_to_sum(uint64_t sum, struct gw_str text) { /* FNV-1a */
    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* The last lines make all bits depend on all (the finalizer of MurmurHash3). */
uint64_t gw_key_sum(struct gw_str scope, struct gw_str key) {
    uint64_t sum = add_to_sum(add_to_sum(UINT64_C(0xcbf29ce484222325), scope), key);
    sum = (sum ^ sum >> 33) * UINT64_C(0xff51afd7ed558ccd);
    sum = (sum ^ sum >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return sum ^ sum >> 33;
}

/* --- the table --- */

static struct gw_key_bucket *bucket_of(struct gw_keys *keys, const struct gw_key_claim *claim) {
    return &keys->buckets[claim->sum % GW_KEY_BUCKETS];
}

static const struct gw_key_claim *find(const struct gw_key_bucket *bucket,
                                       const struct gw_key_claim *wanted) {
    const struct gw_key_claim *claim;
    LIST_FOREACH(claim, &bucket->claims, link)
    if (gw_str_equal(claim->record.key, wanted->record.key) &&
        gw_str_equal(claim->record.scope, wanted->record.scope))
        return claim;
    return NULL;
}

/* What the journal has said holds if nobody with such a key has ended since it was asked. */
static bool is_to_ask(struct gw_keys *keys, const struct gw_key_claim *claim, bool was_asked) {
    if (was_asked && claim->n_ended == bucket_of(keys, claim)->n_ended)
        return false;
    return !keys->is_loaded || gw_seen_perhaps(&keys->seen, claim->sum, gw_clock_ms());
}

static enum gw_key_answer enter(struct gw_keys *keys, struct gw_key_claim *claim, bool was_asked) {
    struct gw_key_bucket *bucket = bucket_of(keys, claim);
    const struct gw_key_claim *found = find(bucket, claim);
    if (found)
        return gw_str_equal(found->record.hash, claim->record.hash) ? GW_KEY_IN_WORK : GW_KEY_OTHER;
    if (is_to_ask(keys, claim, was_asked)) {
        claim->n_ended = bucket->n_ended;
        return GW_KEY_ASKING;
    }
    LIST_INSERT_HEAD(&bucket->claims, claim, link);
    claim->is_listed = true;
    gw_seen_add(&keys->seen, claim->sum, gw_clock_ms());
    return GW_KEY_FREE;
}

enum gw_key_answer gw_keys_enter(struct gw_keys *keys, struct gw_key_claim *claim, bool was_asked) {
    pthread_mutex_lock(&keys->mutex);
    enum gw_key_answer answer = enter(keys, claim, was_asked);
    pthread_mutex_unlock(&keys->mutex);
    return answer;
}

void gw_keys_leave(struct gw_keys *keys, struct gw_key_claim *claim) {
    if (!claim->is_listed)
        return;
    pthread_mutex_lock(&keys->mutex);
    LIST_REMOVE(claim, link);
    bucket_of(keys, claim)->n_ended++;
    pthread_mutex_unlock(&keys->mutex);
    claim->is_listed = false;
}

/* --- what the journal has --- */

struct load {
    struct gw_journal_op op;
    struct gw_keys *keys;
    struct gw_journal_port *port;
    int64_t after, last; /* numbers */
    unsigned n;
    uint64_t sums[LOAD_STEP];
};

static void keep_sum(void *user, int64_t number, struct gw_str scope, struct gw_str key) {
    struct load *load = user;
    load->sums[load->n++] = gw_key_sum(scope, key);
    load->last = number;
}

static bool run_load(struct gw_journal_op *op, struct gw_store *store) {
    struct load *load = (struct load *)op;
    load->n = 0;
    return store->functions->list_keys(store, load->after, LOAD_STEP, keep_sum, load);
}

/* A key that is written meanwhile has been added by its claim. */
static void load_done(struct gw_journal_op *op, bool ok) {
    struct load *load = (struct load *)op;
    struct gw_keys *keys = load->keys;
    bool is_last = load->n < LOAD_STEP;
    pthread_mutex_lock(&keys->mutex);
    for (unsigned i = 0; ok && i < load->n; i++)
        gw_seen_add(&keys->seen, load->sums[i], gw_clock_ms());
    keys->is_loaded = ok && is_last;
    keys->is_loading = ok && !is_last; /* failed: whoever comes next begins anew */
    pthread_mutex_unlock(&keys->mutex);
    if (ok && !is_last) {
        load->after = load->last;
        gw_journal_submit(load->port, &load->op);
        return;
    }
    free(load);
}

void gw_keys_load(struct gw_keys *keys, struct gw_journal_port *port) {
    pthread_mutex_lock(&keys->mutex);
    bool is_needed = !keys->is_loaded && !keys->is_loading;
    keys->is_loading |= is_needed;
    pthread_mutex_unlock(&keys->mutex);
    if (!is_needed)
        return;
    struct load *load = gw_calloc(1, sizeof *load);
    load->op = (struct gw_journal_op){.run = run_load, .done = load_done};
    load->keys = keys;
    load->port = port;
    gw_journal_submit(port, &load->op);
}
