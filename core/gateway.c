#include "gateway.h"

#include "base/alloc.h"
#include "worker.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_JOBS    1000
#define MAX_RESULTS (64 << 20) /* bytes */
#define KEEP_JOB_MS (3600 * 1000)

struct gateway {
    const struct gw_settings *settings;
    struct gw_worker_shared shared;
    struct gw_worker **workers;
    struct gw_generation *generation;
    struct event_base *base; /* of the control loop */
    atomic_bool draining;
};

static bool is_ready(void *user, const char **reason) {
    struct gateway *gateway = user;
    *reason = "shutting down";
    return !atomic_load(&gateway->draining);
}

/* --- start --- */

static void make_workers(struct gateway *gateway) {
    unsigned n = (unsigned)gateway->settings->workers;
    gateway->workers = gw_calloc(n, sizeof(struct gw_worker *));
    for (unsigned i = 0; i < n; i++)
        gateway->workers[i] = gw_worker_new(&gateway->shared, i);
}

static bool load(struct gateway *gateway, struct gw_buf *error) {
    unsigned n = (unsigned)gateway->settings->workers;
    struct gw_host *hosts = gw_calloc(n, sizeof *hosts);
    for (unsigned i = 0; i < n; i++)
        hosts[i] = gw_worker_host(gateway->workers[i]);
    gateway->generation = gw_generation_load(gateway->settings->scripts_dir, 1, hosts, n, error);
    atomic_store(&gateway->shared.generation, gateway->generation);
    free(hosts);
    return gateway->generation != NULL;
}

/* With port 0 the first worker is given one by the system, and the others share it. */
static bool listen_all(struct gateway *gateway, struct gw_buf *error) {
    uint16_t port = (uint16_t)gateway->settings->port;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        if (!(port = gw_worker_listen(gateway->workers[i], port, error)))
            return false;
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "listening");
    gw_log_str(line, "host", gw_str_from(gateway->settings->host));
    gw_log_int(line, "port", port);
    gw_log_int(line, "workers", gateway->settings->workers);
    gw_log_int(line, "routes", gateway->generation->states[0]->n_routes);
    gw_log_end(line);
    return true;
}

/* --- the control loop --- */

static void drain_workers(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_drain(gateway->workers[i]);
    event_base_loopbreak(gateway->base);
}

static void on_signal(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    if (atomic_exchange(&gateway->draining, true)) {
        drain_workers(-1, 0, gateway); /* asked twice: no longer accepting for the others' sake */
        return;
    }
    gw_log(GW_LOG_INFO, "shutting down");
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_leave(gateway->workers[i]);
    int64_t ms = gateway->settings->drain_ms;
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    event_base_once(gateway->base, -1, EV_TIMEOUT, drain_workers, gateway, &after);
}

/* Asked once more, while it frees what it had: without its handler the signal would kill it. */
static void block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void control(struct gateway *gateway) {
    struct event *term = evsignal_new(gateway->base, SIGTERM, on_signal, gateway);
    struct event *interrupt = evsignal_new(gateway->base, SIGINT, on_signal, gateway);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_start(gateway->workers[i]);
    event_base_dispatch(gateway->base);
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_join(gateway->workers[i]);
    block_signals();
    event_free(term);
    event_free(interrupt);
}

/* --- life --- */

static void init(struct gateway *gateway, const struct gw_settings *settings) {
    *gateway = (struct gateway){
        .settings = settings,
        .shared = {.settings = settings,
                   .backends = gw_backends_new(),
                   .jobs = gw_jobs_new(MAX_JOBS, MAX_RESULTS, KEEP_JOB_MS),
                   .ready = is_ready,
                   .user = gateway},
        .base = event_base_new(),
    };
}

/* Connections before states, states before the clients their calls run on. */
static void fini(struct gateway *gateway) {
    unsigned n = gateway->workers ? (unsigned)gateway->settings->workers : 0;
    for (unsigned i = 0; i < n; i++)
        gw_worker_close(gateway->workers[i]);
    gw_generation_free(gateway->generation);
    for (unsigned i = 0; i < n; i++)
        gw_worker_free(gateway->workers[i]);
    free(gateway->workers);
    gw_jobs_free(gateway->shared.jobs);
    gw_backends_free(gateway->shared.backends);
    event_base_free(gateway->base);
}

int gw_gateway_run(const struct gw_settings *settings) {
    struct gateway gateway;
    struct gw_buf error = {0};
    gw_log_set_level(settings->log_level);
    gw_log_set_format(settings->log_format);
    signal(SIGPIPE, SIG_IGN);
    init(&gateway, settings);
    make_workers(&gateway);
    bool ok = load(&gateway, &error) && listen_all(&gateway, &error);
    if (ok)
        control(&gateway);
    else
        fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    fini(&gateway);
    gw_buf_fini(&error);
    return ok ? 0 : 1;
}
