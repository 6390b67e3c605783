/* Background jobs: work that outlives the request which asked for it, and the process. A job is in
 * the journal before anybody hears of it; it is run by whichever worker has the fewest, tried again
 * where a backend failed or the process died, and its result is kept for a while.
 *
 * struct gw_jobs is the gateway's: the jobs that are not over, for all workers, under one mutex, so
 * that to ask how far one is costs no disk. What is over is in the journal only.
 *
 * struct gw_job_runner is a worker's, and used by its thread only: it is given jobs to run, hands
 * them to `start`, and writes what came of them. The work itself is a flow (lua/flow.h).
 *
 * The journal decides: whoever writes looks first whether the job is over already, and then leaves
 * it so. So a job that is cancelled stays cancelled, whatever its flow comes to. */
#ifndef GW_ENGINE_JOBS_H
#define GW_ENGINE_JOBS_H

#include "base/id.h"
#include "engine/journal.h"

struct gw_jobs;
struct gw_job;
struct gw_job_runner;

struct gw_job_limits {
    unsigned max_unfinished; /* waiting and running; one more is refused */
    unsigned at_once;        /* running, over all workers */
    unsigned attempts;
    size_t max_result;  /* bytes; a larger one makes the job a failed one */
    int64_t pause_ms;   /* after the first attempt, and twice as long after each further one */
    int64_t rewrite_ms; /* what the journal did not take is handed to it again */
};

struct gw_jobs *gw_jobs_new(const struct gw_job_limits *limits);
void gw_jobs_free(struct gw_jobs *jobs); /* after its runners */

/* How many run, and how many wait, also for another attempt. Any thread. */
void gw_jobs_counts(struct gw_jobs *jobs, unsigned *running, unsigned *waiting);

/* --- A worker's side --- */

struct gw_job_work {
    /* Begins it, from the loop. It returns what `cancel` is given to end it early; gw_job_end()
     * follows in any case, though not from within. */
    void *(*start)(void *user, struct gw_job *job);
    void (*cancel)(void *running);
    void *user;
};

struct gw_job_runner *gw_job_runner_new(struct gw_jobs *jobs, struct event_base *base,
                                        struct gw_journal *journal, const struct gw_job_work *work);

/* For one worker, before any of them starts: what an earlier process left is queued again, unless
 * it was the last attempt. Waits until that has been read, or could not be; then it is tried again
 * while the worker runs. */
void gw_job_runner_recover(struct gw_job_runner *runner);

/* It takes no more jobs; those that run go on. What waits stays in the journal. */
void gw_job_runner_drain(struct gw_job_runner *runner);

/* The loop has ended, and nothing runs any more. Waits for the journal. */
void gw_job_runner_free(struct gw_job_runner *runner);

/* --- A job that runs: its flow's, until gw_job_end() --- */

struct gw_str gw_job_id(const struct gw_job *job); /* these live as long */
struct gw_str gw_job_kind(const struct gw_job *job);
struct gw_str gw_job_args(const struct gw_job *job); /* JSON */
struct gw_str gw_job_correlation_id(const struct gw_job *job);
void gw_job_progress(struct gw_job *job, int percent);

enum gw_job_outcome {
    GW_JOB_DONE,
    GW_JOB_FAILED,
    GW_JOB_FAILED_FOR_NOW, /* another attempt may succeed */
    GW_JOB_INTERRUPTED,    /* by no fault of its own: that was no attempt */
};

/* `take_text`: the result, JSON; or why it failed, for people. */
void gw_job_end(struct gw_job *job, enum gw_job_outcome outcome, struct gw_buf *take_text);

/* --- Questions and wishes, at any worker --- */

enum gw_job_answer {
    GW_JOB_OK,
    GW_JOB_NOT_FOUND,
    GW_JOB_OVER,  /* there is nothing to cancel */
    GW_JOB_FAULT, /* the journal could not be read or written */
};

/* `done` may take it: then it leaves an empty one in its place. */
struct gw_job_reply {
    enum gw_job_answer answer;
    const char *fault;          /* what is wrong with the journal, or NULL; not owned */
    struct gw_job_record *jobs; /* without arguments; the result only if it says why one failed */
    unsigned n_jobs;
    struct gw_buf result;
};
void gw_job_reply_fini(struct gw_job_reply *reply);

struct gw_job_query;
typedef void (*gw_job_reply_fn)(void *user, struct gw_job_reply *reply);

/* Each is answered once, from the loop and never from within, unless it is cancelled. What is to be
 * written is written all the same. */
void gw_job_query_cancel(struct gw_job_query *query);

/* Durable when it is answered: the reply has the new job. NULL: there are too many. */
struct gw_job_query *gw_job_enqueue(struct gw_job_runner *runner, struct gw_str kind,
                                    struct gw_str args, struct gw_str correlation_id,
                                    gw_job_reply_fn done, void *user);

/* `with_result`: the result of one that is done is read, too. */
struct gw_job_query *gw_job_find(struct gw_job_runner *runner, struct gw_str id, bool with_result,
                                 gw_job_reply_fn done, void *user);

/* One that is not over is cancelled; one that is over is forgotten. The reply has it as it was. */
struct gw_job_query *gw_job_remove(struct gw_job_runner *runner, struct gw_str id,
                                   gw_job_reply_fn done, void *user);

/* One that is not over is cancelled; one that is over stays as it is. The reply has it as it is
 * then; to cancel it once more is fine. */
struct gw_job_query *gw_job_cancel(struct gw_job_runner *runner, struct gw_str id,
                                   gw_job_reply_fn done, void *user);

#define GW_JOB_ANY_STATE (-1)

struct gw_job_filter {
    struct gw_str kind; /* empty: any */
    int state;          /* an enum gw_stored_job_state, or GW_JOB_ANY_STATE */
    unsigned max;
};

/* The newest first. */
struct gw_job_query *gw_job_list(struct gw_job_runner *runner, const struct gw_job_filter *filter,
                                 gw_job_reply_fn done, void *user);

/* Without asking the journal: a copy, if it is not over, for the caller to end with
 * gw_buf_fini(&copy->memory). */
bool gw_job_peek(struct gw_job_runner *runner, struct gw_str id, struct gw_job_record *copy);

const char *gw_job_state_name(enum gw_stored_job_state state);

/* How many are not over. Any thread. */
struct gw_job_counts {
    unsigned running, waiting;
};
struct gw_job_counts gw_jobs_count(struct gw_jobs *jobs);

#endif
