/* What has been counted of a route or a backend since the start, as the admin calls show it. */
#ifndef GW_ADMIN_READINGS_H
#define GW_ADMIN_READINGS_H

#include "policy/metric_meter.h"

/* By the route's label, or the backend's name. */
struct gw_meter_reading gw_reading_of(enum gw_meter_kind kind, struct gw_str name);

/* Members p50_ms, p90_ms and p99_ms; null where nothing was counted. */
void gw_reading_append_latencies(struct gw_buf *out, const struct gw_meter_reading *reading);

/* For people: as GW_READING_TITLES has it. */
#define GW_READING_TITLES "    CALLS   FAILED        P50        P99"
void gw_reading_append_columns(struct gw_buf *out, const struct gw_meter_reading *reading);

#endif
