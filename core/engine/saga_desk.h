/* What the journal knows of sagas, for those who ask: scripts for one of theirs, operators for all.
 * Each question is an operation of the journal's; the answer comes on the loop of the port it was
 * asked by, whichever worker the saga belongs to.
 *
 * Operators may also resolve a saga that cannot be undone, and have one tried now. Both are said
 * here; then gw_sagas_look_at() tells it to the workers, with the number that the answer has. */
#ifndef GW_ENGINE_SAGA_DESK_H
#define GW_ENGINE_SAGA_DESK_H

#include "engine/journal.h"

enum gw_desk_answer {
    GW_DESK_OK,
    GW_DESK_NOT_FOUND,
    GW_DESK_NOT_OPEN, /* it is at work, or over: there is nothing to resolve or to try */
    GW_DESK_FAULT,    /* the journal could not be read or written */
};

struct gw_desk_query;

/* A saga and its steps; the desk's, until `done` returns. `steps` is the oldest first. */
struct gw_saga_view {
    struct gw_saga_record saga;
    struct gw_step_record *steps;
    unsigned n_steps;
};

/* `view` is NULL unless the answer is OK. Called once from the loop, unless it is cancelled. */
typedef void (*gw_desk_view_fn)(void *user, enum gw_desk_answer answer,
                                const struct gw_saga_view *view);

/* Without a kind: the newest of any kind, here and below. */
struct gw_desk_query *gw_desk_find(struct gw_journal_port *port, struct gw_str kind,
                                   struct gw_str id, gw_desk_view_fn done, void *user);

/* As find, if it is being undone: it may be tried now. */
struct gw_desk_query *gw_desk_retry(struct gw_journal_port *port, struct gw_str kind,
                                    struct gw_str id, gw_desk_view_fn done, void *user);

/* It needs no more undoing, says an operator, and why. The view is of before. */
struct gw_desk_query *gw_desk_resolve(struct gw_journal_port *port, struct gw_str kind,
                                      struct gw_str id, struct gw_str reason, gw_desk_view_fn done,
                                      void *user);

/* At most `max` sagas without their steps, the newest first; the desk's, until `done` returns. */
typedef void (*gw_desk_list_fn)(void *user, enum gw_desk_answer answer,
                                const struct gw_saga_record *sagas, unsigned n);
struct gw_desk_query *gw_desk_list(struct gw_journal_port *port, bool unfinished_only, int64_t max,
                                   gw_desk_list_fn done, void *user);

void gw_desk_cancel(struct gw_desk_query *query); /* `done` is not called */

/* As one JSON object each: a saga without its steps, one with them, a step. */
void gw_saga_json(const struct gw_saga_record *saga, struct gw_buf *out);
void gw_saga_view_json(const struct gw_saga_view *view, struct gw_buf *out);
void gw_step_json(const struct gw_step_record *step, struct gw_buf *out);

const char *gw_step_outcome_name(enum gw_step_outcome outcome); /* "unknown", "done", "no effect" */
const char *gw_undo_state_name(enum gw_undo_state state);       /* "none", "pending", ... */

#endif
