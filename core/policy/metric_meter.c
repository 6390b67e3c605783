#include "policy/metric_meter.h"

#include "base/alloc.h"
#include "base/log.h"
#include "policy/metric_core.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define OTHER_KEY UINT32_C(0xffffffff) /* of what has no place of its own any more */

static struct {
    pthread_mutex_t mutex; /* guards what is added: meters, and outcomes of each */
    _Atomic(struct gw_meter *) first[2];
    unsigned n[2];
} meters = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- Meters --- */

struct gw_meter *gw_meters_first(enum gw_meter_kind kind) {
    return atomic_load_explicit(&meters.first[kind], memory_order_acquire);
}

struct gw_meter *gw_meter_next(const struct gw_meter *meter) {
    return meter->next;
}

struct gw_meter *gw_meters_find(enum gw_meter_kind kind, struct gw_str name) {
    struct gw_meter *at = gw_meters_first(kind);
    while (at && !gw_str_equal(at->name, name))
        at = at->next;
    return at;
}

static void find_series(struct gw_meter *meter) {
    const char *name = meter->name.data;
    if (meter->kind == GW_METER_ROUTE) {
        meter->durations = gw_core_metric(GW_CORE_REQUEST_DURATION, name, NULL, NULL);
        meter->script_cpu = gw_core_metric(GW_CORE_SCRIPT_CPU, name, NULL, NULL);
        meter->script_errors = gw_core_metric(GW_CORE_SCRIPT_ERRORS, name, NULL, NULL);
        return;
    }
    meter->durations = gw_core_metric(GW_CORE_CALL_DURATION, name, NULL, NULL);
    meter->attempts = gw_core_metric(GW_CORE_ATTEMPTS, name, NULL, NULL);
    meter->retries = gw_core_metric(GW_CORE_RETRIES, name, NULL, NULL);
    meter->hedges = gw_core_metric(GW_CORE_HEDGES, name, NULL, NULL);
    meter->in_flight = gw_core_metric(GW_CORE_ATTEMPTS_IN_FLIGHT, name, NULL, NULL);
    meter->waiting = gw_core_metric(GW_CORE_CALLS_WAITING, name, NULL, NULL);
}

static struct gw_meter *make(enum gw_meter_kind kind, struct gw_str name) {
    struct gw_meter *meter = gw_calloc(1, sizeof *meter);
    meter->kind = kind;
    meter->name = (struct gw_str){gw_strndup(name.data, name.len), name.len};
    find_series(meter);
    meter->next = gw_meters_first(kind);
    meters.n[kind]++;
    atomic_store_explicit(&meters.first[kind], meter, memory_order_release);
    return meter;
}

static struct gw_meter *find_or_make(enum gw_meter_kind kind, struct gw_str name) {
    static const unsigned most[] = {GW_METER_MAX_ROUTES, GW_METER_MAX_BACKENDS};
    struct gw_meter *meter = gw_meters_find(kind, name);
    if (!meter && meters.n[kind] >= most[kind]) {
        name = GW_STR("overflow");
        meter = gw_meters_find(kind, name);
        if (!meter)
            gw_log(GW_LOG_WARN,
                   "too many %s have been measured: further ones count as \"overflow\"",
                   kind == GW_METER_ROUTE ? "routes" : "backends");
    }
    return meter ? meter : make(kind, name);
}

static struct gw_meter *meter_of(enum gw_meter_kind kind, struct gw_str name) {
    pthread_mutex_lock(&meters.mutex);
    struct gw_meter *meter = find_or_make(kind, name);
    pthread_mutex_unlock(&meters.mutex);
    return meter;
}

struct gw_meter *gw_meter_of_route(struct gw_str label) {
    return meter_of(GW_METER_ROUTE, label);
}

struct gw_meter *gw_meter_of_no_route(void) {
    static _Atomic(struct gw_meter *) found;
    if (!atomic_load_explicit(&found, memory_order_acquire))
        atomic_store_explicit(&found, meter_of(GW_METER_ROUTE, GW_STR("none")),
                              memory_order_release);
    return atomic_load_explicit(&found, memory_order_acquire);
}

struct gw_meter *gw_meter_of_backend(struct gw_str name) {
    return meter_of(GW_METER_BACKEND, name);
}

/* --- Outcomes --- */

/* An outcome is a number and a status: `first` is the number's label. */
struct outcome {
    uint32_t number, status;
    const char *first;
};

static uint64_t entry_of(uint32_t key, struct gw_metric metric) {
    return (uint64_t)key << 32 | metric.at;
}

static struct gw_metric series_of(const struct gw_meter *meter, const char *first,
                                  const char *code) {
    bool is_route = meter->kind == GW_METER_ROUTE;
    return gw_core_metric(is_route ? GW_CORE_REQUESTS : GW_CORE_CALLS, meter->name.data, first,
                          code);
}

