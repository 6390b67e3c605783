/* Metrics: what is counted while the gateway runs, for Prometheus and for the dashboard. The
 * registry is the process's, as the log is, and lives as long: a family has a name, a type and
 * labels, a series is one combination of their values.
 *
 * To count takes no lock. A series is found once, under a mutex, and kept as a handle, which is no
 * more than the number of a cell; each thread has cells of its own, written by it alone, and they
 * are added up when somebody reads. A handle of all zero counts into a cell that nobody reads, so
 * what was never registered needs no test.
 *
 * What is bounded stays so: beyond its `max_series` a family counts in one further series, whose
 * labels all say "overflow", and the log says so once. */
#ifndef GW_POLICY_METRIC_H
#define GW_POLICY_METRIC_H

#include "base/buf.h"
#include "policy/metric_histogram.h"

#include <stdatomic.h>

#define GW_METRIC_MAX_LABELS 6
#define GW_METRIC_MAX_VALUE  128  /* bytes of a label's value; what is longer is cut */
#define GW_METRIC_MAX_SERIES 2000 /* of a family that says nothing else */

enum gw_metric_type {
    GW_METRIC_COUNTER, /* its name ends in "_total" */
    GW_METRIC_GAUGE,
    GW_METRIC_HISTOGRAM,
    GW_METRIC_INFO, /* always 1, its name ends in "_info": what is told is in the labels */
};

enum gw_metric_number {
    GW_METRIC_INTEGER,
    GW_METRIC_MICRO, /* counted in microseconds, shown in seconds */
    GW_METRIC_DOUBLE,
};

/* All is copied. */
struct gw_metric_options {
    const char *name;
    const char *help; /* one sentence without its full stop */
    const char *unit; /* "seconds" or "bytes", as the name says, too; or NULL */
    enum gw_metric_type type;
    enum gw_metric_number number;
    const char *labels[GW_METRIC_MAX_LABELS + 1]; /* ended by NULL */
    const struct gw_metric_bounds *bounds;        /* of a histogram */
    unsigned max_series;                          /* 0: GW_METRIC_MAX_SERIES */
};

struct gw_metric_family;

/* One series: what is counted there by this thread. */
struct gw_metric {
    uint32_t at;
};

/* --- Registering. Any thread. --- */

/* What the family of that name is, or a new one. NULL, with the reason in *error (static text), if
 * one of that name has another type, other labels or other bounds, or there are too many. The help
 * is the latest. */
struct gw_metric_family *gw_metrics_declare(const struct gw_metric_options *options,
                                            const char **error);

/* Why it could not be declared, without declaring it; NULL if it could. It will be with others: of
 * `n_new` none may be there yet. */
const char *gw_metrics_conflict(const struct gw_metric_options *options, unsigned n_new);

/* The series of these values, one for each label, made if it is new. */
struct gw_metric gw_metric_series(struct gw_metric_family *family, const struct gw_str *values);

/* The same; *overflowed: the family is full, and it is the one for all others. */
struct gw_metric gw_metric_series_or_overflow(struct gw_metric_family *family,
                                              const struct gw_str *values, bool *overflowed);

/* --- Counting --- */

/* A thread's cells, in chunks that come into being with the series. */
#define GW_METRIC_CHUNK  512  /* cells */
#define GW_METRIC_CHUNKS 2048 /* of a thread; so a million cells in all */

struct gw_metric_cells {
    struct gw_metric_cells *next; /* of all there have been */
    bool in_use;                  /* by a thread; else the next new one goes on with them */
    _Atomic(uint64_t) *chunks[GW_METRIC_CHUNKS];
};

extern _Thread_local struct gw_metric_cells *gw_metric_own; /* NULL before the first count */
struct gw_metric_cells *gw_metric_attach(void);

static inline _Atomic(uint64_t) *gw_metric_cell(uint32_t at) {
    struct gw_metric_cells *own = gw_metric_own;
    if (!own)
        own = gw_metric_attach();
    return &own->chunks[at / GW_METRIC_CHUNK][at % GW_METRIC_CHUNK];
}

/* No other thread writes the cell: a load and a store will do. */
static inline void gw_metric_add_at(uint32_t at, uint64_t n) {
    _Atomic(uint64_t) *cell = gw_metric_cell(at);
    uint64_t value = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, value + n, memory_order_relaxed);
}

/* Counters, and gauges that go up and down by whole numbers; of INTEGER, or of MICRO. */
static inline void gw_metric_add(struct gw_metric metric, int64_t n) {
    gw_metric_add_at(metric.at, (uint64_t)n);
}

/* A duration, into a histogram with gw_metric_durations. */
static inline void gw_metric_observe_us(struct gw_metric metric, int64_t us) {
    gw_metric_add_at(metric.at + gw_metric_bucket_us(us), 1);
    gw_metric_add_at(metric.at + gw_metric_durations.n + 1, us > 0 ? (uint64_t)us : 0);
}

/* Of families that count in DOUBLE. */
void gw_metric_add_double(struct gw_metric metric, double n);
void gw_metric_observe(const struct gw_metric_family *family, struct gw_metric metric,
                       double value);

/* Gauges in DOUBLE, and counters of something that counts by itself: the one value of all threads.
 */
void gw_metric_set(struct gw_metric metric, double value);
void gw_metric_change(struct gw_metric metric, double by);

/* The last that a thread other than the first one does here: what it counted stays. */
void gw_metric_end_thread(void);

/* --- Reading. Any thread; nobody waits for it but who registers. --- */

double gw_metric_value(const struct gw_metric_family *family, struct gw_metric metric);
void gw_metric_read_histogram(const struct gw_metric_family *family, struct gw_metric metric,
                              struct gw_metric_histogram *out);

uint64_t gw_metric_read_at(uint32_t at); /* what is counted in integers there; of 0, 0 */

enum gw_metric_format { GW_METRIC_TEXT, GW_METRIC_OPENMETRICS };

/* All there is, in the order of registration: the text format 0.0.4, or OpenMetrics 1.0. */
void gw_metrics_write(struct gw_buf *out, enum gw_metric_format format);

#endif
