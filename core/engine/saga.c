/* The life of a saga until it is committed or given up. */
#include "engine/saga_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

static const struct gw_str unwritten = GW_STR("the journal could not be written");
static const struct gw_str abandoned = GW_STR("it was left without a commit");

const char *gw_saga_state_name(enum gw_saga_state state) {
    static const char *const names[] = {
        [GW_SAGA_OPEN] = "open",
        [GW_SAGA_COMMITTED] = "committed",
        [GW_SAGA_COMPENSATING] = "compensating",
        [GW_SAGA_UNDONE] = "undone",
        [GW_SAGA_RESOLVED] = "resolved",
    };
    return names[state];
}

/* --- what has changed, and who waits for it --- */

void gw_saga_touch(struct gw_saga *saga) {
    saga->is_dirty = true;
    saga->version++;
}

void gw_saga_touch_step(struct gw_saga *saga, struct gw_saga_step *step) {
    step->is_dirty = true;
    saga->version++;
}

void gw_saga_answer(struct gw_saga_wait *wait, enum gw_saga_answer answer) {
    if (wait->step)
        TAILQ_REMOVE(&wait->saga->waits, wait, link);
    wait->saga = NULL;
    wait->done(wait, answer);
}

void gw_saga_answer_end(struct gw_saga *saga, enum gw_saga_answer answer) {
    struct gw_saga_wait *wait = saga->end_wait;
    saga->end_wait = NULL;
    if (wait)
        gw_saga_answer(wait, answer);
}

static void never_sent(struct gw_saga *saga, unsigned step) {
    gw_saga_outcome(saga, step, GW_STEP_HAD_NO_EFFECT);
}

void gw_saga_wait_cancel(struct gw_saga_wait *wait) {
    struct gw_saga *saga = wait->saga;
    if (!saga)
        return;
    wait->saga = NULL;
    if (wait->step) {
        TAILQ_REMOVE(&saga->waits, wait, link);
        never_sent(saga, wait->step);
    } else {
        saga->end_wait = NULL;
    }
}

static void answer_waits(struct gw_saga *saga, uint64_t version, enum gw_saga_answer answer) {
    struct gw_saga_wait *wait = TAILQ_FIRST(&saga->waits), *next;
    for (; wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        if (wait->version > version)
            continue;
        if (answer != GW_SAGA_WRITTEN)
            never_sent(saga, wait->step);
        gw_saga_answer(wait, answer);
    }
}

/* --- steps --- */

struct gw_saga *gw_saga_open(struct gw_sagas *sagas, struct gw_str kind, struct gw_str id,
                             struct gw_str correlation_id) {
    struct gw_saga_record record = {
        .kind = kind,
        .id = id,
        .state = GW_SAGA_OPEN,
        .correlation_id = correlation_id,
        .created_ms = gw_clock_wall_ms(),
    };
    struct gw_saga *saga = gw_saga_new(sagas, &record);
    saga->has_owner = true;
    return saga;
}

void gw_saga_take_key(struct gw_saga *saga, struct gw_key_bond *take_bond) {
    saga->bond = take_bond;
}

void gw_saga_record_in(struct gw_saga *saga, struct gw_trace *trace) {
    saga->trace = trace;
    gw_trace_hold(trace);
}

unsigned gw_saga_add(struct gw_saga *saga, const struct gw_stored_request *act,
                     const struct gw_stored_request *undo) {
    struct gw_step_record record = {
        .n = saga->n_steps + 1,
        .act = *act,
        .outcome = GW_STEP_INTENDED,
        .undo = undo ? *undo : gw_no_request,
    };
    size_t size = (saga->n_steps + 1) * sizeof(struct gw_saga_step *);
    saga->steps = gw_realloc(saga->steps, size);
    saga->steps[saga->n_steps] = gw_saga_step_copy(&record);
    gw_saga_touch_step(saga, saga->steps[saga->n_steps++]);
    if (!saga->was_sent)
        gw_saga_touch(saga);
    return saga->n_steps;
}

/* Nothing begins before it is known what an earlier process has left, or the two could be mixed up.
 */
static bool may_begin(const struct gw_saga *saga) {
    return saga->record.number || !atomic_load(&saga->sagas->shared->is_unread);
}

bool gw_saga_write(struct gw_saga *saga, unsigned step, struct gw_saga_wait *wait) {
    if (saga->phase != GW_SAGA_AT_WORK || !may_begin(saga)) {
        never_sent(saga, step);
        return false;
    }
    wait->saga = saga;
    wait->step = step;
    wait->version = saga->version;
    TAILQ_INSERT_TAIL(&saga->waits, wait, link);
    gw_saga_start_write(saga);
    return true;
}

/* Once it is being undone it is too late to learn of an outcome. */
void gw_saga_outcome(struct gw_saga *saga, unsigned n, enum gw_step_outcome outcome) {
    struct gw_saga_step *step = saga->steps[n - 1];
    if (saga->phase != GW_SAGA_AT_WORK || step->record.outcome == outcome)
        return;
    step->record.outcome = outcome;
    gw_saga_touch_step(saga, step);
}

struct gw_str gw_saga_kind(const struct gw_saga *saga) {
    return saga->record.kind;
}

struct gw_str gw_saga_id(const struct gw_saga *saga) {
    return saga->record.id;
}

unsigned gw_saga_count(const struct gw_saga *saga) {
    return saga->n_steps;
}

const struct gw_step_record *gw_saga_step(const struct gw_saga *saga, unsigned index) {
    return &saga->steps[index]->record;
}

/* --- the end --- */

