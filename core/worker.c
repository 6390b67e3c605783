#include "worker_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "lua/flow.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DRAIN_LOOK_MS 20 /* how often a draining worker looks whether it is done */

/* --- generations --- */

static struct gw_state *state_of(const struct gw_worker *worker,
                                 const struct gw_generation *generation) {
    return generation->states[worker->index];
}

/* Never within a state's own event, which this frees: hence an event of its own. */
static void sweep_soon(void *user) {
    struct gw_worker *worker = user;
    event_active(worker->sweep_event, 0, 0);
}

static void let_go(struct gw_worker *worker, struct gw_generation *generation) {
    gw_state_detach(state_of(worker, generation));
    if (gw_generation_release(generation))
        worker->shared->released(worker->shared->user);
}

/* Those that have been asked to end get it delivered once. */
static void sweep(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_worker *worker = user;
    unsigned kept = 0;
    for (unsigned i = 0; i < worker->n_retired; i++) {
        struct retired retired = worker->retired[i];
        struct gw_state *state = state_of(worker, retired.generation);
        if (!retired.cancelled && gw_generation_is_to_end(retired.generation)) {
            retired.cancelled = true;
            gw_state_cancel_flows(state);
        }
        if (gw_state_flows(state) == 0)
            let_go(worker, retired.generation);
        else
            worker->retired[kept++] = retired;
    }
    worker->n_retired = kept;
}

static void retire(struct gw_worker *worker, struct gw_generation *generation) {
    struct gw_state *state = state_of(worker, generation);
    unsigned n = worker->n_retired + 1;
    worker->retired = gw_realloc(worker->retired, n * sizeof *worker->retired);
    worker->retired[worker->n_retired++] = (struct retired){.generation = generation};
    state->on_empty = sweep_soon;
    state->on_empty_user = worker;
    if (gw_state_flows(state) == 0)
        sweep_soon(worker);
}

/* Looks which generation is live. Those in between, which it never served, are let go with the one
 * that it did. */
struct gw_state *gw_worker_live_state(struct gw_worker *worker) {
    for (struct gw_generation *next; (next = gw_generation_next(worker->generation));) {
        retire(worker, worker->generation);
        worker->generation = next;
    }
    return state_of(worker, worker->generation);
}

static unsigned flows_in_work(const struct gw_worker *worker) {
    unsigned n = gw_state_flows(state_of(worker, worker->generation));
    for (unsigned i = 0; i < worker->n_retired; i++)
        n += gw_state_flows(state_of(worker, worker->retired[i].generation));
    return n;
}

static void cancel_flows(struct gw_worker *worker) {
    gw_state_cancel_flows(state_of(worker, worker->generation));
    for (unsigned i = 0; i < worker->n_retired; i++)
        gw_state_cancel_flows(state_of(worker, worker->retired[i].generation));
}

/* --- jobs --- */

/* On the generation that is live now, to its end. */
static void *start_job(void *user, struct gw_job *job) {
    return gw_flow_start_job(gw_worker_live_state(user), job);
}

/* --- shutdown --- */

static bool is_done(const struct gw_worker *worker) {
    return gw_server_connections(worker->server) == 0 && flows_in_work(worker) == 0 &&
           !gw_sagas_are_busy(worker->sagas);
}

static void look_again(struct gw_worker *worker) {
    struct timeval soon = {0, DRAIN_LOOK_MS * 1000};
    event_add(worker->drain_event, &soon);
}

static void look(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_worker *worker = user;
    bool late = gw_clock_ms() >= worker->drain_until_ms;
    if (is_done(worker) || (late && worker->cancelled)) {
        event_base_loopbreak(worker->base);
        return;
    }
    if (late) {
        gw_log(GW_LOG_WARN, "worker %u: cancelling what is still in work", worker->index);
        worker->cancelled = true;
        worker->drain_until_ms = gw_clock_ms() + worker->shared->settings->service_timeout_ms;
        cancel_flows(worker);
    }
    look_again(worker);
}

static void drain(struct gw_worker *worker) {
    if (worker->draining)
        return;
    worker->draining = true;
    worker->drain_until_ms = gw_clock_ms() + worker->shared->settings->service_timeout_ms;
    gw_server_drain(worker->server);
    gw_job_runner_drain(worker->jobs);
    look_again(worker);
}

static void on_wake(evutil_socket_t fd, short what, void *user) {
    struct gw_worker *worker = user;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    if (!worker->generation)
        return; /* its loop runs to recover what was left; it does not serve yet */
    gw_worker_live_state(worker);
    sweep(fd, what, worker);
    gw_worker_leave_if_told(worker);
    if (atomic_load(&worker->told) >= TOLD_TO_DRAIN)
        drain(worker);
}

static void tell(struct gw_worker *worker, enum told told) {
    if (told > atomic_load(&worker->told)) /* told by the control thread alone */
        atomic_store(&worker->told, told);
    eventfd_write(worker->wake_fd, 1);
}

void gw_worker_look(struct gw_worker *worker) {
    tell(worker, TOLD_TO_LOOK);
}

