#include "admin/metrics.h"

#include "base/log.h"
#include "base/version.h"

#include <stdio.h>
#include <string.h>

static void set(enum gw_core_family which, double value) {
    gw_metric_set(gw_core_metric(which, NULL, NULL, NULL), value);
}

static void gather_memory(const struct gw_generation *live) {
    for (unsigned i = 0; i < live->n_states; i++) {
        char worker[12];
        snprintf(worker, sizeof worker, "%u", i);
        gw_metric_set(
            gw_core_metric(GW_CORE_SCRIPT_MEMORY, worker, NULL, NULL),
            (double)atomic_load_explicit(&live->states[i]->heap_in_use, memory_order_relaxed));
    }
}

static void gather_scripts(const struct gw_generations *g) {
    const struct gw_record *record = &g->history.records[g->history.n - 1];
    set(GW_CORE_GENERATION, g->live->number);
    set(GW_CORE_GENERATION_LIVE_SINCE, (double)record->live_at_ms / 1000);
    set(GW_CORE_GENERATIONS_RETIRED, g->n_retired);
    set(GW_CORE_LAST_LOAD_OK, !g->failure.is_set);
    set(GW_CORE_DISK_DIFFERS, strcmp(g->disk, g->live->sources->sha256) != 0);
    gather_memory(g->live);
}

static void gather_jobs(struct gw_jobs *jobs) {
    unsigned running, waiting;
    gw_jobs_counts(jobs, &running, &waiting);
    set(GW_CORE_JOBS_RUNNING, running);
    set(GW_CORE_JOBS_WAITING, waiting);
}

void gw_metrics_gather(const struct gw_metric_sources *sources) {
    gw_core_metric(GW_CORE_BUILD_INFO, gw_version, NULL, NULL);
    set(GW_CORE_REQUESTS_IN_FLIGHT, (double)atomic_load(sources->in_flight));
    set(GW_CORE_CONNECTIONS, atomic_load(sources->n_connections));
    gw_backends_measure(sources->backends);
    gather_scripts(sources->generations);
    gather_jobs(sources->jobs);
    set(GW_CORE_LOG_DROPPED, (double)gw_log_dropped());
    gw_metrics_gather_process();
}
