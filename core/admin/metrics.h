/* What GET /metrics answers beside what is counted anyway: what is looked at when somebody asks,
 * such as the state of breakers, memory and the process itself. Control thread only. */
#ifndef GW_ADMIN_METRICS_H
#define GW_ADMIN_METRICS_H

#include "engine/backend.h"
#include "engine/jobs.h"
#include "lua/generations.h"
#include "policy/metric_core.h"

/* Nothing is owned; all of it outlives the listener. */
struct gw_metric_sources {
    const struct gw_generations *generations;
    struct gw_backends *backends;
    struct gw_jobs *jobs;
    const _Atomic int64_t *in_flight;      /* requests in work */
    const _Atomic unsigned *n_connections; /* of clients */
};

/* Makes all gauges say what is so now. */
void gw_metrics_gather(const struct gw_metric_sources *sources);

/* metrics_process.c: CPU, memory, descriptors, as Linux tells them. */
void gw_metrics_gather_process(void);

/* Which of the two forms a scraper wants, by its Accept header (RFC 9110, 12.5.1). Who takes either
 * gets text. */
enum gw_metric_format gw_metrics_negotiate(struct gw_str accept);

#endif
