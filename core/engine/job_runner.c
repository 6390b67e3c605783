#include "engine/jobs_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/metric_core.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- writing --- */

static struct gw_job *job_of(struct gw_journal_op *op) {
    return (struct gw_job *)((char *)op - offsetof(struct gw_job, op));
}

static bool is_over(enum gw_stored_job_state state) {
    return state > GW_STORED_JOB_RUNNING;
}

/* The first end counts, and one that was forgotten stays so. But it may be the end that this very
 * job has written, if the journal was told no and it was there all the same. */
static bool run_write(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_job *job = job_of(op);
    struct gw_job_record found = {0};
    bool is_found;
    if (!store->functions->find_job(store, job->record.id, &is_found, &found))
        return false;
    job->is_over_elsewhere = !is_found || is_over(found.state);
    gw_buf_fini(&found.memory);
    return job->is_over_elsewhere || store->functions->put_job(store, &job->record);
}

static void write_job(struct gw_job *job, void (*done)(struct gw_journal_op *, bool)) {
    job->op = (struct gw_journal_op){.run = run_write, .done = done};
    gw_journal_submit(job->runner->port, &job->op);
}

static void set_state(struct gw_job *job, enum gw_stored_job_state state) {
    pthread_mutex_lock(&job->jobs->mutex);
    job->phase = GW_JOB_AT_WORK;
    job->record.state = state;
    job->record.progress = atomic_load(&job->progress);
    job->record.changed_ms = gw_clock_wall_ms();
    job->record.finished_ms = is_over(state) ? job->record.changed_ms : 0;
    job->record.result = gw_buf_str(&job->result);
    pthread_mutex_unlock(&job->jobs->mutex);
}

/* Takes the text. */
static void set_result(struct gw_job *job, struct gw_buf *take_text) {
    pthread_mutex_lock(&job->jobs->mutex);
    gw_buf_fini(&job->result);
    gw_buf_move(&job->result, take_text);
    job->record.result = gw_buf_str(&job->result);
    pthread_mutex_unlock(&job->jobs->mutex);
}

/* --- its hands are free again --- */

static void finish_off(struct gw_job *job) {
    struct gw_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->mutex);
    gw_jobs_let_go(job);
    gw_jobs_forget(job);
    gw_jobs_give_out(jobs);
    pthread_mutex_unlock(&jobs->mutex);
}

static void queue_again(struct gw_job *job) {
    pthread_mutex_lock(&job->jobs->mutex);
    gw_jobs_let_go(job);
    gw_jobs_queue(job);
    pthread_mutex_unlock(&job->jobs->mutex);
}

static void rewrite_or_queue(evutil_socket_t fd, short what, void *user);

static void set_timer(struct gw_job *job, int64_t ms) {
    evtimer_assign(&job->timer, job->runner->base, rewrite_or_queue, job);
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    event_add(&job->timer, &after);
}

/* What the journal has of it stays as it is: that it runs, or waits. An attempt that was begun
 * counts after a crash, too. */
static void pause_job(struct gw_job *job, int64_t ms) {
    pthread_mutex_lock(&job->jobs->mutex);
    gw_jobs_let_go(job);
    job->phase = GW_JOB_PAUSED;
    job->record.state = GW_STORED_JOB_QUEUED;
    gw_jobs_give_out(job->jobs);
    pthread_mutex_unlock(&job->jobs->mutex);
    if (!job->runner->is_freed)
        set_timer(job, ms);
}

/* --- the end of an attempt --- */

static bool is_cancelled(struct gw_job *job) {
    pthread_mutex_lock(&job->jobs->mutex);
    bool yes = job->is_cancelled;
    pthread_mutex_unlock(&job->jobs->mutex);
    return yes;
}

static void count_end(const struct gw_job *job) {
    if (!job->is_over_elsewhere)
        gw_jobs_count_end(job->record.kind,
                          job->record.state == GW_STORED_JOB_DONE ? "done" : "failed");
}

static void end_written(struct gw_journal_op *op, bool ok) {
    struct gw_job *job = job_of(op);
    if (ok)
        count_end(job);
    if (ok)
        finish_off(job);
    else if (!job->runner->is_freed)
        set_timer(job, job->jobs->limits.rewrite_ms);
}

/* If it was not written, the attempt counts after a crash: no more than that. */
static void interruption_written(struct gw_journal_op *op, bool ok) {
    struct gw_job *job = job_of(op);
    if (is_cancelled(job) || (ok && job->is_over_elsewhere))
        finish_off(job);
    else
        queue_again(job);
}

