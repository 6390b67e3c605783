/* Histograms: how many values fell between which bounds, and what may be concluded from that. Pure
 * data: a snapshot is a value, two of them can be subtracted, and none of this touches what is
 * being counted.
 *
 * Durations are counted in finer buckets than Prometheus is shown: some ten for each power of ten
 * from 0.1 ms to 60 s, so that a quantile is right to a few percent, while a scrape has fifteen. */
#ifndef GW_POLICY_METRIC_HISTOGRAM_H
#define GW_POLICY_METRIC_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define GW_METRIC_MAX_BOUNDS 64

/* Upper bounds, inclusive, ascending; one more bucket takes what is above them all. */
struct gw_metric_bounds {
    unsigned n;
    double at[GW_METRIC_MAX_BOUNDS];
    bool is_shown[GW_METRIC_MAX_BOUNDS]; /* to Prometheus, which gets the sums up to these */
};

/* Of durations, in seconds. */
extern const struct gw_metric_bounds gw_metric_durations;

/* The index of its bucket in gw_metric_durations; its number of bounds for what is above them. */
unsigned gw_metric_bucket_us(int64_t us);
unsigned gw_metric_bucket(const struct gw_metric_bounds *bounds, double value);

/* What there was at one moment. All zero is what there was before anything was counted. */
struct gw_metric_histogram {
    const struct gw_metric_bounds *bounds; /* not owned */
    uint64_t counts[GW_METRIC_MAX_BOUNDS + 1];
    uint64_t count; /* of all buckets */
    double sum;
};

/* What has come since `before`, which may be all zero. */
void gw_metric_histogram_since(const struct gw_metric_histogram *now,
                               const struct gw_metric_histogram *before,
                               struct gw_metric_histogram *out);

/* The value that the part `q` (0 to 1) of all values does not exceed, taken to lie evenly within
 * its bucket; the highest bound for what is above it. Negative if there are no values. */
double gw_metric_quantile(const struct gw_metric_histogram *histogram, double q);

#endif
