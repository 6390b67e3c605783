#include "admin/pulse.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define MARKS   (GW_PULSE_WINDOW + 1)
#define FAILING 0.05F /* of a backend's calls */
#define SILENT  60    /* beats without traffic, which end a spell */

static const struct gw_beat NOTHING = {0, 0, NAN, NAN, NAN};

/* What was counted up to one moment. */
struct mark {
    uint64_t count, errors;
    struct gw_metric_histogram durations;
};

struct gw_pulse_series {
    TAILQ_ENTRY(gw_pulse_series) link;
    const struct gw_pulse *pulse;
    const struct gw_meter *meter; /* NULL: all routes together */
    uint64_t seen;                /* counted when it was last looked at */
    /* All that follows comes with the first traffic. */
    struct mark *marks;    /* owned; a ring of MARKS, in step with the pulse's `at_ms` */
    struct gw_beat *beats; /* owned; a ring of GW_PULSE_SECONDS, in step with its seconds */
    unsigned quiet;        /* beats since the last with traffic, up to GW_PULSE_SECONDS */
    struct gw_spell spell;
};

TAILQ_HEAD(gw_pulse_list, gw_pulse_series);

struct gw_pulse {
    uint64_t n_taken;
    int64_t at_ms[MARKS]; /* of the marks */
    int64_t wall_ms[GW_PULSE_SECONDS];
    unsigned in_flight[GW_PULSE_SECONDS];
    struct gw_pulse_series *total;
    struct gw_pulse_list kinds[2]; /* routes and backends, the newest last; owned */
};

/* --- Series --- */

static struct gw_pulse_series *new_series(const struct gw_pulse *pulse,
                                          const struct gw_meter *meter) {
    struct gw_pulse_series *series = gw_calloc(1, sizeof *series);
    series->pulse = pulse;
    series->meter = meter;
    series->quiet = GW_PULSE_SECONDS;
    return series;
}

static void free_series(struct gw_pulse_series *series) {
    gw_spell_fini(&series->spell);
    free(series->marks);
    free(series->beats);
    free(series);
}

/* Meters are listed the newest first, so those that are not known yet come before all others. */
static void find_new(struct gw_pulse *pulse, enum gw_meter_kind kind) {
    const struct gw_pulse_series *newest = TAILQ_LAST(&pulse->kinds[kind], gw_pulse_list);
    const struct gw_meter *known = newest ? newest->meter : NULL;
    struct gw_pulse_series *after = TAILQ_LAST(&pulse->kinds[kind], gw_pulse_list);
    for (struct gw_meter *at = gw_meters_first(kind); at && at != known; at = gw_meter_next(at)) {
        struct gw_pulse_series *series = new_series(pulse, at);
        if (after)
            TAILQ_INSERT_AFTER(&pulse->kinds[kind], after, series, link);
        else
            TAILQ_INSERT_HEAD(&pulse->kinds[kind], series, link);
    }
}

/* It had no traffic up to now; but of what there was before the first beat nobody knows when. */
static void begin(struct gw_pulse_series *series, const struct mark *now) {
    series->marks = gw_calloc(MARKS, sizeof *series->marks);
    series->beats = gw_calloc(GW_PULSE_SECONDS, sizeof *series->beats);
    for (unsigned i = 0; i < GW_PULSE_SECONDS; i++)
        series->beats[i] = NOTHING;
    if (series->pulse->n_taken > 1)
        return;
    series->marks[0] = *now;
    series->seen = now->count;
}

/* --- Beats --- */

static float quantile_ms(const struct gw_metric_histogram *histogram, double q) {
    double seconds = gw_metric_quantile(histogram, q);
    return seconds < 0 ? NAN : (float)(seconds * 1000);
}

static struct gw_beat difference(const struct mark *now, const struct mark *before, int64_t ms) {
    struct gw_metric_histogram since;
    float seconds = (float)(ms > 0 ? ms : 1) / 1000;
    gw_metric_histogram_since(&now->durations, &before->durations, &since);
    return (struct gw_beat){
        .per_s = (float)(now->count - before->count) / seconds,
        .errors_per_s = (float)(now->errors - before->errors) / seconds,
        .p50_ms = quantile_ms(&since, 0.5),
        .p90_ms = quantile_ms(&since, 0.9),
        .p99_ms = quantile_ms(&since, 0.99),
    };
}