static void interrupt(struct gw_job *job) {
    pthread_mutex_lock(&job->jobs->mutex);
    job->record.attempts--;
    atomic_store(&job->progress, 0);
    pthread_mutex_unlock(&job->jobs->mutex);
    set_state(job, GW_STORED_JOB_QUEUED);
    write_job(job, interruption_written);
}

static void end_as(struct gw_job *job, enum gw_stored_job_state state) {
    set_state(job, state);
    write_job(job, end_written);
}

static void end_done(struct gw_job *job) {
    size_t max = job->jobs->limits.max_result, len = job->result.len;
    if (len <= max) {
        atomic_store(&job->progress, 100);
        end_as(job, GW_STORED_JOB_DONE);
        return;
    }
    struct gw_buf text = {0};
    gw_buf_printf(&text, "the result is too large to be kept: %zu bytes, the limit is %zu", len,
                  max);
    set_result(job, &text);
    end_as(job, GW_STORED_JOB_FAILED);
}

void gw_job_give_up(struct gw_job_runner *runner, struct gw_job *job) {
    struct gw_buf text = {0};
    gw_buf_printf(&text, "the gateway ended while it was at it, in the last of %u attempts",
                  job->record.attempts);
    pthread_mutex_lock(&job->jobs->mutex);
    job->runner = runner;
    runner->n_running++;
    job->jobs->n_running++;
    pthread_mutex_unlock(&job->jobs->mutex);
    set_result(job, &text);
    end_as(job, GW_STORED_JOB_FAILED);
}

static void count_retry(const struct gw_job *job) {
    struct gw_metric_family *family = gw_core_family(GW_CORE_JOB_RETRIES);
    if (family)
        gw_metric_add(gw_metric_series(family, &job->record.kind), 1);
}

static int64_t pause_of(const struct gw_job *job) {
    unsigned doubled = job->record.attempts - 1;
    return job->jobs->limits.pause_ms << (doubled < 10 ? doubled : 10);
}

static void try_again(struct gw_job *job) {
    count_retry(job);
    pause_job(job, pause_of(job));
}

void gw_job_end(struct gw_job *job, enum gw_job_outcome outcome, struct gw_buf *take_text) {
    job->running = NULL;
    set_result(job, take_text);
    if (is_cancelled(job))
        finish_off(job);
    else if (outcome == GW_JOB_INTERRUPTED)
        interrupt(job);
    else if (outcome == GW_JOB_FAILED_FOR_NOW && job->record.attempts < job->jobs->limits.attempts)
        try_again(job);
    else if (outcome == GW_JOB_DONE)
        end_done(job);
    else
        end_as(job, GW_STORED_JOB_FAILED);
}

/* --- an attempt --- */

static void give_back_attempt(struct gw_job *job) {
    pthread_mutex_lock(&job->jobs->mutex);
    job->record.attempts--;
    pthread_mutex_unlock(&job->jobs->mutex);
    pause_job(job, job->jobs->limits.rewrite_ms);
}

static void begin_written(struct gw_journal_op *op, bool ok) {
    struct gw_job *job = job_of(op);
    struct gw_job_runner *runner = job->runner;
    pthread_mutex_lock(&job->jobs->mutex);
    job->is_beginning = false;
    pthread_mutex_unlock(&job->jobs->mutex);
    if (ok && (job->is_over_elsewhere || is_cancelled(job)))
        finish_off(job);
    else if (!ok)
        give_back_attempt(job);
    else if (runner->is_draining) /* set by this thread */
        interrupt(job);
    else
        job->running = runner->work.start(runner->work.user, job);
}

/* That it runs is durable before it does: so what brings the process down is tried so often and no
 * more. */
static void begin(struct gw_job *job) {
    struct gw_buf nothing = {0};
    pthread_mutex_lock(&job->jobs->mutex);
    job->is_beginning = true;
    job->record.attempts++;
    atomic_store(&job->progress, 0);
    pthread_mutex_unlock(&job->jobs->mutex);
    set_result(job, &nothing);
    set_state(job, GW_STORED_JOB_RUNNING);
    write_job(job, begin_written);
}

static void rewrite_or_queue(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_job *job = user;
    struct gw_jobs *jobs = job->jobs;
    if (job->phase == GW_JOB_AT_WORK) {
        write_job(job, end_written);
        return;
    }
    pthread_mutex_lock(&jobs->mutex);
    if (job->is_cancelled)
        gw_jobs_forget(job);
    else
        gw_jobs_queue(job);
    pthread_mutex_unlock(&jobs->mutex);
}

/* --- what it is told --- */

