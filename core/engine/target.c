/* A backend's options: whether they can be, and the target that calls are given of them. */
#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "http/grammar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Whether they can be --- */

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

/* Hosts are told apart by it. */
static struct gw_str without_slash(const char *url) {
    size_t n = strlen(url);
    while (url[n - 1] == '/')
        n--;
    return (struct gw_str){url, n};
}

static bool is_among(const struct gw_backend_options *options, unsigned n, const char *url) {
    for (unsigned i = 0; i < n; i++)
        if (gw_str_equal(without_slash(options->urls[i]), without_slash(url)))
            return true;
    return false;
}

static const char *fault_of_urls(const struct gw_backend_options *options) {
    if (options->n_urls < 1 || options->n_urls > GW_BACKEND_MAX_HOSTS)
        return "urls must name 1 to 64 hosts";
    for (unsigned i = 0; i < options->n_urls; i++) {
        if (!is_base_url(options->urls[i]))
            return "url must be http://host[:port][/path] or https://...";
        if (is_among(options, i, options->urls[i]))
            return "urls names a host twice";
    }
    return NULL;
}

static bool is_path(const char *path) {
    struct gw_str s = gw_str_from(path);
    return path[0] == '/' && gw_str_span(s, GW_CHAR_QUERY) == s.len;
}

static const char *fault_of_health(const struct gw_health_check *health) {
    if (!health->path)
        return NULL;
    if (!is_path(health->path))
        return "health.path must be a path";
    if (health->interval_ms < 1)
        return "health.interval must be above 0";
    if (health->healthy < 1 || health->unhealthy < 1)
        return "health.healthy and health.unhealthy must be at least 1";
    return NULL;
}

const char *gw_target_fault(const struct gw_backend_options *options) {
    const char *fault = fault_of_urls(options);
    if (fault)
        return fault;
    if (options->connect_timeout_ms < 1 || options->timeout_ms < 1 || options->try_timeout_ms < 0)
        return "timeouts must be above 0";
    if (options->max_response < 1)
        return "max_response must be above 0";
    if (options->breaker.trials < 1 || options->breaker.trials > GW_BREAKER_MAX_TRIALS)
        return "trials must be 1 to 64";
    if (options->breaker.recovery_ms < 1)
        return "recovery must be above 0";
    if (options->retry.attempts < 1)
        return "attempts must be at least 1";
    return fault_of_health(&options->health);
}

/* --- The target --- */

static char *make_key(const struct gw_backend_options *o) {
    struct gw_buf key = {0};
    for (unsigned i = 0; i < o->n_urls; i++)
        gw_buf_printf(&key, "%.*s ", GW_STR_ARG(without_slash(o->urls[i])));
    gw_buf_printf(&key, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64 " %d %d %u",
                  o->connect_timeout_ms, o->timeout_ms, o->try_timeout_ms, o->hedge_ms,
                  o->max_response, o->breaker_per_host, o->count_429, o->max_concurrent);
    gw_buf_printf(&key, " %u %" PRId64 " %" PRId64, o->retry.attempts, o->retry.base_ms,
                  o->retry.cap_ms);
    for (unsigned i = 0; i < o->retry.n_statuses; i++)
        gw_buf_printf(&key, " %u", o->retry.statuses[i]);
    if (o->health.path)
        gw_buf_printf(&key, " %s %" PRId64 " %u %u", o->health.path, o->health.interval_ms,
                      o->health.healthy, o->health.unhealthy);
    gw_buf_append_char(&key, '\0');
    return key.data;
}

static struct gw_target *make(struct gw_backend *backend, const struct gw_backend_options *o,
                              char *take_key) {
    struct gw_target *target = gw_calloc(1, sizeof *target + o->n_urls * sizeof target->hosts[0]);
    target->key = take_key;
    target->connect_timeout_ms = o->connect_timeout_ms;
    target->timeout_ms = o->timeout_ms;
    target->try_timeout_ms = o->try_timeout_ms;
    target->hedge_ms = o->hedge_ms;
    target->max_response = o->max_response;
    target->breaker_per_host = o->breaker_per_host && o->n_urls > 1;
    target->count_429 = o->count_429;
    target->max_concurrent = o->max_concurrent;
    target->retry = o->retry;
    target->health = o->health;
    if (o->health.path)
        target->health.path = gw_strdup(o->health.path);
    target->n_hosts = o->n_urls;
    for (unsigned i = 0; i < o->n_urls; i++)
        target->hosts[i] = gw_backend_host(backend, without_slash(o->urls[i]));
    target->balancer = gw_balancer_new(o->n_urls);
    return target;
}

static void configure_hosts(const struct gw_target *target,
                            const struct gw_breaker_options *breaker) {
    for (unsigned i = 0; i < target->n_hosts; i++)
        gw_backend_configure_host(target->hosts[i], breaker, &target->health);
}

/* What has been there before is used again, so that reloads back and forth take no memory. */
struct gw_target *gw_target_for(struct gw_backend *backend,
                                const struct gw_backend_options *options,
                                const struct gw_breaker_options *breaker) {
    char *key = make_key(options);
    struct gw_target *target = backend->targets;
    while (target && strcmp(target->key, key) != 0)
        target = target->next;
    if (target) {
        free(key);
    } else {
        target = make(backend, options, key);
        target->next = backend->targets;
        backend->targets = target;
    }
    configure_hosts(target, breaker);
    return target;
}

void gw_target_free_all(struct gw_backend *backend) {
    while (backend->targets) {
        struct gw_target *target = backend->targets;
        backend->targets = target->next;
        gw_balancer_free(target->balancer);
        free((char *)target->health.path);
        free(target->key);
        free(target);
    }
}
