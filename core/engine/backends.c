#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/grammar.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A trial that ends by its timeout must still find its lease. */
#define LEASE_MARGIN_MS 1000

struct named_breaker {
    struct named_breaker *next;
    char *name;                 /* owned */
    struct gw_breaker *breaker; /* owned */
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

static void free_targets(struct gw_target *target) {
    while (target) {
        struct gw_target *next = target->next;
        free(target->url);
        free(target);
        target = next;
    }
}

static void free_backends(struct gw_backend *backend) {
    while (backend) {
        struct gw_backend *next = backend->next;
        free_targets(backend->targets);
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

static void log_change(const char *kind, const char *name, enum gw_breaker_state from,
                       enum gw_breaker_state to, const char *reason) {
    enum gw_log_level level = to == GW_BREAKER_OPEN ? GW_LOG_WARN : GW_LOG_INFO;
    if (!gw_log_enabled(level))
        return;
    struct gw_buf *line = gw_log_begin(level, "breaker");
    gw_log_str(line, kind, gw_str_from(name));
    gw_log_str(line, "from", gw_str_from(gw_breaker_state_name(from)));
    gw_log_str(line, "to", gw_str_from(gw_breaker_state_name(to)));
    if (reason)
        gw_log_str(line, "reason", gw_str_from(reason));
    gw_log_end(line);
}

static void on_backend_change(void *user, enum gw_breaker_state from, enum gw_breaker_state to) {
    struct gw_backend *backend = user;
    const char *reason = to == GW_BREAKER_OPEN ? atomic_load(&backend->last_error) : NULL;
    log_change("backend", backend->name, from, to, reason);
}

static void on_breaker_change(void *user, enum gw_breaker_state from, enum gw_breaker_state to) {
    struct named_breaker *named = user;
    log_change("name", named->name, from, to, NULL);
}

/* --- Options --- */

static struct gw_str without_scheme(struct gw_str url) {
    static const struct gw_str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < 2; i++) {
        size_t n = schemes[i].len;
        if (url.len >= n && gw_str_equal((struct gw_str){url.data, n}, schemes[i]))
            return (struct gw_str){url.data + n, url.len - n};
    }
    return (struct gw_str){url.data, 0};
}

static bool is_base_url(const char *url) {
    struct gw_str rest = without_scheme(gw_str_from(url));
    const char *slash = memchr(rest.data, '/', rest.len);
    size_t n = slash ? (size_t)(slash - rest.data) : rest.len;
    struct gw_str path = {rest.data + n, rest.len - n};
    return gw_authority_is_valid((struct gw_str){rest.data, n}) &&
           gw_str_span(path, GW_CHAR_PATH) == path.len;
}

static const char *fault_of(const struct gw_backend_options *options) {
    if (!is_base_url(options->url))
        return "url must be http://host[:port][/path] or https://...";
    if (options->connect_timeout_ms < 1 || options->timeout_ms < 1)
        return "timeouts must be above 0";
    if (options->max_response < 1)
        return "max_response must be above 0";
    if (options->breaker.threshold < 1)
        return "the breaker's threshold must be at least 1";
    if (options->breaker.trials < 1 || options->breaker.trials > GW_BREAKER_MAX_TRIALS)
        return "the breaker's trials are out of range";
    if (options->breaker.recovery_ms < 1)
        return "the breaker's recovery must be above 0";
    return NULL;
}

static size_t url_size(const char *url) {
    size_t n = strlen(url);
    while (url[n - 1] == '/')
        n--;
    return n;
}

static bool is_target(const struct gw_target *target, const struct gw_backend_options *options) {
    size_t n = url_size(options->url);
    return strlen(target->url) == n && memcmp(target->url, options->url, n) == 0 &&
           target->connect_timeout_ms == options->connect_timeout_ms &&
           target->timeout_ms == options->timeout_ms &&
           target->max_response == options->max_response;
}

static struct gw_target *target_new(const struct gw_backend_options *options) {
    struct gw_target *target = gw_calloc(1, sizeof *target);
    target->url = gw_strndup(options->url, url_size(options->url));
    target->connect_timeout_ms = options->connect_timeout_ms;
    target->timeout_ms = options->timeout_ms;
    target->max_response = options->max_response;
    return target;
}

/* What has been there before is used again, so that reloads back and forth take no memory. */
static struct gw_target *target_for(struct gw_backend *backend,
                                    const struct gw_backend_options *options) {
    struct gw_target *target = backend->targets;
    while (target && !is_target(target, options))
        target = target->next;
    if (!target) {
        target = target_new(options);
        target->next = backend->targets;
        backend->targets = target;
    }
    return target;
}

static struct gw_breaker_options breaker_options(const struct gw_backend_options *options) {
    struct gw_breaker_options breaker = options->breaker;
    int64_t least_ms = options->timeout_ms + LEASE_MARGIN_MS;
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
                                      struct gw_breaker_options options) {
    struct gw_backend *backend = gw_calloc(1, sizeof *backend);
    backend->name = gw_strdup(name);
    backend->breaker = gw_breaker_new(options, on_backend_change, backend);
    backend->next = backends->backends;
    return backends->backends = backend;
}

struct gw_backend *gw_backends_define(struct gw_backends *backends, const char *name,
                                      const struct gw_backend_options *options,
                                      const char **error) {
    *error = fault_of(options);
    if (*error)
        return NULL;
    pthread_mutex_lock(&backends->mutex);
    struct gw_backend *backend = backend_named(backends, name);
    if (!backend)
        backend = add_backend(backends, name, breaker_options(options));
    gw_breaker_configure(backend->breaker, breaker_options(options));
    atomic_store(&backend->target, target_for(backend, options));
    pthread_mutex_unlock(&backends->mutex);
    return backend;
}

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
    if (named)
        gw_breaker_configure(named->breaker, *options);
    else
        named = add_breaker(backends, name, options);
    pthread_mutex_unlock(&backends->mutex);
    return named->breaker;
}
