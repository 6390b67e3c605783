/* What passes between a saga's memory and the journal. One write of a saga is under way at a time
 * and takes all that has changed; what changes meanwhile is the next one's. */
#include "engine/saga_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"

#include <stdlib.h>
#include <string.h>

const struct gw_stored_request gw_no_request = {
    .backend = {"", 0}, .method = {"", 0}, .path = {"", 0}, .fields = {"", 0}, .body = {"", 0}};

/* --- copies --- */

struct gw_saga_step *gw_saga_step_copy(const struct gw_step_record *record) {
    struct gw_saga_step *step = gw_calloc(1, sizeof *step);
    struct gw_step_record *to = &step->record;
    *to = *record;
    to->memory = (struct gw_buf){0};
    struct gw_str *const texts[] = {&to->act.backend,  &to->act.method,  &to->act.path,
                                    &to->undo.backend, &to->undo.method, &to->undo.path,
                                    &to->undo.fields,  &to->undo.body};
    to->act.fields = to->act.body = (struct gw_str){"", 0};
    gw_buf_own(&to->memory, texts, sizeof texts / sizeof texts[0]);
    size_t n = to->undo.method.len;
    memcpy(step->method, to->undo.method.data, n < sizeof step->method ? n : 0);
    n = record->undo_error.len;
    n = n < sizeof step->error ? n : sizeof step->error;
    if (n)
        memcpy(step->error, record->undo_error.data, n);
    to->undo_error = (struct gw_str){step->error, n};
    return step;
}

void gw_saga_step_free(struct gw_saga_step *step) {
    gw_buf_fini(&step->record.memory);
    free(step);
}

void gw_saga_record_copy(struct gw_saga_record *to, const struct gw_saga_record *from) {
    *to = *from;
    to->memory = (struct gw_buf){0};
    struct gw_str *const texts[] = {&to->kind, &to->id, &to->correlation_id, &to->reason,
                                    &to->result};
    gw_buf_own(&to->memory, texts, sizeof texts / sizeof texts[0]);
}

/* --- writing --- */

struct written_step {
    struct gw_saga_step *step; /* the loop's */
    struct gw_step_record record;
    char error[sizeof((struct gw_saga_step *)0)->error];
};

struct gw_saga_write {
    struct gw_journal_op op;
    struct gw_saga *saga;           /* the loop's */
    struct gw_saga_record record;   /* its texts are the saga's, which outlives this */
    const struct gw_key_bond *bond; /* likewise; NULL: none */
    bool may_be_there;              /* an earlier write of its beginning failed, as it seemed */
    int64_t number; /* as the store knows it; of an earlier run, if this one is not the first */
    enum gw_saga_verdict verdict;
    uint64_t version;
    unsigned n_steps;
    struct written_step steps[];
};

static bool keep_last(void *user, const struct gw_step_record *record) {
    unsigned *last = user;
    *last = record->n > *last ? record->n : *last;
    return true;
}

/* The steps of an earlier saga of this name, which is over, make room. */
static bool blank_steps(struct gw_store *store, int64_t saga) {
    unsigned last = 0;
    if (!store->functions->find_steps(store, saga, keep_last, &last))
        return false;
    for (unsigned n = 1; n <= last; n++) {
        struct gw_step_record blank = {
            .saga = saga,
            .n = n,
            .act = gw_no_request,
            .outcome = GW_STEP_HAD_NO_EFFECT,
            .undo = gw_no_request,
            .undo_error = {"", 0},
        };
        if (!store->functions->put_step(store, &blank))
            return false;
    }
    return true;
}

/* What bears the name of one that is to begin: itself, one that was undone and may be tried anew,
 * or one that stands in its way. */
static bool adopt(struct gw_saga_write *write, struct gw_store *store,
                  struct gw_saga_record *record, const struct gw_saga_record *found) {
    bool is_same = (write->may_be_there || write->number) &&
                   found->created_ms == record->created_ms &&
                   gw_str_equal(found->correlation_id, record->correlation_id);
    bool is_past = found->state == GW_SAGA_UNDONE || found->state == GW_SAGA_RESOLVED;
    if (!is_same && !is_past) {
        write->verdict = GW_SAGA_IS_TAKEN;
        return true;
    }
    record->number = found->number;
    return is_same || blank_steps(store, found->number);
}

/* Finds out which record is written, and whether it may be. */
static bool look(struct gw_saga_write *write, struct gw_store *store,
                 struct gw_saga_record *record) {
    struct gw_saga_record found = {0};
    bool is_found, ok = true;
    bool is_undone = record->state == GW_SAGA_COMPENSATING || record->state == GW_SAGA_UNDONE;
    if (record->number && !is_undone)
        return true;
    if (!store->functions->find_saga(store, record->kind, record->id, &is_found, &found))
        return false;
    if (is_found && !record->number)
        ok = adopt(write, store, record, &found);
    else if (is_found && found.number == record->number && found.state == GW_SAGA_RESOLVED)
        write->verdict = GW_SAGA_IS_RESOLVED;
    gw_buf_fini(&found.memory);
    return ok;
}

static bool put_steps(struct gw_saga_write *write, struct gw_store *store) {
    for (unsigned i = 0; i < write->n_steps; i++) {
        write->steps[i].record.saga = write->number;
        if (!store->functions->put_step(store, &write->steps[i].record))
            return false;
    }
    return true;
}

