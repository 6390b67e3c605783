#include "worker.h"

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

#define DRAIN_LOOK_MS   20  /* how often a draining worker looks whether it is done */
#define CLIENT_CLOSED   499 /* in the log only: nginx's number for a client that did not wait */
#define MAX_PATIENCE_MS (86400 * 1000)

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
static struct gw_state *live_state(struct gw_worker *worker) {
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

/* --- requests --- */

static void log_request(const struct gw_worker *worker, const struct gw_exchange *exchange,
                        unsigned status, size_t bytes) {
    if (!gw_log_enabled(GW_LOG_INFO))
        return;
    const struct gw_message *message = gw_exchange_message(exchange);
    const struct gw_flow *flow = gw_exchange_user(exchange);
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "request");
    gw_log_str(line, "correlation_id", gw_exchange_id(exchange));
    gw_log_str(line, "method", gw_message_method(message));
    gw_log_str(line, "path", gw_message_path(message));
    gw_log_int(line, "status", status);
    gw_log_ms(line, "duration_ms", gw_clock_us() - gw_exchange_started_us(exchange));
    gw_log_int(line, "bytes", (int64_t)bytes);
    gw_log_str(line, "client", gw_exchange_client(exchange));
    if (flow)
        gw_flow_log(flow, line);
    else
        gw_log_int(line, "generation", worker->generation->number);
    gw_log_end(line);
}

static void on_replied(struct gw_exchange *exchange, unsigned status, size_t bytes, void *user) {
    struct gw_flow *flow = gw_exchange_user(exchange);
    log_request(user, exchange, status, bytes);
    if (flow)
        gw_flow_replied(flow);
}

static void on_abort(struct gw_exchange *exchange, void *user) {
    struct gw_flow *flow = gw_exchange_user(exchange);
    log_request(user, exchange, CLIENT_CLOSED, 0);
    if (flow)
        gw_flow_abandon(flow);
}

static void on_request(struct gw_exchange *exchange, void *user) {
    (void)user;
    gw_flow_start(gw_exchange_user(exchange));
}

static void add_allow(struct gw_reply *reply, struct gw_str allow) {
    gw_buf_printf(&reply->fields, "allow: %.*s\r\n", GW_STR_ARG(allow));
}

static void reply_options(struct gw_exchange *exchange, struct gw_str allow) {
    struct gw_reply reply = {.status = 204};
    add_allow(&reply, allow);
    gw_exchange_reply(exchange, &reply);
}

static void reply_not_allowed(struct gw_exchange *exchange, struct gw_str allow) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    add_allow(&reply, allow);
    gw_exchange_reply(exchange, &reply);
}

/* Those that ask whether the gateway is alive are told, however much there is to do. */
static bool is_exempt(const struct gw_message *message) {
    struct gw_str path = gw_message_path(message);
    return gw_str_equal(path, GW_STR("/health")) || gw_str_equal(path, GW_STR("/ready"));
}

static void shed(struct gw_exchange *exchange) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 503, "too many requests are in work");
    gw_buf_append_str(&reply.fields, GW_STR("retry-after: 1\r\n"));
    gw_exchange_reply(exchange, &reply);
}

/* How long the caller will wait, if it says so, else 0. False if what it says makes no sense: to
 * answer as if it had said nothing is not what it wanted. */
static bool read_patience(const struct gw_message *message, int64_t *out_ms) {
    struct gw_str text;
    uint64_t ms = 0;
    bool given = gw_message_find(message, GW_STR("x-request-timeout-ms"), &text);
    bool ok = !given || (gw_str_to_u64(text, MAX_PATIENCE_MS, &ms) && ms > 0);
    *out_ms = (int64_t)ms;
    return ok;
}

/* From here on the flow is the exchange's: whatever is replied, it hears of it. */
static void take_request(struct gw_worker *worker, struct gw_exchange *exchange,
                         struct gw_flow *flow) {
    const struct gw_message *message = gw_exchange_message(exchange);
    int64_t patience_ms;
    int64_t max = worker->shared->settings->max_in_flight;
    int64_t n = gw_flow_count(flow, &worker->shared->in_flight);
    gw_exchange_set_user(exchange, flow);
    gw_exchange_set_max_body(exchange, gw_flow_route(flow)->max_body);
    if (max && n > max && !is_exempt(message))
        shed(exchange);
    else if (!read_patience(message, &patience_ms))
        gw_exchange_reply_problem(exchange, 400,
                                  "X-Request-Timeout-Ms must be a whole number from 1 to 86400000");
    else if (patience_ms)
        gw_flow_lower_deadline(flow, patience_ms);
}

static void route_request(struct gw_worker *worker, struct gw_exchange *exchange,
                          struct gw_buf *allow) {
    struct gw_state *state = live_state(worker);
    struct gw_flow *flow;
    if (*state->generation_field)
        gw_exchange_set_fields(exchange, state->generation_field);
    switch (gw_flow_open(state, exchange, &flow, allow)) {
    case GW_ROUTE_FOUND:
        take_request(worker, exchange, flow);
        break;
    case GW_ROUTE_NOT_FOUND:
        gw_exchange_reply_problem(exchange, 404, "no route for this path");
        break;
    case GW_ROUTE_METHOD_NOT_ALLOWED:
        reply_not_allowed(exchange, gw_buf_str(allow));
        break;
    case GW_ROUTE_OPTIONS:
        reply_options(exchange, gw_buf_str(allow));
        break;
    case GW_ROUTE_BAD_PATH:
        gw_exchange_reply_problem(exchange, 400, "the path is not valid");
        break;
    }
}

/* The wake-up may still be on its way. */
static void leave_if_told(struct gw_worker *worker) {
    if (atomic_load_explicit(&worker->told, memory_order_relaxed) >= TOLD_TO_LEAVE)
        gw_server_leave(worker->server);
}

static void on_head(struct gw_exchange *exchange, void *user) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_buf allow = {0};
    leave_if_told(user);
    if (gw_str_equal(gw_message_path(message), GW_STR("*"))) /* about the server as a whole */
        reply_options(exchange, GW_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    else
        route_request(user, exchange, &allow);
    gw_buf_fini(&allow);
}

static const struct gw_server_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_abort = on_abort,
    .on_replied = on_replied,
};

/* --- jobs --- */

/* On the generation that is live now, to its end. */
static void *start_job(void *user, struct gw_job *job) {
    return gw_flow_start_job(live_state(user), job);
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
    live_state(worker);
    sweep(fd, what, worker);
    leave_if_told(worker);
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
    worker->sagas = gw_sagas_new(worker->base, worker->caller, shared->backends, shared->journal,
                                 &shared->sagas, &gw_saga_timing);
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
    worker->server = gw_server_new(worker->base, &options, &handler, worker, reason, sizeof reason);
    if (worker->server)
        return gw_server_port(worker->server);
    gw_buf_append_str(error, gw_str_from(reason));
    return 0;
}

static void *run(void *user) {
    struct gw_worker *worker = user;
    event_base_dispatch(worker->base);
    gw_sagas_stop(worker->sagas);
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
    event_free(worker->drain_event);
    event_free(worker->sweep_event);
    event_free(worker->wake_event);
    event_base_free(worker->base);
    close(worker->wake_fd);
    free(worker->retired);
    free(worker);
}
