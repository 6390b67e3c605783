#include "gateway.h"

#include "admin/admin.h"
#include "base/alloc.h"
#include "base/notify.h"
#include "base/secret.h"
#include "engine/watch.h"
#include "lua/generations.h"
#include "policy/metric_core.h"
#include "worker.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_JOBS       1000 /* waiting and running */
#define JOB_ATTEMPTS   3
#define JOB_REWRITE_MS 1000

/* Of log lines that wait to be written: of all threads, and at least of one. */
#define LOG_BYTES       ((size_t)4 << 20)
#define LEAST_LOG_BYTES ((size_t)128 << 10)

#define LOOK_AGAIN_S 1  /* where scripts could not be loaded yet */
#define COMPLAIN_S   60 /* while the last good scripts stand in for those on disk */

/* What the journal keeps. */
#define KEEP_SAGA_MS (INT64_C(30) * 86400 * 1000)
#define MAX_SAGAS    1000000
#define MAX_KEYS     1000000
#define KEEP_JOB_MS  (INT64_C(86400) * 1000)
#define MAX_OLD_JOBS 10000
#define MAX_BYTES    (INT64_C(1) << 30)

struct gateway {
    const struct gw_settings *settings;
    struct gw_worker_shared shared;
    struct gw_worker **workers;
    struct gw_generations generations;
    struct event_base *base; /* of the control loop */
    struct gw_watch *watch;
    struct gw_admin *admin;
    struct event *look_again, *complain;
    int released_fd; /* workers have let go of a generation */
    struct event *released;
    atomic_bool draining;
};

static bool is_ready(void *user, const char **reason) {
    struct gateway *gateway = user;
    if (atomic_load(&gateway->draining))
        *reason = "shutting down";
    else if (gw_journal_fault(gateway->shared.journal))
        *reason = "journal";
    else if (!gw_sagas_are_recovered(&gateway->shared.sagas))
        *reason = "recovering";
    else
        return true;
    return false;
}

/* --- start --- */

static bool open_journal(struct gateway *gateway, struct gw_buf *error) {
    const char *folder = gateway->settings->data_dir;
    struct gw_store *store = gw_store_sqlite_open_or_wait(folder, error);
    struct gw_store_limits limits = {
        .sagas = {KEEP_SAGA_MS, MAX_SAGAS},
        .jobs = {KEEP_JOB_MS, MAX_OLD_JOBS},
        .keys = {gateway->settings->idempotency_keep_ms, MAX_KEYS},
        .max_bytes = MAX_BYTES,
    };
    if (!store)
        return false;
    gw_buf_clear(error); /* what is wrong with the store is the journal's to tell */
    gateway->shared.journal = gw_journal_new(store, &limits);
    gateway->shared.keys = gw_keys_new(gateway->settings->idempotency_keep_ms,
                                       (size_t)gateway->settings->idempotency_max_bytes);
    gateway->shared.keyspaces = gw_keyspaces_new(folder);
    return true;
}

static void make_workers(struct gateway *gateway) {
    unsigned n = (unsigned)gateway->settings->workers;
    gateway->workers = gw_calloc(n, sizeof(struct gw_worker *));
    for (unsigned i = 0; i < n; i++)
        gateway->workers[i] = gw_worker_new(&gateway->shared, i);
}

static void tell_workers(void *user) {
    struct gateway *gateway = user;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_look(gateway->workers[i]);
}

static bool load(struct gateway *gateway, struct gw_buf *error) {
    unsigned n = (unsigned)gateway->settings->workers;
    struct gw_host *hosts = gw_calloc(n, sizeof *hosts);
    for (unsigned i = 0; i < n; i++)
        hosts[i] = gw_worker_host(gateway->workers[i]);
    gw_generations_init(&gateway->generations, gateway->settings, hosts, n, tell_workers, gateway);
    free(hosts);
    return gw_generations_start(&gateway->generations, error);
}

static void log_listening(const struct gateway *gateway, uint16_t port) {
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "listening");
    gw_log_str(line, "host", gw_str_from(gateway->settings->host));
    gw_log_int(line, "port", port);
    gw_log_int(line, "workers", gateway->settings->workers);
    gw_log_int(line, "routes", gateway->generations.live->states[0]->n_routes);
    gw_log_int(line, "generation", gateway->generations.live->number);
    gw_log_end(line);
    line = gw_log_begin(GW_LOG_INFO, "admin listening");
    gw_log_str(line, "host", gw_str_from(gateway->settings->admin_host));
    gw_log_int(line, "port", gw_admin_port(gateway->admin));
    gw_log_end(line);
}

