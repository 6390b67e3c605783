#include "engine/jobs.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct gw_job job;
    struct entry *next;
};

struct gw_jobs {
    pthread_mutex_t mutex;
    struct entry *first; /* owned; newest first. A list serves: `max` is some thousands, and it is
                            walked once per status request */
    unsigned n, max;
    size_t bytes, max_bytes; /* of results */
    int64_t keep_ms;
};

struct gw_jobs *gw_jobs_new(unsigned max, size_t max_bytes, int64_t keep_ms) {
    struct gw_jobs *jobs = gw_calloc(1, sizeof *jobs);
    pthread_mutex_init(&jobs->mutex, NULL);
    jobs->max = max;
    jobs->max_bytes = max_bytes;
    jobs->keep_ms = keep_ms;
    return jobs;
}

void gw_job_fini(struct gw_job *job) {
    free(job->kind);
    gw_buf_fini(&job->result);
}

static void free_entry(struct entry *entry) {
    gw_job_fini(&entry->job);
    free(entry);
}

void gw_jobs_free(struct gw_jobs *jobs) {
    if (!jobs)
        return;
    for (struct entry *entry = jobs->first, *next; entry; entry = next) {
        next = entry->next;
        free_entry(entry);
    }
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}

/* Takes out the entry that *at points to. */
static void forget(struct gw_jobs *jobs, struct entry **at) {
    struct entry *entry = *at;
    *at = entry->next;
    jobs->n--;
    jobs->bytes -= entry->job.result.len;
    free_entry(entry);
}

static void forget_old(struct gw_jobs *jobs, int64_t now_ms) {
    for (struct entry **at = &jobs->first; *at;) {
        int64_t finished_ms = (*at)->job.finished_ms;
        if (finished_ms && now_ms - finished_ms >= jobs->keep_ms)
            forget(jobs, at);
        else
            at = &(*at)->next;
    }
}

/* False if there is none that is finished. */
static bool forget_oldest(struct gw_jobs *jobs) {
    struct entry **oldest = NULL;
    for (struct entry **at = &jobs->first; *at; at = &(*at)->next)
        if ((*at)->job.finished_ms &&
            (!oldest || (*at)->job.finished_ms <= (*oldest)->job.finished_ms))
            oldest = at;
    if (oldest)
        forget(jobs, oldest);
    return oldest != NULL;
}

static struct gw_job *find(struct gw_jobs *jobs, const char *id) {
    for (struct entry *entry = jobs->first; entry; entry = entry->next)
        if (strcmp(entry->job.id, id) == 0)
            return &entry->job;
    return NULL;
}

bool gw_jobs_add(struct gw_jobs *jobs, const char *kind, int64_t now_ms, char id[GW_ID_SIZE]) {
    pthread_mutex_lock(&jobs->mutex);
    forget_old(jobs, now_ms);
    bool room = jobs->n < jobs->max || forget_oldest(jobs);
    if (room) {
        struct entry *entry = gw_calloc(1, sizeof *entry);
        gw_id_new(entry->job.id);
        entry->job.kind = gw_strdup(kind);
        entry->job.created_ms = now_ms;
        entry->next = jobs->first;
        jobs->first = entry;
        jobs->n++;
        memcpy(id, entry->job.id, GW_ID_SIZE);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return room;
}

void gw_jobs_progress(struct gw_jobs *jobs, const char *id, int percent) {
    pthread_mutex_lock(&jobs->mutex);
    struct gw_job *job = find(jobs, id);
    if (job && !job->finished_ms) {
        job->status = GW_JOB_RUNNING;
        job->progress = percent;
    }
    pthread_mutex_unlock(&jobs->mutex);
}

static void finish(struct gw_jobs *jobs, struct gw_job *job, bool done, struct gw_str result,
                   int64_t now_ms) {
    while (jobs->bytes + result.len > jobs->max_bytes && forget_oldest(jobs))
        ;
    job->status = done ? GW_JOB_DONE : GW_JOB_FAILED;
    job->progress = done ? 100 : job->progress;
    job->finished_ms = now_ms;
    gw_buf_append_str(&job->result, result);
    jobs->bytes += result.len;
}

void gw_jobs_finish(struct gw_jobs *jobs, const char *id, bool done, struct gw_str result,
                    int64_t now_ms) {
    pthread_mutex_lock(&jobs->mutex);
    struct gw_job *job = find(jobs, id);
    if (job && !job->finished_ms && result.len <= jobs->max_bytes)
        finish(jobs, job, done, result, now_ms);
    else if (job && !job->finished_ms)
        finish(jobs, job, false, GW_STR("the result is too large to be kept"), now_ms);
    pthread_mutex_unlock(&jobs->mutex);
}

static void copy_job(struct gw_job *to, const struct gw_job *from) {
    *to = *from;
    to->kind = gw_strdup(from->kind);
    to->result = (struct gw_buf){0};
    gw_buf_append_str(&to->result, gw_buf_str(&from->result));
}

bool gw_jobs_get(struct gw_jobs *jobs, const char *id, int64_t now_ms, struct gw_job *copy) {
    pthread_mutex_lock(&jobs->mutex);
    forget_old(jobs, now_ms);
    struct gw_job *job = find(jobs, id);
    if (job)
        copy_job(copy, job);
    pthread_mutex_unlock(&jobs->mutex);
    return job != NULL;
}

const char *gw_job_status_name(enum gw_job_status status) {
    static const char *const names[] = {"queued", "running", "done", "failed"};
    return names[status];
}
