/* What an earlier process left: it is read once, before any worker starts. */
#include "engine/jobs_internal.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>

struct gw_job_recovery {
    struct gw_journal_op op;
    struct gw_job_runner *runner;
    struct gw_job_record *records; /* owned, as what they point to; the newest first */
    unsigned n;
    struct event timer;
};

static void start_timer(struct event *timer, int64_t ms) {
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    event_add(timer, &after);
}

static void forget_records(struct gw_job_recovery *recovery) {
    for (unsigned i = 0; i < recovery->n; i++)
        gw_buf_fini(&recovery->records[i].memory);
    free(recovery->records);
    recovery->records = NULL;
    recovery->n = 0;
}

void gw_job_recovery_free(struct gw_job_runner *runner) {
    if (!runner->recovery)
        return;
    event_del(&runner->recovery->timer);
    forget_records(runner->recovery);
    free(runner->recovery);
    runner->recovery = NULL;
}

static bool keep_record(void *user, const struct gw_job_record *record) {
    struct gw_job_recovery *recovery = user;
    unsigned n = recovery->n + 1;
    recovery->records = gw_realloc(recovery->records, n * sizeof *recovery->records);
    gw_job_record_copy(&recovery->records[recovery->n++], record);
    return true;
}

static bool run_recovery(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_job_recovery *recovery = (struct gw_job_recovery *)op;
    forget_records(recovery);
    return store->functions->find_jobs(store, true, 0, keep_record, recovery);
}

/* NULL if there is nothing to do: it was begun by this process, before it was known what the one
 * before had left. */
static struct gw_job *take_over(struct gw_jobs *jobs, struct gw_job_record *record) {
    bool was_last =
        record->state == GW_STORED_JOB_RUNNING && record->attempts >= jobs->limits.attempts;
    struct gw_job *job = NULL;
    pthread_mutex_lock(&jobs->mutex);
    if (!gw_jobs_find(jobs, record->id)) {
        record->state = GW_STORED_JOB_QUEUED;
        job = gw_jobs_add(jobs, record);
    }
    if (job && !was_last)
        gw_jobs_queue(job);
    pthread_mutex_unlock(&jobs->mutex);
    return job && was_last ? job : NULL;
}

static void recovery_done(struct gw_journal_op *op, bool ok) {
    struct gw_job_recovery *recovery = (struct gw_job_recovery *)op;
    struct gw_job_runner *runner = recovery->runner;
    struct gw_job *job;
    if (!ok && !runner->is_freed)
        start_timer(&recovery->timer, runner->jobs->limits.rewrite_ms);
    if (!ok || runner->is_freed)
        return;
    if (recovery->n)
        gw_log(GW_LOG_INFO, "%u jobs were left unfinished: they are queued again", recovery->n);
    for (unsigned i = recovery->n; i > 0; i--) /* the oldest first */
        if ((job = take_over(runner->jobs, &recovery->records[i - 1])))
            gw_job_give_up(runner, job);
    gw_job_recovery_free(runner);
}

static void read_what_was_left(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_job_recovery *recovery = user;
    gw_journal_submit(recovery->runner->port, &recovery->op);
}

/* On a loop of its own: nothing else of the worker's may happen before it has started. */
static void read_now(struct gw_job_recovery *recovery) {
    struct event_base *base = event_base_new();
    struct gw_journal_port *port = gw_journal_port_new(recovery->runner->journal, base);
    gw_journal_submit(port, &recovery->op);
    gw_journal_port_free(port);
    event_base_free(base);
}

void gw_job_runner_recover(struct gw_job_runner *runner) {
    struct gw_job_recovery *recovery = gw_calloc(1, sizeof *recovery);
    recovery->op = (struct gw_journal_op){.run = run_recovery, .done = recovery_done};
    recovery->runner = runner;
    runner->recovery = recovery;
    evtimer_assign(&recovery->timer, runner->base, read_what_was_left, recovery);
    read_now(recovery);
}