static void look_at_saga(void *user, int64_t number) {
    struct gateway *gateway = user;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_sagas_look_at(gw_worker_sagas(gateway->workers[i]), number);
}

static struct gw_metric_sources metric_sources(struct gateway *gateway) {
    return (struct gw_metric_sources){
        .generations = &gateway->generations,
        .backends = gateway->shared.backends,
        .jobs = gateway->shared.jobs,
        .in_flight = &gateway->shared.in_flight,
        .n_connections = &gateway->shared.n_connections,
    };
}

static struct gw_recent *recent_of(void *user, unsigned worker) {
    const struct gateway *gateway = user;
    return gw_worker_recent(gateway->workers[worker]);
}

static struct gw_admin *new_admin(struct gateway *gateway, struct gw_buf *error) {
    struct gw_admin_parts parts = {
        .settings = gateway->settings,
        .generations = &gateway->generations,
        .backends = gateway->shared.backends,
        .journal = gateway->shared.journal,
        .jobs = gateway->shared.jobs,
        .metrics = metric_sources(gateway),
        .ready = is_ready,
        .look_at_saga = look_at_saga,
        .recent = recent_of,
        .user = gateway,
    };
    return gw_admin_new(gateway->base, &parts, error);
}

/* With port 0 the first worker is given one by the system, and the others share it. */
static bool listen_all(struct gateway *gateway, struct gw_buf *error) {
    uint16_t port = (uint16_t)gateway->settings->port;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        if (!(port = gw_worker_listen(gateway->workers[i], port, error)))
            return false;
    gateway->admin = new_admin(gateway, error);
    if (gateway->admin && gw_log_enabled(GW_LOG_INFO))
        log_listening(gateway, port);
    return gateway->admin != NULL;
}

/* --- scripts that change --- */

static void look(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    struct timeval later = {LOOK_AGAIN_S, 0};
    if (gw_generations_look(&gateway->generations) == GW_RELOAD_BUSY)
        event_add(gateway->look_again, &later);
}

static void on_change(void *user) {
    look(-1, 0, user);
}

static void on_hangup(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    struct gw_buf errors = {0};
    if (gw_generations_reload(&gateway->generations, "SIGHUP", &errors) == GW_RELOAD_BUSY)
        gw_log(GW_LOG_WARN, "scripts not reloaded: %.*s", GW_STR_ARG(gw_buf_str(&errors)));
    gw_buf_fini(&errors);
}

/* By the last worker that let go of a generation, on that worker's thread. */
static void tell_released(void *user) {
    struct gateway *gateway = user;
    eventfd_write(gateway->released_fd, 1);
}

static void on_released(evutil_socket_t fd, short what, void *user) {
    (void)what;
    struct gateway *gateway = user;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    gw_generations_reap(&gateway->generations);
}

static void on_complain(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    gw_generations_complain(&gateway->generations);
}

/* From here on the folder is watched, and read once more for what has changed since it was loaded.
 */
static void begin_watching(struct gateway *gateway) {
    struct timeval every = {COMPLAIN_S, 0};
    gw_generations_complain(&gateway->generations);
    event_add(gateway->complain, &every);
    event_add(gateway->released, NULL);
    gateway->watch =
        gw_watch_new(gateway->base, gateway->settings->scripts_dir, on_change, gateway);
    on_change(gateway);
}

static void end_watching(struct gateway *gateway) {
    gateway->generations.is_closed = true;
    gw_watch_free(gateway->watch);
    gateway->watch = NULL;
    event_del(gateway->look_again);
    event_del(gateway->complain);
}

/* What is left of an earlier process is known before anybody can ask for more. */
static bool start(struct gateway *gateway, struct gw_buf *error) {
    if (!open_journal(gateway, error))
        return false;
    make_workers(gateway);
    if (!load(gateway, error))
        return false;
    gw_sagas_recover(gw_worker_sagas(gateway->workers[0]));
    gw_job_runner_recover(gw_worker_host(gateway->workers[0]).jobs);
    if (!listen_all(gateway, error))
        return false;
    if (!gateway->settings->data_dir)
        gw_log(GW_LOG_WARN,
               "DATA_DIR is not set: what sagas have to undo, and jobs, are lost with the process");
    return true;
}

/* --- the control loop --- */

static void drain_workers(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_drain(gateway->workers[i]);
    gw_admin_drain(gateway->admin);
    event_base_loopbreak(gateway->base);
}

