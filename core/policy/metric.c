#include "policy/metric_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAMILIES 512
#define SINK         (GW_METRIC_MAX_BOUNDS + 2) /* cells that a handle of all zero may write to */

_Thread_local struct gw_metric_cells *gw_metric_own;

static struct {
    pthread_mutex_t mutex; /* guards what registers; counting and reading go without it */
    _Atomic(struct gw_metric_family *) families;
    struct gw_metric_family *last;
    unsigned n_families;
    _Atomic(struct gw_metric_cells *) cells; /* of all threads there have been; last: `shared` */
    struct gw_metric_cells *shared;          /* what is set rather than counted */
    uint32_t n_cells;                        /* given out */
    unsigned n_chunks;                       /* that all cells have */
    bool is_full;
} registry = {.mutex = PTHREAD_MUTEX_INITIALIZER, .n_cells = SINK};

/* --- Cells --- */

static void add_chunk(struct gw_metric_cells *cells, unsigned index) {
    cells->chunks[index] = gw_calloc(GW_METRIC_CHUNK, sizeof *cells->chunks[index]);
}

static struct gw_metric_cells *new_cells(void) {
    struct gw_metric_cells *cells = gw_calloc(1, sizeof *cells);
    for (unsigned i = 0; i < registry.n_chunks; i++)
        add_chunk(cells, i);
    cells->in_use = true;
    cells->next = atomic_load_explicit(&registry.cells, memory_order_relaxed);
    atomic_store_explicit(&registry.cells, cells, memory_order_release);
    return cells;
}

static void grow(void) {
    if (!registry.shared)
        registry.shared = new_cells();
    for (struct gw_metric_cells *at = registry.cells; at; at = at->next)
        add_chunk(at, registry.n_chunks);
    registry.n_chunks++;
}

struct gw_metric_cells *gw_metric_attach(void) {
    pthread_mutex_lock(&registry.mutex);
    if (registry.n_chunks == 0)
        grow();
    struct gw_metric_cells *cells = registry.cells;
    while (cells && cells->in_use)
        cells = cells->next;
    if (cells)
        cells->in_use = true;
    else
        cells = new_cells();
    pthread_mutex_unlock(&registry.mutex);
    return gw_metric_own = cells;
}

void gw_metric_end_thread(void) {
    if (!gw_metric_own)
        return;
    pthread_mutex_lock(&registry.mutex);
    gw_metric_own->in_use = false;
    pthread_mutex_unlock(&registry.mutex);
    gw_metric_own = NULL;
}

/* A series' cells lie in one chunk. 0: there are no more. */
static uint32_t take_cells(unsigned n) {
    uint32_t at = registry.n_cells;
    if (at % GW_METRIC_CHUNK + n > GW_METRIC_CHUNK)
        at += GW_METRIC_CHUNK - at % GW_METRIC_CHUNK;
    if (at / GW_METRIC_CHUNK >= GW_METRIC_CHUNKS)
        return 0;
    registry.n_cells = at + n;
    while (registry.n_chunks <= at / GW_METRIC_CHUNK)
        grow();
    return at;
}

/* --- Families --- */

struct gw_metric_family *gw_metric_families(void) {
    return atomic_load_explicit(&registry.families, memory_order_acquire);
}

static struct gw_metric_family *family_named(const char *name) {
    struct gw_metric_family *at = gw_metric_families();
    while (at && strcmp(at->name, name) != 0)
        at = atomic_load_explicit(&at->next, memory_order_acquire);
    return at;
}

static bool has_labels(const struct gw_metric_family *family,
                       const struct gw_metric_options *options) {
    unsigned n = 0;
    for (; options->labels[n]; n++)
        if (n >= family->n_labels || strcmp(options->labels[n], family->labels[n]) != 0)
            return false;
    return n == family->n_labels;
}

