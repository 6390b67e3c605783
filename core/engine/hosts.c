/* The hosts of a backend, and the choice of one for an attempt: of those that are well and to which
 * this worker has room for one more connection, not tried yet if there is one, the less busy of
 * two. If none is well, all are used: a backend that is called in vain comes back by itself, one
 * that is not called does not. */
#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* --- The list of a backend --- */

static void on_change(void *user, const struct gw_breaker_change *change) {
    const struct gw_backend_host *host = user;
    gw_backend_tell_change(host->backend, host->url, change);
}

static struct gw_backend_host *find(const struct gw_backend *backend, struct gw_str url) {
    struct gw_backend_host *host = backend->hosts;
    while (host && !gw_str_equal(gw_str_from(host->url), url))
        host = host->next;
    return host;
}

static struct gw_backend_host *make(struct gw_backend *backend, struct gw_str url) {
    struct gw_backend_host *host = gw_calloc(1, sizeof *host);
    host->backend = backend;
    host->url = gw_strndup(url.data, url.len);
    host->breaker = gw_breaker_new((struct gw_breaker_options){0}, on_change, host);
    pthread_mutex_init(&host->mutex, NULL);
    host->next = backend->hosts;
    return backend->hosts = host;
}

struct gw_backend_host *gw_backend_host(struct gw_backend *backend, struct gw_str url) {
    struct gw_backend_host *host = find(backend, url);
    return host ? host : make(backend, url);
}

void gw_backend_configure_host(struct gw_backend_host *host,
                               const struct gw_breaker_options *breaker,
                               const struct gw_health_check *health) {
    gw_breaker_configure(host->breaker, *breaker);
    pthread_mutex_lock(&host->mutex);
    gw_health_configure(&host->health, health->healthy, health->unhealthy);
    pthread_mutex_unlock(&host->mutex);
    gw_backend_host_obey(host);
}

void gw_backend_free_hosts(struct gw_backend *backend) {
    while (backend->hosts) {
        struct gw_backend_host *host = backend->hosts;
        backend->hosts = host->next;
        pthread_mutex_destroy(&host->mutex);
        gw_breaker_free(host->breaker);
        free(host->url);
        free(host);
    }
}

/* --- The choice --- */

static bool is_out(const struct gw_target *target, const struct gw_backend_host *host,
                   int64_t now_ms) {
    if (target->health.path && atomic_load(&host->is_out))
        return true;
    return target->breaker_per_host && gw_breaker_state(host->breaker, now_ms) == GW_BREAKER_OPEN;
}

/* Neither out nor, half-open, with all its trials in flight. */
static bool is_well(const struct gw_target *target, const struct gw_backend_host *host,
                    int64_t now_ms) {
    int64_t ignored;
    return !is_out(target, host, now_ms) &&
           (!target->breaker_per_host || gw_breaker_lets_in(host->breaker, now_ms, &ignored));
}

static uint64_t those_that(bool (*are)(const struct gw_target *, const struct gw_backend_host *,
                                       int64_t),
                           const struct gw_target *target, int64_t now_ms) {
    uint64_t hosts = 0;
    for (unsigned i = 0; i < target->n_hosts; i++)
        if (are(target, target->hosts[i], now_ms))
            hosts |= UINT64_C(1) << i;
    return hosts;
}

static uint64_t with_room(const struct gw_backend_call *call, uint64_t hosts) {
    for (unsigned i = 0; i < call->target->n_hosts; i++)
        if (!gw_client_has_room(call->caller->client, call->target->hosts[i]->url))
            hosts &= ~(UINT64_C(1) << i);
    return hosts;
}

/* A host that is out is not used because those that are well are busy. */
static uint64_t candidates(const struct gw_backend_call *call, int64_t now_ms, bool *are_well) {
    uint64_t well = those_that(is_well, call->target, now_ms);
    *are_well = well != 0;
    return with_room(call, well ? well : those_that(is_out, call->target, now_ms));
}

bool gw_hosts_have_room(const struct gw_backend_call *call, int64_t now_ms) {
    bool ignored;
    if (call->target->n_hosts == 1)
        return gw_client_has_room(call->caller->client, call->target->hosts[0]->url);
    return candidates(call, now_ms, &ignored) != 0;
}

static void add_in_flight(struct gw_backend_host *host, unsigned n) {
    atomic_fetch_add_explicit(&host->n_in_flight, n, memory_order_relaxed);
}

static bool admit(struct gw_attempt *attempt, int64_t now_ms) {
    const struct gw_target *target = attempt->call->target;
    int64_t ignored;
    if (target->breaker_per_host)
        attempt->has_host_permit = gw_breaker_admit(target->hosts[attempt->host]->breaker, now_ms,
                                                    &attempt->host_permit, &ignored);
    return !target->breaker_per_host || attempt->has_host_permit;
}

/* Another worker may take a host's last trial between the look and the step. */
static bool pick_of_several(struct gw_attempt *attempt, int64_t now_ms) {
    struct gw_backend_call *call = attempt->call;
    bool are_well;
    for (uint64_t hosts = candidates(call, now_ms, &are_well); hosts;) {
        attempt->host = gw_balancer_pick(call->target->balancer, hosts, call->tried,
                                         gw_caller_random(call->caller));
        uint64_t bit = UINT64_C(1) << attempt->host;
        hosts &= ~bit;
        if (are_well && !admit(attempt, now_ms))
            continue;
        call->tried |= bit;
        return true;
    }
    return false;
}

bool gw_hosts_pick(struct gw_attempt *attempt, int64_t now_ms) {
    const struct gw_target *target = attempt->call->target;
    attempt->host = 0;
    attempt->has_host_permit = false;
    if (target->n_hosts > 1) {
        if (!pick_of_several(attempt, now_ms))
            return false;
        gw_balancer_begin(target->balancer, attempt->host);
    }
    add_in_flight(target->hosts[attempt->host], 1);
    return true;
}

bool gw_hosts_has_another(const struct gw_attempt *attempt, int64_t now_ms) {
    const struct gw_target *target = attempt->call->target;
    return target->n_hosts > 1 && target->breaker_per_host &&
           (those_that(is_well, target, now_ms) & ~(UINT64_C(1) << attempt->host));
}

void gw_hosts_release(struct gw_attempt *attempt, enum gw_breaker_report report,
                      int64_t duration_ms, int64_t now_ms) {
    const struct gw_target *target = attempt->call->target;
    add_in_flight(target->hosts[attempt->host], -1u);
    if (attempt->has_host_permit)
        gw_breaker_report(target->hosts[attempt->host]->breaker, attempt->host_permit, report,
                          duration_ms, now_ms);
    if (target->n_hosts > 1)
        gw_balancer_end(target->balancer, attempt->host);
}
