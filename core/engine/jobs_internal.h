/* What the files of jobs share: jobs.c is the list and who runs what, job_runner.c a worker's side,
 * job_recovery.c what an earlier process left, job_desk.c the questions. Not for others. */
#ifndef GW_ENGINE_JOBS_INTERNAL_H
#define GW_ENGINE_JOBS_INTERNAL_H

#include "engine/jobs.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

enum gw_job_phase {
    GW_JOB_WAITING, /* in the queue */
    GW_JOB_PAUSED,  /* its runner's timer queues it again */
    GW_JOB_GIVEN,   /* to its runner, which has not begun */
    GW_JOB_AT_WORK, /* is being written as running, runs, or is being written as over */
};

struct gw_job {
    struct gw_jobs *jobs;
    TAILQ_ENTRY(gw_job) link;       /* in all */
    TAILQ_ENTRY(gw_job) queue_link; /* in the queue, or in its runner's inbox */

    /* Guarded by the mutex; changed by its runner's thread only, once it has one. */
    enum gw_job_phase phase;
    struct gw_job_runner *runner;
    bool is_cancelled;           /* in the journal it is; the runner has not looked yet */
    bool is_beginning;           /* its next attempt is in the record, and not in the journal yet */
    struct gw_job_record record; /* but the result; id, kind, args, correlation id never change */
    atomic_int progress;

    /* Its runner's. The journal's thread reads record and result while a write is under way. */
    struct gw_journal_op op;
    bool is_over_elsewhere; /* says the journal */
    void *running;          /* from start() to the end */
    struct gw_buf result;
    struct event timer; /* paused, or to be written again */
};

TAILQ_HEAD(gw_job_queue, gw_job);
TAILQ_HEAD(gw_job_runners, gw_job_runner);

struct gw_jobs {
    pthread_mutex_t mutex;
    struct gw_job_limits limits;
    /* A list serves: it is some hundreds long, and walked once per request. */
    struct gw_job_queue all, queue;
    unsigned n;         /* of them, and those being written for the first time */
    unsigned n_running; /* given or at work */
    struct gw_job_runners runners;
};

struct gw_job_runner {
    struct gw_jobs *jobs;
    struct event_base *base;
    struct gw_journal *journal;
    struct gw_journal_port *port; /* owned */
    struct gw_job_work work;
    struct gw_job_recovery *recovery; /* owned, until it has been read what was left */
    bool is_freed;

    /* Guarded by the mutex. */
    TAILQ_ENTRY(gw_job_runner) link;
    struct gw_job_queue inbox;
    unsigned n_running;
    bool is_draining;

    int wake_fd;
    struct event wake_event;
};

/* --- jobs.c, with the mutex held --- */

struct gw_job *gw_jobs_find(struct gw_jobs *jobs, struct gw_str id);

/* A new one, not queued yet. Takes the record's memory. */
struct gw_job *gw_jobs_add(struct gw_jobs *jobs, struct gw_job_record *take_record);
void gw_jobs_queue(struct gw_job *job); /* and gives out what can be run */
void gw_jobs_give_out(struct gw_jobs *jobs);
void gw_jobs_let_go(struct gw_job *job); /* its runner has its hands free again */
void gw_jobs_forget(struct gw_job *job); /* it is over */
void gw_jobs_wake(struct gw_job_runner *runner);

void gw_job_record_copy(struct gw_job_record *to, const struct gw_job_record *from);

/* One is over: "done", "failed", "cancelled". */
void gw_jobs_count_end(struct gw_str kind, const char *outcome);

/* --- job_runner.c --- */

/* It has had all its attempts, and nobody knows more than that. */
void gw_job_give_up(struct gw_job_runner *runner, struct gw_job *job);

/* --- job_recovery.c --- */

void gw_job_recovery_free(struct gw_job_runner *runner);

#endif
