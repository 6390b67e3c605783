/* The states of breakers and hosts, as gauges: one for each state there is, of which one is 1. A
 * host that is no longer one of its backend's is in none of them. */
#include "engine/backend_internal.h"
#include "policy/metric_core.h"

#define N_STATES (GW_BREAKER_DISABLED + 1)

static const char *name_of(unsigned state) {
    return gw_breaker_state_name((enum gw_breaker_state)state);
}

/* `state` may be N_STATES: in none. */
static void show(const struct gw_breaker_gauges *gauges, unsigned state) {
    for (unsigned i = 0; i < N_STATES; i++)
        gw_metric_set(gauges->states[i], i == state);
}

static void find_gauges(struct gw_breaker_gauges *gauges, const struct gw_backend *backend,
                        const char *host) {
    for (unsigned i = 0; i < N_STATES && !gauges->are_found; i++)
        gauges->states[i] = gw_core_metric(GW_CORE_BREAKER_STATE, backend->name, host, name_of(i));
    gauges->are_found = true;
}

/* --- Hosts --- */

static bool is_of(const struct gw_target *target, const struct gw_backend_host *host) {
    for (unsigned i = 0; i < target->n_hosts; i++)
        if (target->hosts[i] == host)
            return true;
    return false;
}

static void show_breaker(struct gw_backend_host *host, bool is_used, int64_t now_ms) {
    if (!is_used && !host->gauges.are_found)
        return;
    find_gauges(&host->gauges, host->backend, host->url);
    show(&host->gauges, is_used ? gw_breaker_state(host->breaker, now_ms) : N_STATES);
}

static void show_health(struct gw_backend_host *host, bool is_checked) {
    if (!is_checked && !host->out_gauge.at)
        return;
    if (!host->out_gauge.at)
        host->out_gauge = gw_core_metric(GW_CORE_HOST_OUT, host->backend->name, host->url, NULL);
    gw_metric_set(host->out_gauge, is_checked && atomic_load(&host->is_out));
}

/* --- All of a backend --- */

void gw_backend_measure(struct gw_backend *backend, int64_t now_ms) {
    const struct gw_target *target = atomic_load(&backend->target);
    find_gauges(&backend->gauges, backend, NULL);
    show(&backend->gauges, gw_breaker_state(backend->breaker, now_ms));
    for (struct gw_backend_host *host = backend->hosts; host; host = host->next) {
        bool is_used = is_of(target, host);
        show_breaker(host, is_used && target->breaker_per_host, now_ms);
        show_health(host, is_used && target->health.path);
    }
}

void gw_breaker_measure(const char *name, struct gw_breaker_gauges *gauges,
                        struct gw_breaker *breaker, int64_t now_ms) {
    for (unsigned i = 0; i < N_STATES && !gauges->are_found; i++)
        gauges->states[i] = gw_core_metric(GW_CORE_NAMED_BREAKER_STATE, name, name_of(i), NULL);
    gauges->are_found = true;
    show(gauges, gw_breaker_state(breaker, now_ms));
}