static bool has_bounds(const struct gw_metric_family *family,
                       const struct gw_metric_options *options) {
    const struct gw_metric_bounds *a = family->bounds, *b = options->bounds;
    return a == b || (a && b && a->n == b->n && memcmp(a->at, b->at, a->n * sizeof a->at[0]) == 0);
}

/* OpenMetrics knows a counter without its "_total": there two may not differ by that alone. */
static size_t base_of(const char *name) {
    size_t len = strlen(name), total = strlen("_total");
    return len > total && strcmp(name + len - total, "_total") == 0 ? len - total : len;
}

static bool has_namesake(const char *name) {
    size_t n = base_of(name);
    struct gw_metric_family *at = gw_metric_families();
    while (at && !(base_of(at->name) == n && memcmp(at->name, name, n) == 0))
        at = atomic_load_explicit(&at->next, memory_order_acquire);
    return at != NULL;
}

static const char *conflict(const struct gw_metric_family *family,
                            const struct gw_metric_options *options, unsigned n_new) {
    if (!family && has_namesake(options->name))
        return "another metric is called so, but for '_total', since the gateway started";
    if (!family)
        return registry.n_families + n_new <= MAX_FAMILIES ? NULL : "there are too many metrics";
    if (family->type != options->type || family->number != options->number)
        return "it is a metric of another type since the gateway started";
    if (!has_labels(family, options))
        return "it has had other labels since the gateway started";
    return has_bounds(family, options) ? NULL
                                       : "it has had other buckets since the gateway started";
}

const char *gw_metrics_conflict(const struct gw_metric_options *options, unsigned n_new) {
    pthread_mutex_lock(&registry.mutex);
    const char *fault = conflict(family_named(options->name), options, n_new);
    pthread_mutex_unlock(&registry.mutex);
    return fault;
}

/* Who reads the one before it may go on to do so: it is kept. */
static void set_help(struct gw_metric_family *family, const char *text) {
    struct gw_metric_help *before = atomic_load(&family->help);
    if (before && strcmp(before->text, text) == 0)
        return;
    struct gw_metric_help *help = gw_alloc(sizeof *help);
    *help = (struct gw_metric_help){.before = before, .text = gw_strdup(text)};
    atomic_store_explicit(&family->help, help, memory_order_release);
}

static const struct gw_metric_bounds *keep_bounds(const struct gw_metric_bounds *bounds) {
    if (!bounds || bounds == &gw_metric_durations)
        return bounds;
    struct gw_metric_bounds *copy = gw_alloc(sizeof *copy);
    *copy = *bounds;
    return copy;
}

static struct gw_metric_family *add_family(const struct gw_metric_options *options) {
    struct gw_metric_family *family = gw_calloc(1, sizeof *family);
    family->name = gw_strdup(options->name);
    family->unit = options->unit ? gw_strdup(options->unit) : NULL;
    family->type = options->type;
    family->number = options->number;
    family->bounds = keep_bounds(options->bounds);
    family->max_series = options->max_series ? options->max_series : GW_METRIC_MAX_SERIES;
    for (; options->labels[family->n_labels]; family->n_labels++)
        family->labels[family->n_labels] = gw_strdup(options->labels[family->n_labels]);
    set_help(family, options->help);
    atomic_store_explicit(registry.last ? &registry.last->next : &registry.families, family,
                          memory_order_release);
    registry.last = family;
    registry.n_families++;
    return family;
}

struct gw_metric_family *gw_metrics_declare(const struct gw_metric_options *options,
                                            const char **error) {
    pthread_mutex_lock(&registry.mutex);
    struct gw_metric_family *family = family_named(options->name);
    *error = conflict(family, options, 1);
    if (*error)
        family = NULL;
    else if (family)
        set_help(family, options->help);
    else
        family = add_family(options);
    pthread_mutex_unlock(&registry.mutex);
    return family;
}

/* --- Series --- */