/* Of a backend some failures are usual; of what the gateway answers none are. */
static void take_spell(struct gw_pulse_series *series, const struct gw_beat *beat) {
    const struct gw_pulse *pulse = series->pulse;
    bool is_backend = series->meter && series->meter->kind == GW_METER_BACKEND;
    float least = is_backend ? FAILING * beat->per_s : 0;
    bool is_failing = beat->errors_per_s > 0 && beat->errors_per_s >= least;
    if (series->quiet >= SILENT)
        gw_spell_end(&series->spell);
    else if (beat->per_s > 0)
        gw_spell_take(&series->spell, pulse->wall_ms[pulse->n_taken % GW_PULSE_SECONDS], is_failing,
                      is_backend ? beat->p50_ms : NAN);
}

/* The oldest mark that there is in the window; of the first beat of all it is the empty one. */
static unsigned oldest_mark(const struct gw_pulse *pulse) {
    uint64_t oldest = pulse->n_taken > GW_PULSE_WINDOW ? pulse->n_taken - GW_PULSE_WINDOW : 0;
    return (unsigned)(oldest % MARKS);
}

static void take_beat(struct gw_pulse_series *series, const struct mark *now) {
    const struct gw_pulse *pulse = series->pulse;
    unsigned newest = (unsigned)(pulse->n_taken % MARKS), oldest = oldest_mark(pulse);
    if (!series->marks && now->count == 0)
        return;
    if (!series->marks)
        begin(series, now);
    series->quiet = now->count != series->seen         ? 0
                    : series->quiet < GW_PULSE_SECONDS ? series->quiet + 1
                                                       : series->quiet;
    series->seen = now->count;
    series->marks[newest] = *now;
    struct gw_beat *beat = &series->beats[pulse->n_taken % GW_PULSE_SECONDS];
    *beat = difference(now, &series->marks[oldest], pulse->at_ms[newest] - pulse->at_ms[oldest]);
    take_spell(series, beat);
}

static void add(struct mark *sum, const struct mark *one) {
    sum->count += one->count;
    sum->errors += one->errors;
    sum->durations.bounds = one->durations.bounds;
    sum->durations.count += one->durations.count;
    sum->durations.sum += one->durations.sum;
    for (unsigned i = 0; i <= GW_METRIC_MAX_BOUNDS; i++)
        sum->durations.counts[i] += one->durations.counts[i];
}

/* The sum of all goes to *sum, which may be NULL. */
static void beat_all(struct gw_pulse *pulse, enum gw_meter_kind kind, struct mark *sum) {
    for (struct gw_pulse_series *series = TAILQ_FIRST(&pulse->kinds[kind]); series;
         series = TAILQ_NEXT(series, link)) {
        struct gw_meter_reading reading;
        gw_meter_read(series->meter, &reading);
        struct mark now = {reading.count, reading.errors, reading.durations};
        take_beat(series, &now);
        if (sum)
            add(sum, &now);
    }
}

void gw_pulse_take(struct gw_pulse *pulse, int64_t now_ms, int64_t wall_ms, unsigned in_flight) {
    struct mark requests = {0};
    pulse->n_taken++;
    pulse->at_ms[pulse->n_taken % MARKS] = now_ms;
    pulse->wall_ms[pulse->n_taken % GW_PULSE_SECONDS] = wall_ms;
    pulse->in_flight[pulse->n_taken % GW_PULSE_SECONDS] = in_flight;
    if (pulse->n_taken == 1) /* the window begins a second before the first beat */
        pulse->at_ms[0] = now_ms - 1000;
    find_new(pulse, GW_METER_ROUTE);
    find_new(pulse, GW_METER_BACKEND);
    beat_all(pulse, GW_METER_ROUTE, &requests);
    beat_all(pulse, GW_METER_BACKEND, NULL);
    take_beat(pulse->total, &requests);
}

/* --- Reading --- */

unsigned gw_pulse_length(const struct gw_pulse *pulse) {
    return pulse->n_taken < GW_PULSE_SECONDS ? (unsigned)pulse->n_taken : GW_PULSE_SECONDS;
}

