#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/metric_core.h"

#include <stdlib.h>
#include <string.h>

#define LEASE_MARGIN_MS 1000
#define LEASE_LEAST_MS  (600 * 1000) /* a call may ask for more time than its backend gives */

struct named_breaker {
    struct named_breaker *next;
    char *name;                 /* owned */
    struct gw_breaker *breaker; /* owned */
    struct gw_breaker_gauges gauges;
};

struct gw_backends {
    pthread_mutex_t mutex;          /* guards both lists; their members stay until the end */
    struct gw_backend *backends;    /* owned */
    struct named_breaker *breakers; /* owned */
};

struct gw_backends *gw_backends_new(void) {
    struct gw_backends *backends = gw_calloc(1, sizeof *backends);
    pthread_mutex_init(&backends->mutex, NULL);
    return backends;
}

static void free_backends(struct gw_backend *backend) {
    while (backend) {
        struct gw_backend *next = backend->next;
        gw_target_free_all(backend);
        gw_backend_free_hosts(backend);
        gw_bulkhead_fini(&backend->bulkhead);
        gw_retry_budget_free(backend->budget);
        gw_breaker_free(backend->breaker);
        free(backend->name);
        free(backend);
        backend = next;
    }
}

static void free_breakers(struct named_breaker *named) {
    while (named) {
        struct named_breaker *next = named->next;
        gw_breaker_free(named->breaker);
        free(named->name);
        free(named);
        named = next;
    }
}

void gw_backends_free(struct gw_backends *backends) {
    if (!backends)
        return;
    free_backends(backends->backends);
    free_breakers(backends->breakers);
    pthread_mutex_destroy(&backends->mutex);
    free(backends);
}

/* --- What a breaker does is told --- */

static void log_change(const char *kind, const char *name, const char *host,
                       const struct gw_breaker_change *change, const char *last_failure) {
    bool is_bad = change->to == GW_BREAKER_OPEN || change->to == GW_BREAKER_FORCED_OPEN;
    enum gw_log_level level = is_bad ? GW_LOG_WARN : GW_LOG_INFO;
    if (!gw_log_enabled(level))
        return;
    struct gw_buf *line = gw_log_begin(level, "breaker");
    gw_log_str(line, kind, gw_str_from(name));
    if (host)
        gw_log_safe(line, "host", gw_str_from(host));
    gw_log_str(line, "from", gw_str_from(gw_breaker_state_name(change->from)));
    gw_log_str(line, "to", gw_str_from(gw_breaker_state_name(change->to)));
    gw_log_str(line, "reason", gw_str_from(change->reason));
    if (last_failure && change->to == GW_BREAKER_OPEN)
        gw_log_str(line, "last_failure", gw_str_from(last_failure));
    gw_log_end(line);
}

void gw_backend_tell_change(const struct gw_backend *backend, const char *host,
                            const struct gw_breaker_change *change) {
    gw_metric_add(gw_core_metric(GW_CORE_BREAKER_TRANSITIONS, backend->name, host,
                                 gw_breaker_state_name(change->to)),
                  1);
    log_change("backend", backend->name, host, change, atomic_load(&backend->last_error));
}

static void on_backend_change(void *user, const struct gw_breaker_change *change) {
    gw_backend_tell_change(user, NULL, change);
}

static void on_breaker_change(void *user, const struct gw_breaker_change *change) {
    const struct named_breaker *named = user;
    gw_metric_add(gw_core_metric(GW_CORE_NAMED_BREAKER_TRANSITIONS, named->name,
                                 gw_breaker_state_name(change->to), NULL),
                  1);
    log_change("name", named->name, NULL, change, NULL);
}

/* A trial that ends by its timeout must still find its lease. */
static struct gw_breaker_options breaker_options(const struct gw_backend_options *options) {
    struct gw_breaker_options breaker = options->breaker;
    int64_t least_ms = options->timeout_ms + LEASE_MARGIN_MS;
    if (least_ms < LEASE_LEAST_MS)
        least_ms = LEASE_LEAST_MS;
    if (breaker.lease_ms < least_ms)
        breaker.lease_ms = least_ms;
    return breaker;
}

/* --- The lists --- */

static struct gw_backend *backend_named(struct gw_backends *backends, const char *name) {
    struct gw_backend *backend = backends->backends;
    while (backend && strcmp(backend->name, name) != 0)
        backend = backend->next;
    return backend;
}

