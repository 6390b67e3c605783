/* A claim, and what it asks of the journal: at most one thing at a time. */
#include "engine/keys_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"

#include <stddef.h>
#include <stdlib.h>

/* --- life --- */

static struct gw_key_claim *new_claim(struct gw_keys *keys, struct gw_journal_port *port,
                                      const struct gw_key_name *name) {
    struct gw_key_claim *claim = gw_calloc(1, sizeof *claim);
    struct gw_key_record *record = &claim->record;
    claim->keys = keys;
    claim->port = port;
    claim->sum = gw_key_sum(name->scope, name->key);
    record->scope = name->scope;
    record->key = name->key;
    record->hash = name->hash;
    record->owner = gw_str_from(keys->owner);
    record->saga_kind = record->saga_id = record->fields = record->body = GW_STR("");
    record->created_ms = gw_clock_wall_ms();
    struct gw_str *const texts[] = {&record->scope, &record->key, &record->hash, &record->owner};
    gw_buf_own(&record->memory, texts, sizeof texts / sizeof *texts);
    return claim;
}

static void free_claim(struct gw_key_claim *claim) {
    gw_buf_fini(&claim->record.memory);
    gw_buf_fini(&claim->found.memory);
    free(claim);
}

void gw_key_release(struct gw_key_claim *claim) {
    if (!claim)
        return;
    gw_keys_leave(claim->keys, claim);
    claim->is_released = true;
    claim->done = NULL;
    if (!claim->is_under_way)
        free_claim(claim);
}

/* Tells it, unless nobody waits any more. */
static void tell(struct gw_key_claim *claim, bool ok) {
    gw_key_done_fn done = claim->done;
    claim->done = NULL;
    claim->is_under_way = false;
    if (claim->is_released)
        free_claim(claim);
    else if (done)
        done(claim->user, ok);
}

/* --- asking --- */

/* The commit has written that, but perhaps not all of it is here: then the saga's own record says
 * it. */
static void answer_from_saga(struct gw_key_record *found, const struct gw_saga_record *saga) {
    struct gw_buf memory = {0};
    struct gw_str *const texts[] = {&found->fields, &found->body};
    found->status = GW_KEY_COMMITTED_STATUS;
    found->body = saga->result;
    found->fields = gw_key_fields_for(saga->result);
    gw_buf_own(&memory, texts, sizeof texts / sizeof *texts);
    gw_buf_fini(&found->memory); /* nobody needs the other texts any more */
    found->memory = memory;
}

static enum gw_key_answer answer_of(const struct gw_saga_record *saga, bool is_same) {
    bool is_free = saga->state == GW_SAGA_UNDONE || saga->state == GW_SAGA_RESOLVED;
    if (is_free || !is_same)
        return is_free ? GW_KEY_FREE : GW_KEY_OTHER;
    return saga->state == GW_SAGA_COMMITTED ? GW_KEY_ANSWERED : GW_KEY_IN_WORK;
}

/* A key in the journal that is not answered: its saga decides. */
static bool ask_saga(struct gw_key_claim *claim, struct gw_store *store, bool is_same) {
    struct gw_key_record *found = &claim->found;
    struct gw_saga_record saga;
    bool is_there;
    if (!store->functions->find_saga(store, found->saga_kind, found->saga_id, &is_there, &saga))
        return false;
    claim->judgement = is_there ? answer_of(&saga, is_same) : GW_KEY_FREE;
    if (claim->judgement == GW_KEY_ANSWERED)
        answer_from_saga(found, &saga);
    gw_buf_fini(&saga.memory);
    return true;
}