static void append_escaped(struct gw_buf *out, struct gw_str value) {
    for (size_t at = 0, n; at < value.len && at < GW_METRIC_MAX_VALUE; at += n) {
        const char *c = value.data + at;
        size_t valid = gw_utf8_sequence(c, value.len - at);
        n = valid ? valid : 1;
        if (!valid)
            gw_buf_append_str(out, GW_STR("\xEF\xBF\xBD"));
        else if (*c == '\n')
            gw_buf_append_str(out, GW_STR("\\n"));
        else if (*c == '\\' || *c == '"')
            gw_buf_append(out, *c == '"' ? "\\\"" : "\\\\", 2);
        else
            gw_buf_append(out, c, n);
    }
}

static void append_labels(struct gw_buf *out, const struct gw_metric_family *family,
                          const struct gw_str *values) {
    for (unsigned i = 0; i < family->n_labels; i++) {
        if (i > 0)
            gw_buf_append_char(out, ',');
        gw_buf_append_str(out, gw_str_from(family->labels[i]));
        gw_buf_append_str(out, GW_STR("=\""));
        append_escaped(out, values ? values[i] : GW_STR("overflow"));
        gw_buf_append_char(out, '"');
    }
}

/* FNV-1a. */
static uint32_t hash_of(struct gw_str text) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

static struct gw_metric_row *find_row(const struct gw_metric_family *family, struct gw_str labels) {
    uint32_t hash = hash_of(labels);
    struct gw_metric_row *row = atomic_load_explicit(&family->rows, memory_order_acquire);
    while (row && !(row->hash == hash && gw_str_equal(row->labels, labels)))
        row = atomic_load_explicit(&row->next, memory_order_acquire);
    return row;
}

static unsigned cells_of(const struct gw_metric_family *family) {
    return family->bounds ? family->bounds->n + 2 : 1;
}

static struct gw_metric_row *add_row(struct gw_metric_family *family, struct gw_str labels) {
    uint32_t at = take_cells(cells_of(family));
    if (!at)
        return NULL;
    struct gw_metric_row *row = gw_calloc(1, sizeof *row);
    row->metric.at = at;
    row->hash = hash_of(labels);
    row->labels =
        (struct gw_str){gw_strndup(labels.len ? labels.data : "", labels.len), labels.len};
    atomic_store_explicit(family->last ? &family->last->next : &family->rows, row,
                          memory_order_release);
    family->last = row;
    family->n_rows++;
    return row;
}

static void tell_overflow(const char *name) {
    struct gw_buf *line = gw_log_begin(
        GW_LOG_WARN, "a metric has too many series: further ones are counted as \"overflow\"");
    gw_log_str(line, "metric", gw_str_from(name));
    gw_log_end(line);
}

/* Where there are no cells left at all, nothing is counted. */
static struct gw_metric_row *overflow_row(struct gw_metric_family *family, bool *is_first) {
    struct gw_buf labels = {0};
    if (family->overflow)
        return family->overflow;
    append_labels(&labels, family, NULL);
    *is_first = !registry.is_full;
    family->overflow = find_row(family, gw_buf_str(&labels));
    if (!family->overflow)
        family->overflow = add_row(family, gw_buf_str(&labels));
    registry.is_full = !family->overflow;
    gw_buf_fini(&labels);
    return family->overflow;
}

struct gw_metric gw_metric_series_or_overflow(struct gw_metric_family *family,
                                              const struct gw_str *values, bool *overflowed) {
    struct gw_buf labels = {0};
    bool is_first = false;
    append_labels(&labels, family, values);
    pthread_mutex_lock(&registry.mutex);
    struct gw_metric_row *row = find_row(family, gw_buf_str(&labels));
    if (!row && family->n_rows < family->max_series)
        row = add_row(family, gw_buf_str(&labels));
    *overflowed = !row;
    if (!row)
        row = overflow_row(family, &is_first);
    pthread_mutex_unlock(&registry.mutex);
    gw_buf_fini(&labels);
    if (is_first && gw_log_enabled(GW_LOG_WARN))
        tell_overflow(family->name);
    return row ? row->metric : (struct gw_metric){0};
}

