/* What worker.c and worker_requests.c share. Not for others. */
#ifndef GW_WORKER_INTERNAL_H
#define GW_WORKER_INTERNAL_H

#include "worker.h"

#include "engine/recent.h"
#include "http/server.h"

#include <pthread.h>
#include <stdatomic.h>

/* A generation that is not live any more, but has flows of this worker's. */
struct retired {
    struct gw_generation *generation;
    bool cancelled;
};

/* What a wake-up means; each includes those before it. */
enum told { TOLD_TO_LOOK, TOLD_TO_LEAVE, TOLD_TO_DRAIN };

struct gw_worker {
    struct gw_worker_shared *shared;
    unsigned index;
    struct event_base *base;
    struct gw_client *client;
    struct gw_caller *caller; /* of backends, by `client` */
    struct gw_tracer *tracer; /* of its requests, jobs and undos */
    struct gw_recent *recent; /* the last of them */
    struct gw_sagas *sagas;
    struct gw_job_runner *jobs;
    struct gw_server *server;
    struct gw_generation *generation; /* live, as far as it knows */
    struct retired *retired;          /* owned; oldest first */
    unsigned n_retired;
    struct event *sweep_event; /* at the end of this turn: let go of what has ended */
    pthread_t thread;
    _Atomic enum told told;
    int wake_fd;
    struct event *wake_event;
    struct event *drain_event;
    bool draining;
    int64_t drain_until_ms; /* of the current stage */
    bool cancelled;         /* the second stage: what is left is undoing */
};

/* A record of the worker's is finished. */
void gw_worker_keep_trace(void *worker, struct gw_trace *trace);

/* The worker's state of the generation that is live now. */
struct gw_state *gw_worker_live_state(struct gw_worker *worker);

/* Once it was told to leave, each response ends its connection. */
void gw_worker_leave_if_told(struct gw_worker *worker);

/* Of its server; `user` is the worker. */
extern const struct gw_server_handler gw_worker_handler;

#endif