/* Under the mutex: another thread may have been first. The last place is for all others. */
static uint32_t add_outcome(struct gw_meter *meter, uint32_t key, const struct outcome *outcome) {
    char code[12] = "";
    unsigned i = 0;
    uint64_t entry = 0;
    for (; i < GW_METER_MAX_KEYS - 1; i++) {
        entry = atomic_load_explicit(&meter->outcomes[i], memory_order_relaxed);
        if (!entry || entry >> 32 == key)
            break;
    }
    if (i == GW_METER_MAX_KEYS - 1)
        entry = atomic_load_explicit(&meter->outcomes[i], memory_order_relaxed);
    if (entry)
        return (uint32_t)entry;
    bool is_last = i == GW_METER_MAX_KEYS - 1;
    if (outcome->status)
        snprintf(code, sizeof code, "%u", outcome->status);
    entry = is_last ? entry_of(OTHER_KEY, series_of(meter, "other", "other"))
                    : entry_of(key, series_of(meter, outcome->first, code));
    atomic_store_explicit(&meter->outcomes[i], entry, memory_order_release);
    return (uint32_t)entry;
}

static uint32_t make_outcome(struct gw_meter *meter, uint32_t key, const struct outcome *outcome) {
    pthread_mutex_lock(&meters.mutex);
    uint32_t at = add_outcome(meter, key, outcome);
    pthread_mutex_unlock(&meters.mutex);
    return at;
}

/* The cell of an outcome there has been. 0: there is none yet. */
static uint32_t find_outcome(const struct gw_meter *meter, uint32_t key) {
    for (unsigned i = 0; i < GW_METER_MAX_KEYS; i++) {
        uint64_t entry = atomic_load_explicit(&meter->outcomes[i], memory_order_acquire);
        if (entry >> 32 == key)
            return (uint32_t)entry;
        if (!entry)
            break;
    }
    return 0;
}

static void count(struct gw_meter *meter, const struct outcome *outcome, int64_t duration_us) {
    uint32_t key = (outcome->number + 1) << 16 | (outcome->status & 0xffff);
    uint32_t at = find_outcome(meter, key);
    gw_metric_add_at(at ? at : make_outcome(meter, key, outcome), 1);
    gw_metric_observe_us(meter->durations, duration_us);
}

/* --- Methods --- */

/* Of a route that is its own, or HEAD in GET's stead. Where no route answers, anything may come. */
static const char *const methods[] = {"other", "GET",    "POST",    "HEAD", "PUT",
                                      "PATCH", "DELETE", "OPTIONS", NULL};

static uint32_t method_number(struct gw_str method) {
    for (uint32_t i = 1; methods[i]; i++)
        if (gw_str_equal(method, gw_str_from(methods[i])))
            return i;
    return 0;
}

void gw_meter_count_request(struct gw_meter *meter, struct gw_str method, unsigned status,
                            int64_t duration_us) {
    uint32_t number = method_number(method);
    struct outcome outcome = {.number = number, .status = status, .first = methods[number]};
    count(meter, &outcome, duration_us);
}

void gw_meter_count_call(struct gw_meter *meter, unsigned number, const char *name, unsigned status,
                         int64_t duration_us) {
    struct outcome outcome = {.number = number, .status = status, .first = name};
    count(meter, &outcome, duration_us);
}

/* --- Reading --- */

static bool is_cancelled(const struct gw_meter *meter, uint32_t number, uint32_t status) {
    return meter->kind == GW_METER_ROUTE ? status == GW_METER_CLIENT_CLOSED
                                         : number == GW_METER_CALL_CANCELLED;
}

static bool is_error(const struct gw_meter *meter, uint32_t number, uint32_t status) {
    if (meter->kind == GW_METER_ROUTE)
        return status >= 500;
    return number != 0 && number != GW_METER_CALL_CANCELLED && (status == 0 || status >= 500);
}

static void read_outcomes(const struct gw_meter *meter, struct gw_meter_reading *out) {
    for (unsigned i = 0; i < GW_METER_MAX_KEYS; i++) {
        uint64_t entry = atomic_load_explicit(&meter->outcomes[i], memory_order_acquire);
        uint32_t key = (uint32_t)(entry >> 32);
        if (!entry)
            break;
        uint32_t number = (key >> 16) - 1, status = key == OTHER_KEY ? 0 : key & 0xffff;
        uint64_t n = gw_metric_read_at((uint32_t)entry);
        out->count += n;
        out->by_code[status < 600 ? status / 100 : 0] += n;
        if (key != OTHER_KEY && is_cancelled(meter, number, status))
            out->cancelled += n;
        else if (key != OTHER_KEY && is_error(meter, number, status))
            out->errors += n;
    }
}

void gw_meter_read(const struct gw_meter *meter, struct gw_meter_reading *out) {
    bool is_route = meter->kind == GW_METER_ROUTE;
    const struct gw_metric_family *durations =
        gw_core_family(is_route ? GW_CORE_REQUEST_DURATION : GW_CORE_CALL_DURATION);
    *out = (struct gw_meter_reading){0};
    read_outcomes(meter, out);
    if (durations)
        gw_metric_read_histogram(durations, meter->durations, &out->durations);
    out->attempts = gw_metric_read_at(meter->attempts.at);
    out->retries = gw_metric_read_at(meter->retries.at);
    out->hedges = gw_metric_read_at(meter->hedges.at);
    out->in_flight = (int64_t)gw_metric_read_at(meter->in_flight.at);
    out->waiting = (int64_t)gw_metric_read_at(meter->waiting.at);
}