/* One that was cancelled and has to hear of it. */
static struct gw_job *find_cancelled(struct gw_job_runner *runner) {
    struct gw_job *job;
    TAILQ_FOREACH(job, &runner->jobs->all, link)
    if (job->runner == runner && job->is_cancelled &&
        (job->phase == GW_JOB_PAUSED || (job->phase == GW_JOB_AT_WORK && job->running)))
        return job;
    return NULL;
}

static void look_for_cancelled(struct gw_job_runner *runner) {
    struct gw_jobs *jobs = runner->jobs;
    struct gw_job *job;
    pthread_mutex_lock(&jobs->mutex);
    while ((job = find_cancelled(runner))) {
        void *running = job->running;
        job->running = NULL; /* told once */
        if (!running) {
            event_del(&job->timer);
            gw_jobs_forget(job);
            continue;
        }
        pthread_mutex_unlock(&jobs->mutex);
        runner->work.cancel(running);
        pthread_mutex_lock(&jobs->mutex);
    }
    pthread_mutex_unlock(&jobs->mutex);
}

static struct gw_job *take_given(struct gw_job_runner *runner) {
    pthread_mutex_lock(&runner->jobs->mutex);
    struct gw_job *job = TAILQ_FIRST(&runner->inbox);
    if (job)
        TAILQ_REMOVE(&runner->inbox, job, queue_link);
    pthread_mutex_unlock(&runner->jobs->mutex);
    return job;
}

static void take_all(struct gw_job_runner *runner) {
    struct gw_job *job;
    while ((job = take_given(runner)))
        if (is_cancelled(job))
            finish_off(job);
        else if (runner->is_draining)
            queue_again(job);
        else
            begin(job);
}

static void on_wake(evutil_socket_t fd, short what, void *user) {
    (void)what;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    look_for_cancelled(user);
    take_all(user);
}

/* --- life --- */

struct gw_job_runner *gw_job_runner_new(struct gw_jobs *jobs, struct event_base *base,
                                        struct gw_journal *journal,
                                        const struct gw_job_work *work) {
    struct gw_job_runner *runner = gw_calloc(1, sizeof *runner);
    runner->jobs = jobs;
    runner->base = base;
    runner->journal = journal;
    runner->port = gw_journal_port_new(journal, base);
    runner->work = *work;
    TAILQ_INIT(&runner->inbox);
    runner->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event_assign(&runner->wake_event, base, runner->wake_fd, EV_READ | EV_PERSIST, on_wake, runner);
    event_add(&runner->wake_event, NULL);
    pthread_mutex_lock(&jobs->mutex);
    TAILQ_INSERT_TAIL(&jobs->runners, runner, link);
    pthread_mutex_unlock(&jobs->mutex);
    return runner;
}

void gw_job_runner_drain(struct gw_job_runner *runner) {
    pthread_mutex_lock(&runner->jobs->mutex);
    runner->is_draining = true;
    pthread_mutex_unlock(&runner->jobs->mutex);
    take_all(runner);
}

static void stop_timers(struct gw_job_runner *runner) {
    struct gw_job *job;
    pthread_mutex_lock(&runner->jobs->mutex);
    TAILQ_FOREACH(job, &runner->jobs->all, link)
    if (job->runner == runner && event_initialized(&job->timer))
        event_del(&job->timer);
    pthread_mutex_unlock(&runner->jobs->mutex);
}

/* Nobody runs what it has left: the journal knows. */
static void leave(struct gw_job_runner *runner) {
    struct gw_job *job;
    pthread_mutex_lock(&runner->jobs->mutex);
    TAILQ_REMOVE(&runner->jobs->runners, runner, link);
    TAILQ_FOREACH(job, &runner->jobs->all, link)
    if (job->runner == runner)
        job->runner = NULL;
    pthread_mutex_unlock(&runner->jobs->mutex);
}

void gw_job_runner_free(struct gw_job_runner *runner) {
    if (!runner)
        return;
    gw_job_runner_drain(runner);
    runner->is_freed = true;
    stop_timers(runner);
    gw_journal_port_free(runner->port);
    leave(runner);
    gw_job_recovery_free(runner);
    event_del(&runner->wake_event);
    close(runner->wake_fd);
    free(runner);
}

/* --- a job that runs --- */

struct gw_str gw_job_id(const struct gw_job *job) {
    return job->record.id;
}

struct gw_str gw_job_kind(const struct gw_job *job) {
    return job->record.kind;
}

struct gw_str gw_job_args(const struct gw_job *job) {
    return job->record.args;
}

struct gw_str gw_job_correlation_id(const struct gw_job *job) {
    return job->record.correlation_id;
}

void gw_job_progress(struct gw_job *job, int percent) {
    atomic_store(&job->progress, percent);
}