static unsigned place(const struct gw_pulse *pulse, unsigned ago) {
    return (unsigned)((pulse->n_taken - ago) % GW_PULSE_SECONDS);
}

int64_t gw_pulse_wall_ms(const struct gw_pulse *pulse, unsigned ago) {
    return pulse->wall_ms[place(pulse, ago)];
}

unsigned gw_pulse_in_flight(const struct gw_pulse *pulse, unsigned ago) {
    return pulse->in_flight[place(pulse, ago)];
}

const struct gw_pulse_series *gw_pulse_total(const struct gw_pulse *pulse) {
    return pulse->total;
}

const struct gw_pulse_series *gw_pulse_backend(const struct gw_pulse *pulse, struct gw_str name) {
    for (const struct gw_pulse_series *at = TAILQ_FIRST(&pulse->kinds[GW_METER_BACKEND]); at;
         at = TAILQ_NEXT(at, link)) {
        if (gw_str_equal(at->meter->name, name))
            return at->marks ? at : NULL;
    }
    return NULL;
}

struct gw_str gw_pulse_name(const struct gw_pulse_series *series) {
    return series->meter ? series->meter->name : GW_STR("");
}

struct gw_beat gw_pulse_beat(const struct gw_pulse_series *series, unsigned ago) {
    return series && series->beats ? series->beats[place(series->pulse, ago)] : NOTHING;
}

const struct gw_spell *gw_pulse_spell(const struct gw_pulse_series *series) {
    static const struct gw_spell none;
    return series ? &series->spell : &none;
}

static int by_traffic(const void *a, const void *b) {
    float one = gw_pulse_beat(*(const struct gw_pulse_series *const *)a, 0).per_s;
    float other = gw_pulse_beat(*(const struct gw_pulse_series *const *)b, 0).per_s;
    return (one < other) - (one > other);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct gw_pulse_series *const *)a)->meter->name.data,
                  (*(const struct gw_pulse_series *const *)b)->meter->name.data);
}

/* `out` may be NULL. */
static unsigned find_busy(const struct gw_pulse *pulse, const struct gw_pulse_series **out) {
    unsigned n = 0;
    for (const struct gw_pulse_series *at = TAILQ_FIRST(&pulse->kinds[GW_METER_ROUTE]); at;
         at = TAILQ_NEXT(at, link)) {
        if (at->quiet == GW_PULSE_SECONDS)
            continue;
        if (out)
            out[n] = at;
        n++;
    }
    return n;
}

unsigned gw_pulse_busy_routes(const struct gw_pulse *pulse) {
    return find_busy(pulse, NULL);
}

unsigned gw_pulse_routes(const struct gw_pulse *pulse, const struct gw_pulse_series **out,
                         unsigned max) {
    const struct gw_pulse_series **busy =
        gw_calloc(GW_METER_MAX_ROUTES + 2, sizeof(const struct gw_pulse_series *));
    unsigned n = find_busy(pulse, busy);
    if (n > max)
        qsort(busy, n, sizeof *busy, by_traffic);
    n = n < max ? n : max;
    qsort(busy, n, sizeof *busy, by_name);
    memcpy(out, busy, n * sizeof *busy);
    free(busy);
    return n;
}

/* --- Life --- */

struct gw_pulse *gw_pulse_new(void) {
    struct gw_pulse *pulse = gw_calloc(1, sizeof *pulse);
    TAILQ_INIT(&pulse->kinds[GW_METER_ROUTE]);
    TAILQ_INIT(&pulse->kinds[GW_METER_BACKEND]);
    pulse->total = new_series(pulse, NULL);
    return pulse;
}

static void free_list(struct gw_pulse_list *list) {
    struct gw_pulse_series *series;
    while ((series = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, series, link);
        free_series(series);
    }
}

void gw_pulse_free(struct gw_pulse *pulse) {
    if (!pulse)
        return;
    free_list(&pulse->kinds[GW_METER_ROUTE]);
    free_list(&pulse->kinds[GW_METER_BACKEND]);
    free_series(pulse->total);
    free(pulse);
}
