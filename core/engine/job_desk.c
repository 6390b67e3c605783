#include "engine/jobs_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

enum question { ENQUEUE, FIND, REMOVE, CANCEL, LIST };

struct gw_job_query {
    struct gw_journal_op op;
    struct gw_job_runner *runner;
    enum question question;
    struct gw_job_record asked; /* what is asked for, or the new job; owned */
    bool with_result;
    int state;    /* of those to be listed */
    unsigned max; /* likewise */

    bool is_over;                /* what is to be cancelled is */
    struct gw_job_record *found; /* owned, as what they point to */
    unsigned n_found;
    struct gw_buf result;

    gw_job_reply_fn done;
    bool is_cancelled;
    void *user;
};

/* --- on the journal's thread; it may be run twice --- */

static void forget_found(struct gw_job_query *query) {
    for (unsigned i = 0; i < query->n_found; i++)
        gw_buf_fini(&query->found[i].memory);
    query->n_found = 0;
    gw_buf_fini(&query->result);
}

static void keep(struct gw_job_query *query, const struct gw_job_record *record) {
    struct gw_job_record kept = *record;
    kept.args = GW_STR("");
    if (kept.state == GW_STORED_JOB_DONE)
        kept.result = GW_STR("");
    query->found = gw_realloc(query->found, (query->n_found + 1) * sizeof *query->found);
    gw_job_record_copy(&query->found[query->n_found++], &kept);
}

static bool run_enqueue(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    return store->functions->put_job(store, &query->asked);
}

static void mark_cancelled(struct gw_job_record *job) {
    job->state = GW_STORED_JOB_CANCELLED;
    job->changed_ms = job->finished_ms = gw_clock_wall_ms();
    job->args = job->result = GW_STR("");
}

static bool cancel_job(struct gw_store *store, const struct gw_job_record *found) {
    struct gw_job_record cancelled = *found;
    mark_cancelled(&cancelled);
    return store->functions->put_job(store, &cancelled);
}

/* Of a job that is there. One that was cancelled already may have been by this very query. */
static bool change(struct gw_job_query *query, struct gw_store *store,
                   const struct gw_job_record *found) {
    if (found->state <= GW_STORED_JOB_RUNNING)
        return cancel_job(store, found);
    if (query->question == REMOVE)
        return store->functions->forget_job(store, found->id);
    query->is_over = found->state != GW_STORED_JOB_CANCELLED;
    return true;
}

static bool run_one(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    struct gw_job_record found = {0};
    bool is_found;
    forget_found(query);
    if (!store->functions->find_job(store, query->asked.id, &is_found, &found))
        return false;
    if (!is_found)
        return true;
    keep(query, &found);
    if (query->with_result && found.state == GW_STORED_JOB_DONE)
        gw_buf_append_str(&query->result, found.result);
    bool ok = query->question == FIND || change(query, store, &found);
    gw_buf_fini(&found.memory);
    return ok;
}

static bool is_unfinished(int state) {
    return state == GW_STORED_JOB_QUEUED || state == GW_STORED_JOB_RUNNING;
}

/* Which of the two an unfinished one is, memory knows better. */
static bool is_asked_for(const struct gw_job_query *query, const struct gw_job_record *record) {
    bool kind = query->asked.kind.len == 0 || gw_str_equal(record->kind, query->asked.kind);
    bool state = query->state == GW_JOB_ANY_STATE || query->state == (int)record->state ||
                 is_unfinished(query->state);
    return kind && state;
}

static bool list_job(void *user, const struct gw_job_record *record) {
    struct gw_job_query *query = user;
    if (is_asked_for(query, record))
        keep(query, record);
    return query->n_found < query->max || is_unfinished(query->state);
}

static bool run_list(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    forget_found(query);
    return store->functions->find_jobs(store, is_unfinished(query->state), 0, list_job, query);
}

/* --- on the loop --- */

static void free_query(struct gw_job_query *query) {
    forget_found(query);
    free(query->found);
    gw_buf_fini(&query->asked.memory);
    free(query);
}

void gw_job_reply_fini(struct gw_job_reply *reply) {
    for (unsigned i = 0; i < reply->n_jobs; i++)
        gw_buf_fini(&reply->jobs[i].memory);
    free(reply->jobs);
    gw_buf_fini(&reply->result);
}

static void tell(struct gw_job_query *query, bool ok) {
    struct gw_job_reply reply = {.fault = gw_journal_fault(query->runner->journal)};
    if (!ok)
        reply.answer = GW_JOB_FAULT;
    else if (query->question != LIST && query->n_found == 0)
        reply.answer = GW_JOB_NOT_FOUND;
    else if (query->is_over)
        reply.answer = GW_JOB_OVER;
    reply.jobs = query->found;
    reply.n_jobs = query->n_found;
    query->found = NULL;
    query->n_found = 0;
    gw_buf_move(&reply.result, &query->result);
    if (!query->is_cancelled)
        query->done(query->user, &reply);
    gw_job_reply_fini(&reply);
    free_query(query);
}

/* It is known here only now, so that nobody runs what may not be there tomorrow. */
static void enqueued(struct gw_journal_op *op, bool ok) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    struct gw_jobs *jobs = query->runner->jobs;
    if (ok)
        keep(query, &query->asked);
    pthread_mutex_lock(&jobs->mutex);
    jobs->n--; /* held for it */
    if (ok)
        gw_jobs_queue(gw_jobs_add(jobs, &query->asked));
    pthread_mutex_unlock(&jobs->mutex);
    tell(query, ok);
}