struct gw_metric gw_metric_series(struct gw_metric_family *family, const struct gw_str *values) {
    bool ignored;
    return gw_metric_series_or_overflow(family, values, &ignored);
}

/* --- Counting in doubles --- */

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void add_double_at(uint32_t at, double n) {
    _Atomic(uint64_t) *cell = gw_metric_cell(at);
    double value = double_of(atomic_load_explicit(cell, memory_order_relaxed));
    atomic_store_explicit(cell, bits_of(value + n), memory_order_relaxed);
}

void gw_metric_add_double(struct gw_metric metric, double n) {
    add_double_at(metric.at, n);
}

void gw_metric_observe(const struct gw_metric_family *family, struct gw_metric metric,
                       double value) {
    gw_metric_add_at(metric.at + gw_metric_bucket(family->bounds, value), 1);
    add_double_at(metric.at + family->bounds->n + 1, value);
}

static _Atomic(uint64_t) *shared_cell(struct gw_metric metric) {
    return &registry.shared->chunks[metric.at / GW_METRIC_CHUNK][metric.at % GW_METRIC_CHUNK];
}

void gw_metric_set(struct gw_metric metric, double value) {
    if (metric.at)
        atomic_store_explicit(shared_cell(metric), bits_of(value), memory_order_relaxed);
}

void gw_metric_change(struct gw_metric metric, double by) {
    if (!metric.at)
        return;
    _Atomic(uint64_t) *cell = shared_cell(metric);
    uint64_t before = atomic_load_explicit(cell, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(cell, &before, bits_of(double_of(before) + by)))
        ;
}

/* --- Reading --- */

static uint64_t read_cell(const struct gw_metric_cells *cells, uint32_t at) {
    return atomic_load_explicit(&cells->chunks[at / GW_METRIC_CHUNK][at % GW_METRIC_CHUNK],
                                memory_order_relaxed);
}

uint64_t gw_metric_sum(uint32_t at) {
    uint64_t sum = 0;
    const struct gw_metric_cells *cells =
        atomic_load_explicit(&registry.cells, memory_order_acquire);
    for (; cells; cells = cells->next)
        sum += read_cell(cells, at);
    return sum;
}

double gw_metric_sum_doubles(uint32_t at) {
    double sum = 0;
    const struct gw_metric_cells *cells =
        atomic_load_explicit(&registry.cells, memory_order_acquire);
    for (; cells; cells = cells->next)
        sum += double_of(read_cell(cells, at));
    return sum;
}

static double value_at(const struct gw_metric_family *family, uint32_t at) {
    switch (family->number) {
    case GW_METRIC_INTEGER:
        break;
    case GW_METRIC_MICRO:
        return (double)(int64_t)gw_metric_sum(at) / 1e6;
    case GW_METRIC_DOUBLE:
        return gw_metric_sum_doubles(at);
    }
    return (double)(int64_t)gw_metric_sum(at);
}

uint64_t gw_metric_read_at(uint32_t at) {
    return at ? gw_metric_sum(at) : 0;
}

double gw_metric_value(const struct gw_metric_family *family, struct gw_metric metric) {
    return metric.at ? value_at(family, metric.at) : 0;
}

void gw_metric_read_histogram(const struct gw_metric_family *family, struct gw_metric metric,
                              struct gw_metric_histogram *out) {
    *out = (struct gw_metric_histogram){.bounds = family->bounds};
    if (!metric.at)
        return;
    for (unsigned i = 0; i <= family->bounds->n; i++)
        out->count += out->counts[i] = gw_metric_sum(metric.at + i);
    out->sum = value_at(family, metric.at + family->bounds->n + 1);
}
