/* What operators see of a backend, and do to it. From any thread: what is shared is looked at under
 * the short mutexes that calls take, too, one after the other. */
#include "engine/backend_internal.h"

#include "base/clock.h"

/* --- What there is to see --- */

enum gw_breaker_state gw_backend_state(struct gw_backend *backend) {
    return gw_breaker_state(backend->breaker, gw_clock_ms());
}

static void look_at_hosts(const struct gw_target *target, int64_t now_ms,
                          struct gw_backend_snapshot *out) {
    out->n_hosts = target->n_hosts;
    for (unsigned i = 0; i < target->n_hosts; i++) {
        const struct gw_backend_host *host = target->hosts[i];
        out->hosts[i].url = host->url;
        out->hosts[i].state =
            target->breaker_per_host ? gw_breaker_state(host->breaker, now_ms) : out->breaker.state;
        out->hosts[i].is_out = target->health.path && atomic_load(&host->is_out);
        out->hosts[i].in_flight = atomic_load(&host->n_in_flight);
        out->in_flight += out->hosts[i].in_flight;
    }
}

void gw_backend_snapshot(struct gw_backend *backend, struct gw_backend_snapshot *out) {
    const struct gw_target *target = atomic_load(&backend->target);
    int64_t now_ms = gw_clock_ms();
    *out = (struct gw_backend_snapshot){.max_concurrent = target->max_concurrent};
    gw_breaker_snapshot(backend->breaker, now_ms, &out->breaker);
    out->last_error = atomic_load(&backend->last_error);
    look_at_hosts(target, now_ms, out);
}

/* --- What may be done --- */

static void for_all(struct gw_backend *backend,
                    void (*act)(struct gw_breaker *breaker, int64_t now_ms)) {
    const struct gw_target *target = atomic_load(&backend->target);
    int64_t now_ms = gw_clock_ms();
    act(backend->breaker, now_ms);
    for (unsigned i = 0; target->breaker_per_host && i < target->n_hosts; i++)
        act(target->hosts[i]->breaker, now_ms);
}

void gw_backend_force_open(struct gw_backend *backend) {
    gw_breaker_force_open(backend->breaker, gw_clock_ms());
}

void gw_backend_close(struct gw_backend *backend) {
    for_all(backend, gw_breaker_close);
}

void gw_backend_reset(struct gw_backend *backend) {
    for_all(backend, gw_breaker_reset);
}

void gw_backend_disable(struct gw_backend *backend) {
    for_all(backend, gw_breaker_disable);
}

void gw_backend_host_obey(struct gw_backend_host *host) {
    int64_t now_ms = gw_clock_ms();
    bool is_disabled = gw_breaker_state(host->breaker, now_ms) == GW_BREAKER_DISABLED;
    bool wanted = gw_backend_state(host->backend) == GW_BREAKER_DISABLED;
    if (wanted && !is_disabled)
        gw_breaker_disable(host->breaker, now_ms);
    else if (is_disabled && !wanted)
        gw_breaker_close(host->breaker, now_ms);
}