/* The steps first, where that can be: of a saga that is over the store forgets what they hold. */
static bool put(struct gw_saga_write *write, struct gw_store *store,
                struct gw_saga_record *record) {
    bool is_new = record->number == 0;
    write->number = record->number;
    if (is_new && !store->functions->put_saga(store, record))
        return false;
    write->number = record->number;
    if (!put_steps(write, store))
        return false;
    if (write->verdict == GW_SAGA_IS_RESOLVED)
        return true;
    return (is_new || store->functions->put_saga(store, record)) &&
           (!write->bond ||
            gw_key_bond_write(write->bond, store, record, write->record.number == 0));
}

static bool run_write(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_saga_write *write = (struct gw_saga_write *)op;
    struct gw_saga_record record = write->record; /* it may be run twice */
    write->verdict = GW_SAGA_IS_WRITTEN;
    if (!look(write, store, &record))
        return false;
    bool ok = write->verdict == GW_SAGA_IS_TAKEN || put(write, store, &record);
    GW_CRASH_POINT("in_write");
    return ok;
}

static void write_done(struct gw_journal_op *op, bool ok) {
    struct gw_saga_write *write = (struct gw_saga_write *)op;
    struct gw_saga *saga = write->saga;
    GW_CRASH_POINT("after_write");
    saga->write = NULL;
    if (ok)
        saga->record.number = write->number;
    saga->is_dirty = saga->is_dirty || !ok;
    for (unsigned i = 0; i < write->n_steps; i++)
        write->steps[i].step->is_dirty = write->steps[i].step->is_dirty || !ok;
    gw_saga_written(saga, ok ? write->verdict : GW_SAGA_IS_UNWRITTEN, write->version);
    free(write);
}

bool gw_saga_is_clean(const struct gw_saga *saga) {
    for (unsigned i = 0; i < saga->n_steps; i++)
        if (saga->steps[i]->is_dirty)
            return false;
    return !saga->is_dirty;
}

static void take_step(struct gw_saga_write *write, struct gw_saga_step *step) {
    struct written_step *taken = &write->steps[write->n_steps++];
    taken->step = step;
    taken->record = step->record;
    memcpy(taken->error, step->error, sizeof taken->error);
    taken->record.undo_error.data = taken->error;
    step->is_dirty = false;
}

static struct gw_saga_write *write_new(struct gw_saga *saga) {
    size_t size = sizeof(struct gw_saga_write) + saga->n_steps * sizeof(struct written_step);
    struct gw_saga_write *write = gw_calloc(1, size);
    saga->record.changed_ms = gw_clock_wall_ms();
    write->op = (struct gw_journal_op){.run = run_write, .done = write_done};
    write->saga = saga;
    write->record = saga->record;
    write->bond = saga->bond;
    write->may_be_there = saga->was_sent;
    write->version = saga->version;
    for (unsigned i = 0; i < saga->n_steps; i++)
        if (saga->steps[i]->is_dirty)
            take_step(write, saga->steps[i]);
    return write;
}

void gw_saga_start_write(struct gw_saga *saga) {
    if (saga->write || gw_saga_is_clean(saga))
        return;
    saga->write = write_new(saga);
    saga->is_dirty = false;
    saga->was_sent = true;
    GW_CRASH_POINT("before_write");
    gw_journal_submit(saga->sagas->port, &saga->write->op);
}

/* --- reading --- */

static bool keep_step(void *user, const struct gw_step_record *record) {
    struct gw_saga_read *read = user;
    unsigned n = read->n_steps + 1;
    if (!record->act.method.len)
        return true; /* a blank, see above */
    read->steps = gw_realloc(read->steps, n * sizeof(struct gw_saga_step *));
    read->steps[read->n_steps++] = gw_saga_step_copy(record);
    return true;
}

static void forget_steps(struct gw_saga_read *read) {
    for (unsigned i = 0; i < read->n_steps; i++)
        gw_saga_step_free(read->steps[i]);
    free(read->steps);
    read->steps = NULL;
    read->n_steps = 0;
}

/* Another saga of the same name may have come later: then nothing is said of this one. */
static bool is_same(const struct gw_saga_record *found, const struct gw_saga_record *saga) {
    return saga->number ? found->number == saga->number : found->created_ms == saga->created_ms;
}

static bool run_read(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_saga_read *read = (struct gw_saga_read *)op;
    const struct gw_saga_record *saga = &read->record;
    struct gw_saga_record found = {0};
    forget_steps(read);
    if (!store->functions->find_saga(store, saga->kind, saga->id, &read->is_found, &found))
        return false;
    read->is_found = read->is_found && is_same(&found, saga);
    read->state = found.state;
    gw_buf_fini(&found.memory);
    return !read->with_steps || store->functions->find_steps(store, saga->number, keep_step, read);
}

static void read_done(struct gw_journal_op *op, bool ok) {
    struct gw_saga_read *read = (struct gw_saga_read *)op;
    struct gw_saga *saga = read->saga;
    saga->read = NULL;
    if (!saga->sagas->is_stopped)
        read->done(saga, ok, read);
    forget_steps(read);
    free(read);
}

void gw_saga_start_read(struct gw_saga *saga, bool with_steps,
                        void (*done)(struct gw_saga *, bool ok, struct gw_saga_read *)) {
    if (saga->read)
        return;
    struct gw_saga_read *read = gw_calloc(1, sizeof *read);
    read->op = (struct gw_journal_op){.run = run_read, .done = read_done};
    read->saga = saga;
    read->record = saga->record;
    read->with_steps = with_steps;
    read->done = done;
    saga->read = read;
    gw_journal_submit(saga->sagas->port, &read->op);
}
