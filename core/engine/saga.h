/* Sagas: steps that are undone, newest first, unless the saga is committed - whatever becomes of
 * the script, the client, a backend or the process. What there is to undo is in the journal before
 * a step is sent, as a request that can be sent by anybody.
 *
 * struct gw_sagas is a worker's: its sagas, their calls and timers run on the worker's loop, and it
 * is used by the worker's thread only where nothing else is said. It owns every saga. A saga has an
 * owner besides, the flow that opened it, until gw_saga_leave(); what is left to undo then goes on
 * by itself, for ever if need be, and in the next process if this one ends.
 *
 * What is known goes to the journal in as few transactions as can be: the outcome of a step is
 * written with the next intent or with the end, since a step whose outcome is not known is undone
 * anyway. An undo may be sent twice: that it can bear it is the backend's contract. */
#ifndef GW_ENGINE_SAGA_H
#define GW_ENGINE_SAGA_H

#include "engine/backend.h"
#include "engine/journal.h"
#include "engine/keys.h"

#include <stdatomic.h>

struct gw_sagas;
struct gw_saga;

/* --- A worker's sagas --- */

/* What the workers share; owned by the gateway, zero at first. */
struct gw_sagas_shared {
    atomic_bool is_unread; /* what an earlier process left is not known: nothing may begin */
    _Atomic int64_t recovering_until_ms; /* monotonic; 0: what it left has been dealt with once */
};

/* Milliseconds. */
struct gw_saga_timing {
    int64_t pauses[2];             /* before the second and the third try of an undo */
    int64_t park_least, park_most; /* between later tries: doubled each time, with jitter */
    int64_t rewrite;               /* what the journal did not take is handed to it again */
};
extern const struct gw_saga_timing gw_saga_timing;

/* `timing` is not copied; nothing else is owned. */
struct gw_sagas *gw_sagas_new(struct event_base *base, struct gw_caller *caller,
                              struct gw_backends *backends, struct gw_journal *journal,
                              struct gw_sagas_shared *shared, const struct gw_saga_timing *timing);

/* Whose records those are that are undone by themselves; NULL, as at first: none are made. Not
 * owned; it lives longer than the sagas. */
void gw_sagas_trace_by(struct gw_sagas *sagas, struct gw_tracer *tracer);

/* The loop ends: calls are cancelled, what is not undone stays in the journal. */
void gw_sagas_stop(struct gw_sagas *sagas);

/* Waits for the journal. No saga has an owner any more. */
void gw_sagas_free(struct gw_sagas *sagas);

/* For one worker, before any of them opens a saga: undoes what an earlier process left neither
 * committed nor undone. Waits until that has been read, or could not be. */
void gw_sagas_recover(struct gw_sagas *sagas);

/* Whether each saga of an earlier process has had its first chance. A backend that does not answer
 * is not waited for for ever. Any thread. */
bool gw_sagas_are_recovered(const struct gw_sagas_shared *shared);

/* Whether something is undone that is worth waiting for at the shutdown. */
bool gw_sagas_are_busy(const struct gw_sagas *sagas);

/* The saga may have been resolved, or its backend has come back: if it is this worker's and is
 * parked, it is tried now. Any thread. */
void gw_sagas_look_at(struct gw_sagas *sagas, int64_t number);

/* Why no saga can begin, for people, or NULL. */
const char *gw_sagas_fault(const struct gw_sagas *sagas);
struct gw_journal_port *gw_sagas_port(struct gw_sagas *sagas);

/* --- One saga --- */

enum gw_saga_answer {
    GW_SAGA_WRITTEN,     /* it is durable */
    GW_SAGA_NOT_WRITTEN, /* and will not be, unless it is asked for again */
    GW_SAGA_TAKEN,       /* another one of this name is under way, or committed: it cannot begin */
    GW_SAGA_IN_DOUBT,    /* of a commit: it is, or it will be undone, but not now */
    GW_SAGA_ENDED,       /* of an undo: each has been tried. Of a step: its saga has been undone */
};

/* What somebody waits for; embedded in his own memory, linked until `done`. `done` is called from
 * the loop, never from within the function that was given the wait. */
struct gw_saga_wait {
    void (*done)(struct gw_saga_wait *wait, enum gw_saga_answer answer);
    struct gw_saga *saga; /* NULL: it does not wait. This and what follows is the saga's */
    uint64_t version;
    unsigned step; /* 0: of no step */
    TAILQ_ENTRY(gw_saga_wait) link;
};

/* Nothing is written yet. Kind and id are its name: none begins beside one of the same name, or
 * after one that was committed; after one that was undone it may. Texts are copied, here and below.
 */
struct gw_saga *gw_saga_open(struct gw_sagas *sagas, struct gw_str kind, struct gw_str id,
                             struct gw_str correlation_id);

/* The key of the request that began it goes with it from the first record on: before anything is
 * written. */
void gw_saga_take_key(struct gw_saga *saga, struct gw_key_bond *take_bond);

/* Where its undoing is noted: the record is held until the owner has gone and the first round is
 * over. Later rounds, and those without a record, get one each from gw_sagas_trace_by(). */
void gw_saga_record_in(struct gw_saga *saga, struct gw_trace *trace);

/* A step that is about to be sent; its number, from 1. No undo: `undo` is NULL. */
unsigned gw_saga_add(struct gw_saga *saga, const struct gw_stored_request *act,
                     const struct gw_stored_request *undo);

/* Makes it durable; only then it may be sent. False: it cannot be now, there will be no answer. */
bool gw_saga_write(struct gw_saga *saga, unsigned step, struct gw_saga_wait *wait);
void gw_saga_outcome(struct gw_saga *saga, unsigned step, enum gw_step_outcome outcome);

/* What was done stays: WRITTEN, NOT_WRITTEN (the saga is as before) or IN_DOUBT (it takes care of
 * itself). `result`: JSON, or empty. False as above. */
bool gw_saga_commit(struct gw_saga *saga, struct gw_str result, struct gw_saga_wait *wait);

/* Undoes: ENDED, once each undo has been tried and that is written. False: there is nothing to wait
 * for. `wait` may be NULL. */
bool gw_saga_undo(struct gw_saga *saga, struct gw_str reason, struct gw_saga_wait *wait);

/* The owner has gone; if the saga is still at work, it is undone. */
void gw_saga_leave(struct gw_saga *saga);

/* `done` is not called. A step that was waited for must not be sent then. */
void gw_saga_wait_cancel(struct gw_saga_wait *wait);

/* For the owner, after an undo: its steps, the oldest first. The record's texts are the saga's. */
struct gw_str gw_saga_kind(const struct gw_saga *saga);
struct gw_str gw_saga_id(const struct gw_saga *saga);
unsigned gw_saga_count(const struct gw_saga *saga);
const struct gw_step_record *gw_saga_step(const struct gw_saga *saga, unsigned index);

/* "open", "committed", "compensating", "undone", "resolved". */
const char *gw_saga_state_name(enum gw_saga_state state);

#endif
