#include "policy/metric_core.h"

#include <assert.h>
#include <stdlib.h>

#define SECONDS    .unit = "seconds"
#define BYTES      .unit = "bytes"
#define DURATIONS  .number = GW_METRIC_MICRO, .bounds = &gw_metric_durations, SECONDS
#define TOTAL      .type = GW_METRIC_COUNTER
#define GAUGE      .type = GW_METRIC_GAUGE
#define SET        .number = GW_METRIC_DOUBLE
#define HISTOGRAM  .type = GW_METRIC_HISTOGRAM
#define MAX_CODES  20000 /* series: routes by their methods and codes */
#define MAX_STORES 100
#define MAX_HOSTS  4000

static const struct gw_metric_options catalogue[GW_CORE_FAMILIES] = {
    [GW_CORE_BUILD_INFO] = {"moongate_build_info", "The version that runs", .type = GW_METRIC_INFO,
                            .labels = {"version"}},
    [GW_CORE_REQUESTS] = {"moongate_http_requests_total",
                          "Requests that are over, by route, method and status code", TOTAL,
                          .labels = {"route", "method", "code"}, .max_series = MAX_CODES},
    [GW_CORE_REQUEST_DURATION] = {"moongate_http_request_duration_seconds",
                                  "From the first byte of a request until its response is sent",
                                  HISTOGRAM, DURATIONS, .labels = {"route"}},
    [GW_CORE_REQUESTS_IN_FLIGHT] = {"moongate_http_requests_in_flight", "Requests in work", GAUGE,
                                    SET},
    [GW_CORE_CONNECTIONS] = {"moongate_http_connections", "Open connections of clients", GAUGE,
                             SET},
    [GW_CORE_CONNECTIONS_ACCEPTED] = {"moongate_http_connections_accepted_total",
                                      "Connections of clients that were accepted", TOTAL},
    [GW_CORE_CALLS] = {"moongate_backend_calls_total",
                       "Calls of scripts to a backend that are over, by outcome and status code",
                       TOTAL, .labels = {"backend", "outcome", "code"}, .max_series = MAX_CODES},
    [GW_CORE_CALL_DURATION] = {"moongate_backend_call_duration_seconds",
                               "Of a call with its waiting, its attempts and the pauses between",
                               HISTOGRAM, DURATIONS, .labels = {"backend"}},
    [GW_CORE_ATTEMPTS] = {"moongate_backend_attempts_total",
                          "Requests that were sent to a backend, retries and hedges with them",
                          TOTAL, .labels = {"backend"}},
    [GW_CORE_RETRIES] = {"moongate_backend_retries_total", "Attempts after one that failed", TOTAL,
                         .labels = {"backend"}},
    [GW_CORE_HEDGES] = {"moongate_backend_hedges_total",
                        "Second attempts beside one that takes long", TOTAL, .labels = {"backend"}},
    [GW_CORE_ATTEMPTS_IN_FLIGHT] = {"moongate_backend_attempts_in_flight",
                                    "Requests to a backend that are not answered yet", GAUGE,
                                    .labels = {"backend"}},
    [GW_CORE_CALLS_WAITING] = {"moongate_backend_calls_waiting",
                               "Calls in line for a place or a connection", GAUGE,
                               .labels = {"backend"}},
    [GW_CORE_BACKEND_CONNECTIONS] = {"moongate_backend_connections",
                                     "Open connections to a host, those of https left out", GAUGE,
                                     .labels = {"host"}},
    [GW_CORE_BACKEND_CONNECTIONS_OPENED] = {"moongate_backend_connections_opened_total",
                                            "Connections to a host, those of https left out", TOTAL,
                                            .labels = {"host"}},
    [GW_CORE_HOST_OUT] = {"moongate_backend_host_out",
                          "1 for a host that its health checks have taken out", GAUGE, SET,
                          .labels = {"backend", "host"}, .max_series = MAX_HOSTS},
    [GW_CORE_BREAKER_STATE] = {"moongate_breaker_state",
                               "1 for the state that the circuit breaker of a backend is in; host "
                               "is empty for the backend's own",
                               GAUGE, SET, .labels = {"backend", "host", "state"},
                               .max_series = MAX_HOSTS},
    [GW_CORE_BREAKER_TRANSITIONS] = {"moongate_breaker_transitions_total",
                                     "Changes of a backend's breaker into a state", TOTAL,
                                     .labels = {"backend", "host", "to"}, .max_series = MAX_HOSTS},
    [GW_CORE_NAMED_BREAKER_STATE] = {"moongate_named_breaker_state",
                                     "1 for the state that a breaker of gateway.breaker is in",
                                     GAUGE, SET, .labels = {"breaker", "state"}},
    [GW_CORE_NAMED_BREAKER_TRANSITIONS] = {"moongate_named_breaker_transitions_total",
                                           "Changes of a breaker of gateway.breaker into a state",
                                           TOTAL, .labels = {"breaker", "to"}},
    [GW_CORE_SCRIPT_CPU] = {"moongate_script_cpu_seconds_total",
                            "CPU time of Lua, by the route it answers for", TOTAL,
                            .number = GW_METRIC_MICRO, SECONDS, .labels = {"route"}},
    [GW_CORE_SCRIPT_ERRORS] = {"moongate_script_errors_total",
                               "Requests that ended with a bug in a script, or a spent budget",
                               TOTAL, .labels = {"route"}},
    [GW_CORE_SCRIPT_STOPS] = {"moongate_script_stops_total",
                              "Requests and jobs that were stopped as a budget was spent", TOTAL,
                              .labels = {"budget"}},
    [GW_CORE_SCRIPT_MEMORY] = {"moongate_script_memory_bytes",
                               "Memory of a worker's Lua state of the live generation", GAUGE, SET,
                               BYTES, .labels = {"worker"}},
    [GW_CORE_GENERATION] = {"moongate_generation", "Number of the scripts that are live", GAUGE,
                            SET},
    [GW_CORE_GENERATION_LIVE_SINCE] = {"moongate_generation_live_timestamp_seconds",
                                       "When the live scripts became so", GAUGE, SET, SECONDS},
    [GW_CORE_GENERATIONS_RETIRED] = {"moongate_generations_retired",
                                     "Earlier generations that still have requests in work", GAUGE,
                                     SET},
    [GW_CORE_LOADS] = {"moongate_script_loads_total", "Loads of the scripts, also of earlier ones",
                       TOTAL, .labels = {"outcome"}},
    [GW_CORE_LAST_LOAD_OK] = {"moongate_script_last_load_successful",
                              "0 while the scripts on disk could not be loaded", GAUGE, SET},
    [GW_CORE_DISK_DIFFERS] = {"moongate_script_disk_differs",
                              "1 while the scripts on disk are not those that are live", GAUGE,
                              SET},
    [GW_CORE_SAGAS] = {"moongate_sagas_total", "Sagas that are over", TOTAL, .labels = {"outcome"}},
    [GW_CORE_SAGAS_OPEN] = {"moongate_sagas_open", "Sagas that are not over", GAUGE},
    [GW_CORE_SAGAS_PARKED] = {"moongate_sagas_parked",
                              "Open sagas of which an undo has failed, and is tried again later",
                              GAUGE},
    [GW_CORE_UNDOS] = {"moongate_saga_undos_total", "Requests that undo a step, by outcome", TOTAL,
                       .labels = {"outcome"}},
    [GW_CORE_JOURNAL_COMMIT] = {"moongate_journal_commit_duration_seconds",
                                "Of a group of operations, until it is on the disk", HISTOGRAM,
                                DURATIONS, .labels = {"store"}, .max_series = MAX_STORES},
    [GW_CORE_JOURNAL_QUEUE] = {"moongate_journal_queue_length",
                               "Operations that wait for the journal", GAUGE, .labels = {"store"},
                               .max_series = MAX_STORES},
    [GW_CORE_JOURNAL_OPERATIONS] = {"moongate_journal_operations_total",
                                    "Operations of the journal that are over", TOTAL,
                                    .labels = {"store"}, .max_series = MAX_STORES},
    [GW_CORE_JOURNAL_TRANSACTIONS] = {"moongate_journal_transactions_total",
                                      "Transactions of the journal: one fsync each, if it wrote",
                                      TOTAL, .labels = {"store"}, .max_series = MAX_STORES},
    [GW_CORE_JOURNAL_FAILURES] = {"moongate_journal_failures_total",
                                  "Operations of the journal that failed", TOTAL,
                                  .labels = {"store"}, .max_series = MAX_STORES},
    [GW_CORE_JOURNAL_OK] = {"moongate_journal_ok", "0 while the journal cannot be written", GAUGE,
                            SET, .labels = {"store"}, .max_series = MAX_STORES},
    [GW_CORE_JOBS] = {"moongate_jobs_total", "Background jobs that are over", TOTAL,
                      .labels = {"kind", "outcome"}},
    [GW_CORE_JOB_RETRIES] = {"moongate_job_retries_total",
                             "Attempts of jobs that failed and are followed by another one", TOTAL,
                             .labels = {"kind"}},
    [GW_CORE_JOB_CPU] = {"moongate_job_cpu_seconds_total", "CPU time of Lua in background jobs",
                         TOTAL, .number = GW_METRIC_MICRO, SECONDS, .labels = {"kind"}},
    [GW_CORE_JOBS_RUNNING] = {"moongate_jobs_running", "Background jobs that run", GAUGE, SET},
    [GW_CORE_JOBS_WAITING] = {"moongate_jobs_waiting", "Background jobs that wait", GAUGE, SET},
    [GW_CORE_LOG_DROPPED] = {"moongate_log_lines_dropped_total",
                             "Lines of the log that nobody took in time", TOTAL, SET},
    [GW_CORE_TRACE_SPANS] = {"moongate_trace_spans_total",
                             "Spans and their events on the way to a collector of traces", TOTAL,
                             .labels = {"outcome"}},
    [GW_CORE_PROCESS_CPU] = {"process_cpu_seconds_total", "User and system CPU time", TOTAL, SET,
                             SECONDS},
    [GW_CORE_PROCESS_RESIDENT] = {"process_resident_memory_bytes", "Resident memory", GAUGE, SET,
                                  BYTES},
    [GW_CORE_PROCESS_VIRTUAL] = {"process_virtual_memory_bytes", "Virtual memory", GAUGE, SET,
                                 BYTES},
    [GW_CORE_PROCESS_FDS] = {"process_open_fds", "Open file descriptors", GAUGE, SET},
    [GW_CORE_PROCESS_MAX_FDS] = {"process_max_fds", "Most file descriptors that may be open", GAUGE,
                                 SET},
    [GW_CORE_PROCESS_START] = {"process_start_time_seconds",
                               "When the process started, since the epoch", GAUGE, SET, SECONDS},
};