static struct gw_backend *add_backend(struct gw_backends *backends, const char *name,
                                      const struct gw_backend_options *options) {
    struct gw_backend *backend = gw_calloc(1, sizeof *backend);
    backend->name = gw_strdup(name);
    backend->meter = gw_meter_of_backend(gw_str_from(name));
    backend->breaker = gw_breaker_new(breaker_options(options), on_backend_change, backend);
    backend->budget = gw_retry_budget_new(options->budget);
    gw_bulkhead_init(&backend->bulkhead);
    backend->next = backends->backends;
    return backends->backends = backend;
}

static void configure(struct gw_backend *backend, const struct gw_backend_options *options) {
    struct gw_breaker_options breaker = breaker_options(options);
    gw_breaker_configure(backend->breaker, breaker);
    gw_retry_budget_configure(backend->budget, options->budget);
    gw_bulkhead_configure(&backend->bulkhead, options->max_concurrent, options->max_waiting);
    atomic_store(&backend->target, gw_target_for(backend, options, &breaker));
}

struct gw_backend *gw_backends_declare(struct gw_backends *backends, const char *name,
                                       const struct gw_backend_options *options,
                                       const char **error) {
    *error = gw_target_fault(options);
    if (*error)
        return NULL;
    pthread_mutex_lock(&backends->mutex);
    struct gw_backend *backend = backend_named(backends, name);
    if (!backend) {
        backend = add_backend(backends, name, options);
        configure(backend, options);
    }
    pthread_mutex_unlock(&backends->mutex);
    return backend;
}

void gw_backends_configure(struct gw_backends *backends, struct gw_backend *backend,
                           const struct gw_backend_options *options) {
    pthread_mutex_lock(&backends->mutex);
    configure(backend, options);
    pthread_mutex_unlock(&backends->mutex);
}

struct gw_backend *gw_backends_define(struct gw_backends *backends, const char *name,
                                      const struct gw_backend_options *options,
                                      const char **error) {
    struct gw_backend *backend = gw_backends_declare(backends, name, options, error);
    if (backend)
        gw_backends_configure(backends, backend, options);
    return backend;
}

void gw_backend_options_copy(struct gw_backend_options *to,
                             const struct gw_backend_options *options) {
    *to = *options;
    for (unsigned i = 0; i < options->n_urls; i++)
        to->urls[i] = gw_strdup(options->urls[i]);
    if (options->health.path)
        to->health.path = gw_strdup(options->health.path);
}

void gw_backend_options_fini(struct gw_backend_options *options) {
    for (unsigned i = 0; i < options->n_urls; i++)
        free((char *)options->urls[i]);
    free((char *)options->health.path);
}

struct gw_backend *gw_backends_find(struct gw_backends *backends, struct gw_str name) {
    pthread_mutex_lock(&backends->mutex);
    struct gw_backend *backend = backends->backends;
    while (backend && !gw_str_equal(gw_str_from(backend->name), name))
        backend = backend->next;
    pthread_mutex_unlock(&backends->mutex);
    return backend;
}

void gw_backends_measure(struct gw_backends *backends) {
    int64_t now_ms = gw_clock_ms();
    pthread_mutex_lock(&backends->mutex);
    for (struct gw_backend *at = backends->backends; at; at = at->next)
        gw_backend_measure(at, now_ms);
    for (struct named_breaker *at = backends->breakers; at; at = at->next)
        gw_breaker_measure(at->name, &at->gauges, at->breaker, now_ms);
    pthread_mutex_unlock(&backends->mutex);
}

const char *gw_backend_name(const struct gw_backend *backend) {
    return backend->name;
}

/* --- Breakers that stand alone --- */

static struct named_breaker *breaker_named(struct gw_backends *backends, const char *name) {
    struct named_breaker *named = backends->breakers;
    while (named && strcmp(named->name, name) != 0)
        named = named->next;
    return named;
}

static struct named_breaker *add_breaker(struct gw_backends *backends, const char *name,
                                         const struct gw_breaker_options *options) {
    struct named_breaker *named = gw_calloc(1, sizeof *named);
    named->name = gw_strdup(name);
    named->breaker = gw_breaker_new(*options, on_breaker_change, named);
    named->next = backends->breakers;
    return backends->breakers = named;
}

struct gw_breaker *gw_backends_breaker(struct gw_backends *backends, const char *name,
                                       const struct gw_breaker_options *options) {
    pthread_mutex_lock(&backends->mutex);
    struct named_breaker *named = breaker_named(backends, name);
    if (!named)
        named = add_breaker(backends, name, options);
    pthread_mutex_unlock(&backends->mutex);
    return named->breaker;
}
