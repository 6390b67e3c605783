/* What the files of sagas share: sagas.c is the worker's list and what an earlier process left,
 * saga.c the life of one until it is committed or given up, saga_undo.c the undoing, saga_write.c
 * what passes between memory and journal. Not for others. */
#ifndef GW_ENGINE_SAGA_INTERNAL_H
#define GW_ENGINE_SAGA_INTERNAL_H

#include "engine/saga.h"
#include "policy/metric_core.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>

enum gw_saga_phase {
    GW_SAGA_AT_WORK,     /* its owner's */
    GW_SAGA_COMMITTING,  /* `end_wait` waits for the journal */
    GW_SAGA_IN_QUESTION, /* the commit failed: only the store knows what is true now */
    GW_SAGA_QUEUED,      /* of an earlier process, and not its turn yet */
    GW_SAGA_LOADING,     /* likewise, its steps are being read */
    GW_SAGA_UNDOING,
    GW_SAGA_PARKED, /* until the timer */
    GW_SAGA_OVER,   /* but perhaps not written yet, or not left by its owner */
};

struct gw_saga_step {
    struct gw_step_record record; /* its texts are in its memory, which never changes */
    char method[16];              /* of the undo */
    char error[80];               /* of the last undo, as in record.undo_error */
    bool is_dirty;                /* not as in the journal */
    bool is_tried;                /* in this round */
};

TAILQ_HEAD(gw_saga_list, gw_saga);
TAILQ_HEAD(gw_saga_waits, gw_saga_wait);

struct gw_saga {
    struct gw_sagas *sagas;
    TAILQ_ENTRY(gw_saga) link, queue_link;
    enum gw_saga_phase phase;
    struct gw_saga_record record; /* kind, id and correlation id in its memory; never changed */
    struct gw_buf reason, result; /* each set once */
    struct gw_saga_step **steps;  /* owned */
    unsigned n_steps;
    struct gw_key_bond *bond; /* owned; NULL: none */

    bool has_owner;
    bool is_dirty;          /* the record is not as in the journal */
    bool was_sent;          /* to the journal: it may be there even if that said no */
    bool waits_to_undo;     /* until COMPENSATING is durable, since a commit was on its way */
    bool is_recovered;      /* of an earlier process */
    bool is_in_first_round; /* and somebody counts on its end: a flow, or /ready */
    uint64_t version;       /* of what is known here */
    uint64_t commit_version;
    uint64_t undo_version;
    uint64_t round_version;      /* what the round came to; 0: it is not over, or has been told */
    struct gw_saga_write *write; /* under way; it frees itself */
    struct gw_saga_read *read;   /* likewise */
    struct gw_saga_waits waits;  /* for a version */
    struct gw_saga_wait *end_wait;

    unsigned round, tries; /* tries of this round's current step */
    struct gw_saga_step *current;
    struct gw_backend_call *call;
    struct gw_buf fields;   /* of the call */
    struct gw_trace *trace; /* held; NULL: none */
    uint16_t span;          /* of it, the undo under way */
    struct event timer;     /* a pause, or parked */
};

struct gw_sagas {
    struct event_base *base;
    struct gw_caller *caller;
    struct gw_tracer *tracer; /* NULL: none */
    struct gw_backends *backends;
    struct gw_journal *journal;
    struct gw_journal_port *port; /* owned */
    struct gw_sagas_shared *shared;
    const struct gw_saga_timing *timing;
    struct gw_saga_list all;
    struct gw_saga_list queued; /* recovered, waiting for their turn */
    unsigned n_recovering;      /* of those, in their first round now */
    unsigned n_unrecovered;     /* and all whose first round is not over */
    unsigned n_first_rounds;    /* of sagas of this process */
    bool is_stopped;
    struct gw_recovery *recovery; /* while it is read what an earlier process left */
    struct event rewrite_timer;

    pthread_mutex_t mutex; /* guards what other threads hand in */
    int64_t *looks;        /* owned: numbers of sagas to look at */
    unsigned n_looks;
    int look_fd;
    struct event look_event;
};

/* --- sagas.c --- */

struct gw_saga *gw_saga_new(struct gw_sagas *sagas, const struct gw_saga_record *record);
void gw_saga_free_if_over(struct gw_saga *saga); /* and written, and left */
void gw_sagas_rewrite_later(struct gw_sagas *sagas);
void gw_sagas_first_round_ended(struct gw_saga *saga);
void gw_saga_let_go_of_trace(struct gw_saga *saga);

/* --- saga.c --- */

void gw_saga_touch(struct gw_saga *saga); /* its record has changed */
void gw_saga_touch_step(struct gw_saga *saga, struct gw_saga_step *step);
void gw_saga_answer(struct gw_saga_wait *wait, enum gw_saga_answer answer);
void gw_saga_answer_end(struct gw_saga *saga, enum gw_saga_answer answer);

/* What became of a write, and of which version. */
enum gw_saga_verdict {
    GW_SAGA_IS_WRITTEN,
    GW_SAGA_IS_UNWRITTEN,
    GW_SAGA_IS_RESOLVED, /* by an operator, meanwhile */
    GW_SAGA_IS_TAKEN,    /* the name: it never began */
};
void gw_saga_written(struct gw_saga *saga, enum gw_saga_verdict verdict, uint64_t version);
void gw_saga_ask_again(struct gw_saga *saga); /* if it is in question */
void gw_saga_over(struct gw_saga *saga);      /* nothing more is to be done, or written */

/* --- saga_undo.c --- */

void gw_saga_begin_undo(struct gw_saga *saga, struct gw_str reason);
void gw_saga_log_undone(const struct gw_saga *saga); /* that it will be; if no script says so */
void gw_saga_tell_round(struct gw_saga *saga, bool ok, uint64_t version);
void gw_saga_may_undo(struct gw_saga *saga, bool ok, uint64_t version); /* if it waits for it */
void gw_saga_undo_now(struct gw_saga *saga);                            /* if it is parked */
void gw_saga_stop_undo(struct gw_saga *saga);                           /* ends what is under way */
void gw_saga_leave_parking(struct gw_saga *saga);                       /* is counted */
void gw_saga_load(struct gw_saga *saga);                                /* its turn has come */
void gw_saga_on_timer(struct gw_saga *saga);

/* --- saga_write.c --- */

extern const struct gw_stored_request gw_no_request;
bool gw_saga_is_clean(const struct gw_saga *saga);
void gw_saga_start_write(struct gw_saga *saga); /* if there is something, and no write under way */

struct gw_saga_step *gw_saga_step_copy(const struct gw_step_record *record);
void gw_saga_step_free(struct gw_saga_step *step);
void gw_saga_record_copy(struct gw_saga_record *to, const struct gw_saga_record *from);

/* What the store says of a saga, which lives until then. */
struct gw_saga_read {
    struct gw_journal_op op;
    struct gw_saga *saga;
    struct gw_saga_record record; /* its, as it was; the texts are the saga's */
    bool with_steps;
    bool is_found;
    enum gw_saga_state state;
    struct gw_saga_step **steps; /* owned; `done` may take them */
    unsigned n_steps;
    void (*done)(struct gw_saga *saga, bool ok, struct gw_saga_read *read);
};
void gw_saga_start_read(struct gw_saga *saga, bool with_steps,
                        void (*done)(struct gw_saga *, bool ok, struct gw_saga_read *));

#endif