/* It is durable: who has the job is told. */
static void cancel_here(struct gw_jobs *jobs, struct gw_str id) {
    pthread_mutex_lock(&jobs->mutex);
    struct gw_job *job = gw_jobs_find(jobs, id);
    if (job && job->phase == GW_JOB_WAITING) {
        TAILQ_REMOVE(&jobs->queue, job, queue_link);
        gw_jobs_forget(job);
    } else if (job) {
        job->is_cancelled = true;
        if (job->runner)
            gw_jobs_wake(job->runner);
    }
    pthread_mutex_unlock(&jobs->mutex);
}

static void removed(struct gw_journal_op *op, bool ok) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    if (ok && query->n_found && query->found->state <= GW_STORED_JOB_RUNNING)
        gw_jobs_count_end(query->found->kind, "cancelled");
    if (ok && query->n_found)
        cancel_here(query->runner->jobs, query->asked.id);
    tell(query, ok);
}

static void cancelled(struct gw_journal_op *op, bool ok) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    if (ok && query->n_found && !query->is_over) {
        cancel_here(query->runner->jobs, query->asked.id);
        mark_cancelled(&query->found[0]);
    }
    tell(query, ok);
}

static void found_one(struct gw_journal_op *op, bool ok) {
    tell((struct gw_job_query *)op, ok);
}

/* Of one that is not over, memory knows more. */
static void bring_up_to_date(struct gw_job_query *query, struct gw_job_record *record) {
    struct gw_job_record now;
    if (record->state > GW_STORED_JOB_RUNNING || !gw_job_peek(query->runner, record->id, &now))
        return;
    gw_buf_fini(&record->memory);
    *record = now;
}

static void found_list(struct gw_journal_op *op, bool ok) {
    struct gw_job_query *query = (struct gw_job_query *)op;
    unsigned n = 0;
    for (unsigned i = 0; i < query->n_found; i++) {
        struct gw_job_record *record = &query->found[i];
        bring_up_to_date(query, record);
        bool fits = query->state == GW_JOB_ANY_STATE || query->state == (int)record->state;
        if (fits && n < query->max)
            query->found[n++] = *record;
        else
            gw_buf_fini(&record->memory);
    }
    query->n_found = n;
    tell(query, ok);
}

/* --- asking --- */

static struct gw_job_query *ask(struct gw_job_runner *runner, enum question question,
                                const struct gw_job_record *asked, gw_job_reply_fn done,
                                void *user) {
    static bool (*const runs[])(struct gw_journal_op *, struct gw_store *) = {
        run_enqueue, run_one, run_one, run_one, run_list};
    static void (*const ends[])(struct gw_journal_op *, bool) = {enqueued, found_one, removed,
                                                                 cancelled, found_list};
    struct gw_job_query *query = gw_calloc(1, sizeof *query);
    query->op = (struct gw_journal_op){.run = runs[question], .done = ends[question]};
    query->runner = runner;
    query->question = question;
    gw_job_record_copy(&query->asked, asked);
    query->done = done;
    query->user = user;
    return query;
}

static struct gw_job_query *submit(struct gw_job_query *query) {
    gw_journal_submit(query->runner->port, &query->op);
    return query;
}

static bool hold_place(struct gw_jobs *jobs) {
    pthread_mutex_lock(&jobs->mutex);
    bool is_free = jobs->n < jobs->limits.max_unfinished;
    if (is_free)
        jobs->n++;
    pthread_mutex_unlock(&jobs->mutex);
    return is_free;
}

struct gw_job_query *gw_job_enqueue(struct gw_job_runner *runner, struct gw_str kind,
                                    struct gw_str args, struct gw_str correlation_id,
                                    gw_job_reply_fn done, void *user) {
    char id[GW_ID_SIZE];
    int64_t now_ms = gw_clock_wall_ms();
    if (!hold_place(runner->jobs))
        return NULL;
    gw_id_new(id);
    struct gw_job_record job = {.id = gw_str_from(id),
                                .kind = kind,
                                .args = args,
                                .correlation_id = correlation_id,
                                .created_ms = now_ms,
                                .changed_ms = now_ms};
    return submit(ask(runner, ENQUEUE, &job, done, user));
}

struct gw_job_query *gw_job_find(struct gw_job_runner *runner, struct gw_str id, bool with_result,
                                 gw_job_reply_fn done, void *user) {
    struct gw_job_query *query = ask(runner, FIND, &(struct gw_job_record){.id = id}, done, user);
    query->with_result = with_result;
    return submit(query);
}

struct gw_job_query *gw_job_remove(struct gw_job_runner *runner, struct gw_str id,
                                   gw_job_reply_fn done, void *user) {
    return submit(ask(runner, REMOVE, &(struct gw_job_record){.id = id}, done, user));
}

struct gw_job_query *gw_job_cancel(struct gw_job_runner *runner, struct gw_str id,
                                   gw_job_reply_fn done, void *user) {
    return submit(ask(runner, CANCEL, &(struct gw_job_record){.id = id}, done, user));
}

struct gw_job_query *gw_job_list(struct gw_job_runner *runner, const struct gw_job_filter *filter,
                                 gw_job_reply_fn done, void *user) {
    struct gw_job_query *query =
        ask(runner, LIST, &(struct gw_job_record){.kind = filter->kind}, done, user);
    query->state = filter->state;
    query->max = filter->max;
    return submit(query);
}

void gw_job_query_cancel(struct gw_job_query *query) {
    query->is_cancelled = true;
}