bool gw_saga_commit(struct gw_saga *saga, struct gw_str result, struct gw_saga_wait *wait) {
    if (saga->phase != GW_SAGA_AT_WORK || !may_begin(saga) || !TAILQ_EMPTY(&saga->waits))
        return false;
    gw_buf_clear(&saga->result);
    gw_buf_append_str(&saga->result, result);
    saga->record.result = gw_buf_str(&saga->result);
    saga->record.state = GW_SAGA_COMMITTED;
    saga->phase = GW_SAGA_COMMITTING;
    gw_saga_touch(saga);
    saga->commit_version = saga->version;
    wait->saga = saga;
    wait->step = 0;
    saga->end_wait = wait;
    gw_saga_start_write(saga);
    return true;
}

static void committed(struct gw_saga *saga) {
    saga->record.state = GW_SAGA_COMMITTED;
    gw_metric_add(gw_count.sagas_committed, 1);
    gw_saga_over(saga);
    gw_saga_answer_end(saga, GW_SAGA_WRITTEN);
}

/* The commit is certainly not in the store. COMPENSATING is to be there before anything is undone,
 * lest the commit turns up after all. */
static void not_committed(struct gw_saga *saga) {
    saga->record.state = GW_SAGA_OPEN;
    saga->record.result = (struct gw_str){"", 0};
    saga->waits_to_undo = true;
    gw_saga_touch(saga);
    if (saga->has_owner && saga->end_wait) { /* who will say why it is undone */
        saga->phase = GW_SAGA_AT_WORK;
        gw_saga_answer_end(saga, GW_SAGA_NOT_WRITTEN);
    } else {
        gw_saga_begin_undo(saga, unwritten);
        gw_saga_log_undone(saga);
    }
}

static void answered(struct gw_saga *saga, bool ok, struct gw_saga_read *read) {
    if (!ok) {
        gw_saga_answer_end(saga, GW_SAGA_IN_DOUBT);
        gw_sagas_rewrite_later(saga->sagas);
    } else if (read->is_found && read->state == GW_SAGA_COMMITTED) {
        committed(saga);
    } else {
        not_committed(saga);
    }
    gw_saga_free_if_over(saga);
}

static void question(struct gw_saga *saga) {
    saga->phase = GW_SAGA_IN_QUESTION;
    gw_saga_start_read(saga, false, answered);
}

void gw_saga_ask_again(struct gw_saga *saga) {
    if (saga->phase == GW_SAGA_IN_QUESTION)
        question(saga);
}

static void commit_written(struct gw_saga *saga, bool ok, uint64_t version) {
    if (version < saga->commit_version)
        gw_saga_start_write(saga); /* that was the one before it */
    else if (ok)
        committed(saga);
    else
        question(saga);
}

void gw_saga_over(struct gw_saga *saga) {
    gw_saga_stop_undo(saga);
    gw_saga_leave_parking(saga);
    saga->phase = GW_SAGA_OVER;
    saga->is_dirty = false;
    for (unsigned i = 0; i < saga->n_steps; i++)
        saga->steps[i]->is_dirty = false;
}

/* --- after a write --- */

static void write_on(struct gw_saga *saga, bool ok) {
    if (saga->phase == GW_SAGA_AT_WORK) {
        if (!TAILQ_EMPTY(&saga->waits))
            gw_saga_start_write(saga);
    } else if (ok) {
        gw_saga_start_write(saga); /* what has changed meanwhile */
    } else if (saga->phase == GW_SAGA_OVER && !saga->record.number) {
        gw_saga_over(saga); /* nothing was done, and nobody needs to know of it */
    } else {
        gw_sagas_rewrite_later(saga->sagas);
    }
}

/* It is not what the store has under this name, or not any more. */
static void put_aside(struct gw_saga *saga, enum gw_saga_answer answer) {
    answer_waits(saga, UINT64_MAX, answer);
    gw_saga_over(saga);
    gw_saga_answer_end(saga, answer);
}

void gw_saga_written(struct gw_saga *saga, enum gw_saga_verdict verdict, uint64_t version) {
    bool ok = verdict == GW_SAGA_IS_WRITTEN;
    if (saga->sagas->is_stopped)
        return;
    if (verdict == GW_SAGA_IS_RESOLVED)
        gw_metric_add(gw_count.sagas_resolved, 1);
    if (verdict == GW_SAGA_IS_TAKEN || verdict == GW_SAGA_IS_RESOLVED) {
        put_aside(saga, verdict == GW_SAGA_IS_TAKEN ? GW_SAGA_TAKEN : GW_SAGA_ENDED);
    } else if (saga->phase == GW_SAGA_COMMITTING) {
        commit_written(saga, ok, version);
    } else {
        answer_waits(saga, version, ok ? GW_SAGA_WRITTEN : GW_SAGA_NOT_WRITTEN);
        gw_saga_may_undo(saga, ok, version);
        gw_saga_tell_round(saga, ok, version);
        write_on(saga, ok);
    }
    gw_saga_free_if_over(saga);
}

void gw_saga_leave(struct gw_saga *saga) {
    struct gw_saga_wait *wait, *next;
    saga->has_owner = false;
    for (wait = TAILQ_FIRST(&saga->waits); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        gw_saga_wait_cancel(wait);
    }
    if (saga->end_wait)
        gw_saga_wait_cancel(saga->end_wait);
    if (saga->phase == GW_SAGA_AT_WORK && !saga->sagas->is_stopped) {
        gw_saga_undo(saga, abandoned, NULL);
        gw_saga_log_undone(saga);
    }
    if (!saga->is_in_first_round)
        gw_saga_let_go_of_trace(saga);
    gw_saga_free_if_over(saga);
}