struct gw_counts gw_count;

static struct gw_metric_family *families[GW_CORE_FAMILIES];

static struct gw_metric one(enum gw_core_family which, const char *value) {
    return gw_core_metric(which, value, NULL, NULL);
}

static void find_series(void) {
    gw_count = (struct gw_counts){
        .connections_accepted = one(GW_CORE_CONNECTIONS_ACCEPTED, NULL),
        .stopped_for_cpu = one(GW_CORE_SCRIPT_STOPS, "cpu"),
        .stopped_for_memory = one(GW_CORE_SCRIPT_STOPS, "memory"),
        .loads_ok = one(GW_CORE_LOADS, "success"),
        .loads_failed = one(GW_CORE_LOADS, "failure"),
        .sagas_committed = one(GW_CORE_SAGAS, "committed"),
        .sagas_undone = one(GW_CORE_SAGAS, "undone"),
        .sagas_resolved = one(GW_CORE_SAGAS, "resolved"),
        .sagas_open = one(GW_CORE_SAGAS_OPEN, NULL),
        .sagas_parked = one(GW_CORE_SAGAS_PARKED, NULL),
        .undos_done = one(GW_CORE_UNDOS, "done"),
        .undos_failed = one(GW_CORE_UNDOS, "failed"),
        .spans_exported = one(GW_CORE_TRACE_SPANS, "exported"),
        .spans_dropped = one(GW_CORE_TRACE_SPANS, "dropped"),
    };
}

void gw_metrics_init(void) {
    const char *error;
    if (families[0])
        return;
    for (unsigned i = 0; i < GW_CORE_FAMILIES; i++)
        if (!(families[i] = gw_metrics_declare(&catalogue[i], &error)))
            abort(); /* at the start only, and the catalogue never changes */
    find_series();
}

struct gw_metric_family *gw_core_family(enum gw_core_family which) {
    return families[which];
}

struct gw_metric gw_core_metric(enum gw_core_family which, const char *first, const char *second,
                                const char *third) {
    const struct gw_str values[] = {
        gw_str_from(first ? first : ""),
        gw_str_from(second ? second : ""),
        gw_str_from(third ? third : ""),
    };
    return families[which] ? gw_metric_series(families[which], values) : (struct gw_metric){0};
}
