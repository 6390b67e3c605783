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
    int64_t keep_ms;
};

struct gw_jobs *gw_jobs_new(unsigned max, int64_t keep_ms) {
    struct gw_jobs *jobs = gw_calloc(1, sizeof *jobs);
    pthread_mutex_init(&jobs->mutex, NULL);
    jobs->max = max;
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

static void forget_old(struct gw_jobs *jobs, int64_t now_ms) {
    for (struct entry **at = &jobs->first; *at;) {
        struct entry *entry = *at;
        if (!entry->job.finished_ms || now_ms - entry->job.finished_ms < jobs->keep_ms) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        free_entry(entry);
        jobs->n--;
    }
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
    bool room = jobs->n < jobs->max;
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

void gw_jobs_finish(struct gw_jobs *jobs, const char *id, bool done, struct gw_str result,
                    int64_t now_ms) {
    pthread_mutex_lock(&jobs->mutex);
    struct gw_job *job = find(jobs, id);
    if (job && !job->finished_ms) {
        job->status = done ? GW_JOB_DONE : GW_JOB_FAILED;
        job->progress = done ? 100 : job->progress;
        job->finished_ms = now_ms;
        gw_buf_append_str(&job->result, result);
    }
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
