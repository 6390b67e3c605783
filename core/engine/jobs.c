#include "engine/jobs_internal.h"

#include "base/alloc.h"
#include "policy/metric_core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* --- life --- */

struct gw_jobs *gw_jobs_new(const struct gw_job_limits *limits) {
    struct gw_jobs *jobs = gw_calloc(1, sizeof *jobs);
    pthread_mutex_init(&jobs->mutex, NULL);
    jobs->limits = *limits;
    TAILQ_INIT(&jobs->all);
    TAILQ_INIT(&jobs->queue);
    TAILQ_INIT(&jobs->runners);
    return jobs;
}

void gw_jobs_forget(struct gw_job *job) {
    TAILQ_REMOVE(&job->jobs->all, job, link);
    job->jobs->n--;
    gw_buf_fini(&job->record.memory);
    gw_buf_fini(&job->result);
    free(job);
}

void gw_jobs_free(struct gw_jobs *jobs) {
    if (!jobs)
        return;
    while (!TAILQ_EMPTY(&jobs->all))
        gw_jobs_forget(TAILQ_FIRST(&jobs->all));
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}

/* --- records --- */

void gw_job_record_copy(struct gw_job_record *to, const struct gw_job_record *from) {
    *to = *from;
    to->memory = (struct gw_buf){0};
    struct gw_str *const texts[] = {&to->id, &to->kind, &to->args, &to->correlation_id,
                                    &to->result};
    gw_buf_own(&to->memory, texts, sizeof texts / sizeof *texts);
}

const char *gw_job_state_name(enum gw_stored_job_state state) {
    static const char *const names[] = {"queued", "running", "done", "failed", "cancelled"};
    return names[state];
}

/* --- the list --- */

struct gw_job *gw_jobs_find(struct gw_jobs *jobs, struct gw_str id) {
    struct gw_job *job;
    TAILQ_FOREACH(job, &jobs->all, link)
    if (gw_str_equal(job->record.id, id))
        return job;
    return NULL;
}

struct gw_job *gw_jobs_add(struct gw_jobs *jobs, struct gw_job_record *take_record) {
    struct gw_job *job = gw_calloc(1, sizeof *job);
    job->jobs = jobs;
    job->record = *take_record;
    take_record->memory = (struct gw_buf){0};
    TAILQ_INSERT_TAIL(&jobs->all, job, link);
    jobs->n++;
    return job;
}

/* What is not durable has not happened: one whose attempt is being written still waits for it, one
 * whose end is being written still runs. */
static struct gw_job_record known_of(const struct gw_job *job) {
    struct gw_job_record record = job->record;
    record.args = GW_STR("");
    record.progress = atomic_load(&job->progress);
    if (job->is_beginning) {
        record.state = GW_STORED_JOB_QUEUED;
        record.attempts--;
    }
    if (record.state > GW_STORED_JOB_RUNNING) {
        record.state = GW_STORED_JOB_RUNNING;
        record.result = GW_STR("");
        record.finished_ms = 0;
    }
    return record;
}

bool gw_job_peek(struct gw_job_runner *runner, struct gw_str id, struct gw_job_record *copy) {
    struct gw_jobs *jobs = runner->jobs;
    pthread_mutex_lock(&jobs->mutex);
    const struct gw_job *job = gw_jobs_find(jobs, id);
    bool is_there = job && !job->is_cancelled;
    if (is_there) {
        struct gw_job_record record = known_of(job);
        gw_job_record_copy(copy, &record);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return is_there;
}

struct gw_job_counts gw_jobs_count(struct gw_jobs *jobs) {
    pthread_mutex_lock(&jobs->mutex);
    struct gw_job_counts counts = {jobs->n_running, jobs->n - jobs->n_running};
    pthread_mutex_unlock(&jobs->mutex);
    return counts;
}

/* --- who runs what --- */

void gw_jobs_wake(struct gw_job_runner *runner) {
    eventfd_write(runner->wake_fd, 1);
}

static struct gw_job_runner *least_busy(struct gw_jobs *jobs) {
    struct gw_job_runner *runner, *best = NULL;
    TAILQ_FOREACH(runner, &jobs->runners, link)
    if (!runner->is_draining && (!best || runner->n_running < best->n_running))
        best = runner;
    return best;
}

void gw_jobs_give_out(struct gw_jobs *jobs) {
    struct gw_job_runner *runner;
    while (jobs->n_running < jobs->limits.at_once && !TAILQ_EMPTY(&jobs->queue) &&
           (runner = least_busy(jobs))) {
        struct gw_job *job = TAILQ_FIRST(&jobs->queue);
        TAILQ_REMOVE(&jobs->queue, job, queue_link);
        TAILQ_INSERT_TAIL(&runner->inbox, job, queue_link);
        job->phase = GW_JOB_GIVEN;
        job->runner = runner;
        runner->n_running++;
        jobs->n_running++;
        gw_jobs_wake(runner);
    }
}

void gw_jobs_queue(struct gw_job *job) {
    job->phase = GW_JOB_WAITING;
    job->runner = NULL;
    TAILQ_INSERT_TAIL(&job->jobs->queue, job, queue_link);
    gw_jobs_give_out(job->jobs);
}

void gw_jobs_count_end(struct gw_str kind, const char *outcome) {
    struct gw_metric_family *family = gw_core_family(GW_CORE_JOBS);
    const struct gw_str values[] = {kind, gw_str_from(outcome)};
    if (family)
        gw_metric_add(gw_metric_series(family, values), 1);
}

void gw_jobs_counts(struct gw_jobs *jobs, unsigned *running, unsigned *waiting) {
    pthread_mutex_lock(&jobs->mutex);
    *running = jobs->n_running;
    *waiting = jobs->n - jobs->n_running;
    pthread_mutex_unlock(&jobs->mutex);
}

void gw_jobs_let_go(struct gw_job *job) {
    job->runner->n_running--;
    job->jobs->n_running--;
}
