/* Background jobs as the outside sees them: what was asked for, how far it is, what came of it.
 * Kept in memory, shared by all workers under one mutex, since the client that asks for the state
 * may be served by another worker than the one that runs the job. The work itself is a flow
 * (lua/flow.h). */
#ifndef GW_ENGINE_JOBS_H
#define GW_ENGINE_JOBS_H

#include "base/buf.h"
#include "base/id.h"

enum gw_job_status { GW_JOB_QUEUED, GW_JOB_RUNNING, GW_JOB_DONE, GW_JOB_FAILED };

struct gw_job {
    char id[GW_ID_SIZE];
    char *kind; /* owned */
    enum gw_job_status status;
    int progress;                    /* per cent */
    int64_t created_ms, finished_ms; /* wall clock; 0: not finished */
    struct gw_buf result;            /* JSON if done, a text for people if failed */
};

struct gw_jobs;

/* At most `max` jobs and `max_bytes` of results are kept; a finished one is forgotten `keep_ms`
 * after its end, or earlier, the oldest first, where room is needed. */
struct gw_jobs *gw_jobs_new(unsigned max, size_t max_bytes, int64_t keep_ms);
void gw_jobs_free(struct gw_jobs *jobs);

/* False if there are too many that are not finished. */
bool gw_jobs_add(struct gw_jobs *jobs, const char *kind, int64_t now_ms, char id[GW_ID_SIZE]);

/* These ignore an id that is not (or no longer) there. A result of more than all results may take
 * makes the job a failed one. */
void gw_jobs_progress(struct gw_jobs *jobs, const char *id, int percent); /* and it is running */
void gw_jobs_finish(struct gw_jobs *jobs, const char *id, bool done, struct gw_str result,
                    int64_t now_ms);

/* A copy, for the caller to fini; false if there is no such job. */
bool gw_jobs_get(struct gw_jobs *jobs, const char *id, int64_t now_ms, struct gw_job *copy);
void gw_job_fini(struct gw_job *job);

const char *gw_job_status_name(enum gw_job_status status);

#endif