void gw_worker_leave(struct gw_worker *worker) {
    tell(worker, TOLD_TO_LEAVE);
}

void gw_worker_drain(struct gw_worker *worker) {
    tell(worker, TOLD_TO_DRAIN);
}

/* --- life --- */

struct gw_worker *gw_worker_new(struct gw_worker_shared *shared, unsigned index) {
    const struct gw_settings *settings = shared->settings;
    struct gw_worker *worker = gw_calloc(1, sizeof *worker);
    struct gw_client_options options = {
        .max_connections = (unsigned)settings->backend_connections,
        .max_idle_connections = (unsigned)settings->backend_idle_connections,
    };
    worker->shared = shared;
    worker->index = index;
    worker->base = event_base_new();
    worker->client = gw_client_new(worker->base, &options);
    worker->caller = gw_caller_new(worker->base, worker->client);
    worker->recent = gw_recent_new((size_t)settings->recent_requests);
    worker->tracer = gw_tracer_new(index, gw_worker_keep_trace, worker);
    gw_tracer_sample(worker->tracer, &shared->sampler);
    worker->sagas = gw_sagas_new(worker->base, worker->caller, shared->backends, shared->journal,
                                 &shared->sagas, &gw_saga_timing);
    gw_sagas_trace_by(worker->sagas, worker->tracer);
    worker->jobs = gw_job_runner_new(
        shared->jobs, worker->base, shared->journal,
        &(struct gw_job_work){.start = start_job, .cancel = gw_flow_cancel_job, .user = worker});
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->wake_event =
        event_new(worker->base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker);
    worker->drain_event = evtimer_new(worker->base, look, worker);
    worker->sweep_event = event_new(worker->base, -1, 0, sweep, worker);
    event_add(worker->wake_event, NULL);
    return worker;
}

struct gw_host gw_worker_host(struct gw_worker *worker) {
    return (struct gw_host){
        .base = worker->base,
        .caller = worker->caller,
        .tracer = worker->tracer,
        .backends = worker->shared->backends,
        .jobs = worker->jobs,
        .sagas = worker->sagas,
        .keys = worker->shared->keys,
        .keyspaces = worker->shared->keyspaces,
        .settings = worker->shared->settings,
        .ready = worker->shared->ready,
        .user = worker->shared->user,
    };
}

struct gw_sagas *gw_worker_sagas(struct gw_worker *worker) {
    return worker->sagas;
}

struct gw_recent *gw_worker_recent(struct gw_worker *worker) {
    return worker->recent;
}

uint16_t gw_worker_listen(struct gw_worker *worker, uint16_t port, struct gw_buf *error) {
    const struct gw_settings *s = worker->shared->settings;
    struct gw_server_options options = {
        .host = s->host,
        .port = port,
        .exclusive = worker->index == 0, /* the others share the port with it */
        .limits = {.request_line = (uint32_t)s->max_request_line,
                   .head = (uint32_t)s->max_head,
                   .fields = (uint32_t)s->max_fields},
        .max_body = (uint64_t)s->max_body,
        .max_connections = (unsigned)s->max_connections,
        .n_shared = &worker->shared->n_connections,
        .idle_ms = s->idle_ms,
        .head_ms = s->head_ms,
        .body_idle_ms = s->body_idle_ms,
        .write_stalled_ms = s->write_stalled_ms,
        .cors_allow_origins = gw_str_from(s->cors_allow_origins),
    };
    char reason[256];
    worker->server =
        gw_server_new(worker->base, &options, &gw_worker_handler, worker, reason, sizeof reason);
    if (worker->server)
        return gw_server_port(worker->server);
    gw_buf_append_str(error, gw_str_from(reason));
    return 0;
}

static void *run(void *user) {
    struct gw_worker *worker = user;
    event_base_dispatch(worker->base);
    gw_sagas_stop(worker->sagas);
    gw_metric_end_thread();
    gw_log_end_thread();
    return NULL;
}

void gw_worker_start(struct gw_worker *worker, struct gw_generation *generation) {
    char name[16];
    worker->generation = generation;
    snprintf(name, sizeof name, "worker %u", worker->index);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        abort(); /* at the start only: no thread, no gateway */
    pthread_setname_np(worker->thread, name);
}

void gw_worker_join(struct gw_worker *worker) {
    pthread_join(worker->thread, NULL);
}

void gw_worker_close(struct gw_worker *worker) {
    gw_server_free(worker->server);
    worker->server = NULL;
}

void gw_worker_free(struct gw_worker *worker) {
    if (!worker)
        return;
    gw_job_runner_free(worker->jobs);
    gw_sagas_free(worker->sagas);
    gw_caller_free(worker->caller);
    gw_client_free(worker->client);
    gw_tracer_free(worker->tracer);
    gw_recent_free(worker->recent);
    event_free(worker->drain_event);
    event_free(worker->sweep_event);
    event_free(worker->wake_event);
    event_base_free(worker->base);
    close(worker->wake_fd);
    free(worker->retired);
    free(worker);
}
