#include "policy/metric_histogram.h"

#include <stddef.h>

/* The same as `at` below, in microseconds. */
static const uint32_t bounds_us[] = {
    100,      120,      150,      200,      250,      300,      400,      500,      600,
    800,      1000,     1200,     1500,     2000,     2500,     3000,     4000,     5000,
    6000,     8000,     10000,    12000,    15000,    20000,    25000,    30000,    40000,
    50000,    60000,    80000,    100000,   120000,   150000,   200000,   250000,   300000,
    400000,   500000,   600000,   800000,   1000000,  1200000,  1500000,  2000000,  2500000,
    3000000,  4000000,  5000000,  6000000,  8000000,  10000000, 12000000, 15000000, 20000000,
    25000000, 30000000, 40000000, 50000000, 60000000,
};
#define N_US (sizeof bounds_us / sizeof bounds_us[0])

const struct gw_metric_bounds gw_metric_durations = {
    .n = N_US,
    .at = {0.0001, 0.00012, 0.00015, 0.0002, 0.00025, 0.0003, 0.0004, 0.0005, 0.0006, 0.0008,
           0.001,  0.0012,  0.0015,  0.002,  0.0025,  0.003,  0.004,  0.005,  0.006,  0.008,
           0.01,   0.012,   0.015,   0.02,   0.025,   0.03,   0.04,   0.05,   0.06,   0.08,
           0.1,    0.12,    0.15,    0.2,    0.25,    0.3,    0.4,    0.5,    0.6,    0.8,
           1,      1.2,     1.5,     2,      2.5,     3,      4,      5,      6,      8,
           10,     12,      15,      20,     25,      30,     40,     50,     60},
    .is_shown = {[7] = true,
                 [10] = true,
                 [14] = true,
                 [17] = true,
                 [20] = true,
                 [24] = true,
                 [27] = true,
                 [30] = true,
                 [34] = true,
                 [37] = true,
                 [40] = true,
                 [44] = true,
                 [47] = true,
                 [50] = true,
                 [55] = true},
};

/* Where to begin for a number of so many bits: no bound before it is as large. */
static const uint8_t first_of_bits[] = {0,  0,  0,  0,  0,  0,  0,  0,  2,  5,  8,  11, 14, 17,
                                        20, 23, 26, 29, 32, 35, 38, 41, 44, 47, 50, 53, 56};

unsigned gw_metric_bucket_us(int64_t us) {
    if (us <= 0)
        return 0;
    unsigned bits = 64 - (unsigned)__builtin_clzll((uint64_t)us);
    if (bits >= sizeof first_of_bits)
        return N_US;
    unsigned i = first_of_bits[bits];
    while (i < N_US && us > bounds_us[i])
        i++;
    return i;
}

/* What is not a number is above all. */
unsigned gw_metric_bucket(const struct gw_metric_bounds *bounds, double value) {
    unsigned i = 0;
    while (i < bounds->n && !(value <= bounds->at[i]))
        i++;
    return i;
}

void gw_metric_histogram_since(const struct gw_metric_histogram *now,
                               const struct gw_metric_histogram *before,
                               struct gw_metric_histogram *out) {
    struct gw_metric_histogram since = {.bounds = now->bounds};
    for (unsigned i = 0; now->bounds && i <= now->bounds->n; i++)
        since.count += since.counts[i] = now->counts[i] - before->counts[i];
    since.sum = now->sum - before->sum;
    *out = since;
}

double gw_metric_quantile(const struct gw_metric_histogram *histogram, double q) {
    const struct gw_metric_bounds *bounds = histogram->bounds;
    double rank = q * (double)histogram->count, below = 0;
    if (histogram->count == 0)
        return -1;
    for (unsigned i = 0; i < bounds->n; i++) {
        double in = (double)histogram->counts[i];
        if (in > 0 && below + in >= rank) {
            double from = i > 0 ? bounds->at[i - 1] : bounds->at[i] < 0 ? bounds->at[i] : 0;
            double part = rank > below ? (rank - below) / in : 0;
            return from + (bounds->at[i] - from) * part;
        }
        below += in;
    }
    return bounds->n ? bounds->at[bounds->n - 1] : 0;
}