static bool judge(struct gw_key_claim *claim, struct gw_store *store) {
    const struct gw_key_record *found = &claim->found, *record = &claim->record;
    bool is_same = gw_str_equal(found->hash, record->hash);
    if (found->owner.len)
        return ask_saga(claim, store, is_same);
    if (record->created_ms - found->created_ms > claim->keys->keep_ms)
        claim->judgement = GW_KEY_FREE;
    else if (!is_same)
        claim->judgement = GW_KEY_OTHER;
    else
        claim->judgement = found->status ? GW_KEY_ANSWERED : GW_KEY_NOT_KEPT;
    return true;
}

static struct gw_key_claim *claim_of(struct gw_journal_op *op) {
    return (struct gw_key_claim *)((char *)op - offsetof(struct gw_key_claim, op));
}

static bool run_ask(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_key_claim *claim = claim_of(op);
    const struct gw_key_record *record = &claim->record;
    bool is_there;
    gw_buf_fini(&claim->found.memory); /* it may be run twice */
    claim->judgement = GW_KEY_FREE;
    if (!store->functions->find_key(store, record->scope, record->key, &is_there, &claim->found))
        return false;
    return !is_there || judge(claim, store);
}

/* False: the journal is being asked (again). */
static bool enter(struct gw_key_claim *claim, bool was_asked) {
    claim->answer = gw_keys_enter(claim->keys, claim, was_asked);
    if (claim->answer != GW_KEY_ASKING)
        return true;
    claim->is_under_way = true;
    gw_journal_submit(claim->port, &claim->op);
    return false;
}

static void ask_done(struct gw_journal_op *op, bool ok) {
    struct gw_key_claim *claim = claim_of(op);
    claim->answer = ok ? claim->judgement : GW_KEY_UNKNOWN;
    if (!claim->is_released && claim->answer == GW_KEY_FREE && !enter(claim, true))
        return;
    tell(claim, ok);
}

struct gw_key_claim *gw_key_claim(struct gw_keys *keys, struct gw_journal_port *port,
                                  const struct gw_key_name *name, gw_key_done_fn done, void *user) {
    struct gw_key_claim *claim = new_claim(keys, port, name);
    claim->op = (struct gw_journal_op){.run = run_ask, .done = ask_done};
    claim->done = done;
    claim->user = user;
    gw_keys_load(keys, port);
    enter(claim, false);
    return claim;
}

enum gw_key_answer gw_key_answer(const struct gw_key_claim *claim) {
    return claim->answer;
}

const struct gw_key_record *gw_key_stored(const struct gw_key_claim *claim) {
    return &claim->found;
}

/* --- keeping --- */

void gw_key_decide(struct gw_key_claim *claim) {
    claim->is_decided = true;
}

bool gw_key_is_decided(const struct gw_key_claim *claim) {
    return claim->is_decided;
}

static bool run_keep(struct gw_journal_op *op, struct gw_store *store) {
    bool ok = store->functions->put_key(store, &claim_of(op)->found);
    GW_CRASH_POINT("in_write");
    return ok;
}

static void keep_done(struct gw_journal_op *op, bool ok) {
    GW_CRASH_POINT("after_write");
    tell(claim_of(op), ok);
}

void gw_key_keep(struct gw_key_claim *claim, unsigned status, struct gw_str fields,
                 struct gw_str body, gw_key_done_fn done, void *user) {
    struct gw_key_record *kept = &claim->found;
    struct gw_str *const texts[] = {&kept->fields, &kept->body};
    gw_buf_fini(&kept->memory);
    *kept = claim->record; /* whose texts live as long */
    kept->memory = (struct gw_buf){0};
    kept->owner = GW_STR("");
    if (gw_key_fits(claim->keys->max_bytes, fields, body)) {
        kept->status = status;
        kept->fields = fields;
        kept->body = body;
    }
    gw_buf_own(&kept->memory, texts, sizeof texts / sizeof *texts);
    claim->op = (struct gw_journal_op){.run = run_keep, .done = keep_done};
    claim->done = done;
    claim->user = user;
    claim->is_under_way = true;
    GW_CRASH_POINT("before_write");
    gw_journal_submit(claim->port, &claim->op);
}