static void on_signal(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gateway *gateway = user;
    if (atomic_exchange(&gateway->draining, true)) {
        drain_workers(-1, 0, gateway); /* asked twice: no longer accepting for the others' sake */
        return;
    }
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_leave(gateway->workers[i]);
    gw_log(GW_LOG_INFO, "shutting down");
    gw_notify("STOPPING=1");
    end_watching(gateway);
    gw_admin_leave(gateway->admin);
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
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void control(struct gateway *gateway) {
    struct event *term = evsignal_new(gateway->base, SIGTERM, on_signal, gateway);
    struct event *interrupt = evsignal_new(gateway->base, SIGINT, on_signal, gateway);
    struct event *hangup = evsignal_new(gateway->base, SIGHUP, on_hangup, gateway);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    event_add(hangup, NULL);
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_start(gateway->workers[i], gateway->generations.live);
    begin_watching(gateway);
    gw_notify("READY=1");
    event_base_dispatch(gateway->base);
    for (unsigned i = 0; i < gateway->settings->workers; i++)
        gw_worker_join(gateway->workers[i]);
    block_signals();
    event_free(term);
    event_free(interrupt);
    event_free(hangup);
}

/* --- life --- */

static struct gw_jobs *new_jobs(const struct gw_settings *settings) {
    struct gw_job_limits limits = {
        .max_unfinished = MAX_JOBS,
        .at_once = (unsigned)settings->jobs_at_once,
        .attempts = JOB_ATTEMPTS,
        .max_result = (size_t)settings->max_job_result,
        .pause_ms = settings->job_retry_ms,
        .rewrite_ms = JOB_REWRITE_MS,
    };
    return gw_jobs_new(&limits);
}

/* NULL if none are to be exported. */
static struct gw_exporter *new_exporter(const struct gw_settings *settings) {
    struct gw_exporter_options options;
    return gw_exporter_options_init(&options, settings) ? gw_exporter_new(&options) : NULL;
}

static void init(struct gateway *gateway, const struct gw_settings *settings) {
    *gateway = (struct gateway){
        .settings = settings,
        .shared = {.settings = settings,
                   .backends = gw_backends_new(),
                   .jobs = new_jobs(settings),
                   .sampler = gw_exporter_sampler(settings),
                   .exporter = new_exporter(settings),
                   .ready = is_ready,
                   .released = tell_released,
                   .user = gateway},
        .base = event_base_new(),
        .released_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    gateway->look_again = evtimer_new(gateway->base, look, gateway);
    gateway->complain = event_new(gateway->base, -1, EV_PERSIST, on_complain, gateway);
    gateway->released =
        event_new(gateway->base, gateway->released_fd, EV_READ | EV_PERSIST, on_released, gateway);
}

/* Connections before states, states before the clients their calls run on. */
static void fini(struct gateway *gateway) {
    unsigned n = gateway->workers ? (unsigned)gateway->settings->workers : 0;
    for (unsigned i = 0; i < n; i++)
        gw_worker_close(gateway->workers[i]);
    gw_admin_free(gateway->admin);
    gw_watch_free(gateway->watch);
    gw_generations_fini(&gateway->generations);
    for (unsigned i = 0; i < n; i++)
        gw_worker_free(gateway->workers[i]);
    free(gateway->workers);
    gw_exporter_free(gateway->shared.exporter); /* has the last records now */
    gw_keyspaces_free(gateway->shared.keyspaces);
    gw_journal_free(gateway->shared.journal);
    gw_keys_free(gateway->shared.keys);
    gw_jobs_free(gateway->shared.jobs);
    gw_backends_free(gateway->shared.backends);
    event_free(gateway->look_again);
    event_free(gateway->complain);
    event_free(gateway->released);
    event_base_free(gateway->base);
    close(gateway->released_fd);
}

/* Who writes scripts repeats a request to see its error again: nothing is folded then. */
static void start_log(const struct gw_settings *settings) {
    size_t share = LOG_BYTES / ((size_t)settings->workers + 2);
    struct gw_log_options options = {
        .queue_bytes = share > LEAST_LOG_BYTES ? share : LEAST_LOG_BYTES,
        .fold_ms = settings->development ? 0 : settings->log_fold_ms,
    };
    gw_log_set_level(settings->log_level);
    gw_log_set_format(settings->log_format);
    gw_secret_add_names(settings->log_redact);
    gw_log_start(&options);
}

int gw_gateway_run(const struct gw_settings *settings) {
    struct gateway gateway;
    struct gw_buf error = {0};
    start_log(settings);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until it is waited for */
    gw_metrics_init();
    init(&gateway, settings);
    bool ok = start(&gateway, &error);
    if (ok)
        control(&gateway);
    else
        fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    fini(&gateway);
    gw_log_stop();
    gw_buf_fini(&error);
    return ok ? 0 : 1;
}
