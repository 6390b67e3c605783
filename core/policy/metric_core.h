/* What the core itself counts: each family it has, with the handles of the series that are always
 * there, so that an alert on the first of rare events finds a zero before it. Routes and backends
 * have meters of their own: metric_meter.h. docs/observability.md describes each for operators. */
#ifndef GW_POLICY_METRIC_CORE_H
#define GW_POLICY_METRIC_CORE_H

#include "policy/metric.h"

enum gw_core_family {
    GW_CORE_BUILD_INFO,
    GW_CORE_REQUESTS,
    GW_CORE_REQUEST_DURATION,
    GW_CORE_REQUESTS_IN_FLIGHT,
    GW_CORE_CONNECTIONS,
    GW_CORE_CONNECTIONS_ACCEPTED,
    GW_CORE_CALLS,
    GW_CORE_CALL_DURATION,
    GW_CORE_ATTEMPTS,
    GW_CORE_RETRIES,
    GW_CORE_HEDGES,
    GW_CORE_ATTEMPTS_IN_FLIGHT,
    GW_CORE_CALLS_WAITING,
    GW_CORE_BACKEND_CONNECTIONS,
    GW_CORE_BACKEND_CONNECTIONS_OPENED,
    GW_CORE_HOST_OUT,
    GW_CORE_BREAKER_STATE,
    GW_CORE_BREAKER_TRANSITIONS,
    GW_CORE_NAMED_BREAKER_STATE,
    GW_CORE_NAMED_BREAKER_TRANSITIONS,
    GW_CORE_SCRIPT_CPU,
    GW_CORE_SCRIPT_ERRORS,
    GW_CORE_SCRIPT_STOPS,
    GW_CORE_SCRIPT_MEMORY,
    GW_CORE_GENERATION,
    GW_CORE_GENERATION_LIVE_SINCE,
    GW_CORE_GENERATIONS_RETIRED,
    GW_CORE_LOADS,
    GW_CORE_LAST_LOAD_OK,
    GW_CORE_DISK_DIFFERS,
    GW_CORE_SAGAS,
    GW_CORE_SAGAS_OPEN,
    GW_CORE_SAGAS_PARKED,
    GW_CORE_UNDOS,
    GW_CORE_JOURNAL_COMMIT,
    GW_CORE_JOURNAL_QUEUE,
    GW_CORE_JOURNAL_OPERATIONS,
    GW_CORE_JOURNAL_TRANSACTIONS,
    GW_CORE_JOURNAL_FAILURES,
    GW_CORE_JOURNAL_OK,
    GW_CORE_JOBS,
    GW_CORE_JOB_RETRIES,
    GW_CORE_JOB_CPU,
    GW_CORE_JOBS_RUNNING,
    GW_CORE_JOBS_WAITING,
    GW_CORE_LOG_DROPPED,
    GW_CORE_TRACE_SPANS,
    GW_CORE_PROCESS_CPU,
    GW_CORE_PROCESS_RESIDENT,
    GW_CORE_PROCESS_VIRTUAL,
    GW_CORE_PROCESS_FDS,
    GW_CORE_PROCESS_MAX_FDS,
    GW_CORE_PROCESS_START,
    GW_CORE_FAMILIES,
};

/* Series that are always there. All zero before gw_metrics_init(), and then count nothing. */
extern struct gw_counts {
    struct gw_metric connections_accepted;
    struct gw_metric stopped_for_cpu, stopped_for_memory;
    struct gw_metric loads_ok, loads_failed;
    struct gw_metric sagas_committed, sagas_undone, sagas_resolved;
    struct gw_metric sagas_open, sagas_parked;
    struct gw_metric undos_done, undos_failed;
    struct gw_metric spans_exported, spans_dropped;
} gw_count;

/* Registers them all; once, before other threads start. Again it does nothing. */
void gw_metrics_init(void);

/* NULL before gw_metrics_init(). */
struct gw_metric_family *gw_core_family(enum gw_core_family which);

/* The series of these values, in the order of the family's labels; the rest is NULL. It takes a
 * mutex: for what is rare. */
struct gw_metric gw_core_metric(enum gw_core_family which, const char *first, const char *second,
                                const char *third);

#endif
