#include "engine/otlp.h"

#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/pairs.h"
#include "base/version.h"
#include "engine/backend.h"
#include "engine/otlp_internal.h"

#include <string.h>

/* --- Who sends --- */

static bool is_service_name(struct gw_str key) {
    return gw_str_equal(key, GW_STR("service.name"));
}

static void append_pairs(struct gw_buf *out, const char *attributes, bool *is_named) {
    struct gw_str rest = gw_str_from(attributes), key;
    struct gw_buf value = {0};
    while (gw_pairs_next(&rest, &key, &value)) {
        if (is_service_name(key) && *is_named)
            continue;
        *is_named |= is_service_name(key);
        gw_otlp_attribute(out, key, gw_buf_str(&value));
    }
    gw_buf_fini(&value);
}

void gw_otlp_resource(struct gw_buf *out, const char *service_name, const char *attributes) {
    bool is_named = service_name != NULL;
    gw_json_open(out, '[');
    if (is_named)
        gw_otlp_attribute(out, GW_STR("service.name"), gw_str_from(service_name));
    append_pairs(out, attributes ? attributes : "", &is_named);
    if (!is_named)
        gw_otlp_attribute(out, GW_STR("service.name"), GW_STR("moongate"));
    gw_otlp_attribute(out, GW_STR("telemetry.sdk.name"), GW_STR("moongate"));
    gw_otlp_attribute(out, GW_STR("telemetry.sdk.language"), GW_STR("c"));
    gw_otlp_attribute(out, GW_STR("telemetry.sdk.version"), gw_str_from(gw_version));
    gw_json_close(out, ']');
}

/* --- A request --- */

void gw_otlp_open(struct gw_buf *out, struct gw_str resource) {
    gw_buf_append_str(out, GW_STR("{\"resourceSpans\":[{\"resource\":{\"attributes\":"));
    gw_buf_append_str(out, resource);
    gw_buf_append_str(out, GW_STR("},\"scopeSpans\":[{\"scope\":{\"name\":\"moongate\","));
    gw_buf_append_str(out, GW_STR("\"version\":"));
    gw_buf_append_json(out, gw_str_from(gw_version));
    gw_buf_append_str(out, GW_STR("},\"spans\":["));
}

void gw_otlp_append(struct gw_buf *out, const struct gw_trace *trace) {
    for (uint16_t i = 0; i < trace->n_spans; i++)
        if (!gw_otlp_is_event(&trace->spans[i]))
            gw_otlp_append_span(out, trace, i);
}

void gw_otlp_close(struct gw_buf *out) {
    gw_buf_append_str(out, GW_STR("]}]}]}"));
}

/* --- An answer --- */

/* An int64 is text in proto3's JSON, but a number is read too. */
static uint64_t number_in(struct gw_str value) {
    uint64_t number;
    if (value.len > 2 && value.data[0] == '"')
        value = (struct gw_str){value.data + 1, value.len - 2};
    return gw_str_to_u64(value, UINT64_MAX, &number) ? number : 0;
}

uint64_t gw_otlp_rejected(struct gw_str answer, struct gw_str *message) {
    struct gw_str partial, rejected;
    *message = GW_STR("\"\"");
    if (!gw_json_find(gw_json_inside(answer), "partialSuccess", &partial))
        return 0;
    partial = gw_json_inside(partial);
    gw_json_find(partial, "errorMessage", message);
    return gw_json_find(partial, "rejectedSpans", &rejected) ? number_in(rejected) : 0;
}
