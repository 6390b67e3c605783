#include "admin/readings.h"

#include "base/json_write.h"

#include <inttypes.h>
#include <math.h>

/* What never had a call has no meter: all zero. */
struct gw_meter_reading gw_reading_of(enum gw_meter_kind kind, struct gw_str name) {
    struct gw_meter_reading reading = {0};
    const struct gw_meter *meter = gw_meters_find(kind, name);
    if (meter)
        gw_meter_read(meter, &reading);
    return reading;
}

static double quantile_ms(const struct gw_meter_reading *reading, double q) {
    return reading->count ? 1000 * gw_metric_quantile(&reading->durations, q) : NAN;
}

void gw_reading_append_latencies(struct gw_buf *out, const struct gw_meter_reading *reading) {
    gw_json_member_number(out, "p50_ms", quantile_ms(reading, 0.5));
    gw_json_member_number(out, "p90_ms", quantile_ms(reading, 0.9));
    gw_json_member_number(out, "p99_ms", quantile_ms(reading, 0.99));
}

void gw_reading_append_columns(struct gw_buf *out, const struct gw_meter_reading *reading) {
    gw_buf_printf(out, "%9" PRIu64 "  %7" PRIu64, reading->count, reading->errors);
    if (reading->count)
        gw_buf_printf(out, "  %6.0f ms  %6.0f ms", quantile_ms(reading, 0.5),
                      quantile_ms(reading, 0.99));
    else
        gw_buf_printf(out, "  %9s  %9s", "-", "-");
}
