/* What the settings say of exporting traces. */
#include "engine/exporter.h"
#include "engine/otlp.h"

#include "base/pairs.h"
#include "base/version.h"

#include <string.h>

#define FLUSH_MS 3000

/* As an empty variable: not set. */
static bool is_set(const char *text) {
    return text && *text;
}

static const char *first_set(const char *for_traces, const char *for_all) {
    return is_set(for_traces) ? for_traces : for_all;
}

static void make_url(struct gw_buf *url, const struct gw_settings *s) {
    struct gw_str base = gw_str_from(first_set(s->otlp_traces_endpoint, s->otlp_endpoint));
    bool is_whole = is_set(s->otlp_traces_endpoint);
    while (!is_whole && base.len && base.data[base.len - 1] == '/')
        base.len--;
    gw_buf_append_str(url, base);
    if (!is_whole)
        gw_buf_append_str(url, GW_STR("/v1/traces"));
    gw_buf_append_char(url, '\0');
}

static void make_fields(struct gw_buf *fields, const char *headers) {
    struct gw_str rest = gw_str_from(headers ? headers : ""), name;
    struct gw_buf value = {0};
    gw_buf_printf(fields, "content-type: application/json\nuser-agent: moongate/%s\n", gw_version);
    while (gw_pairs_next(&rest, &name, &value))
        gw_buf_printf(fields, "%.*s: %.*s\n", GW_STR_ARG(name), GW_STR_ARG(gw_buf_str(&value)));
    gw_buf_fini(&value);
}

static bool is_wanted(const struct gw_settings *s) {
    return !s->otel_disabled && strcmp(s->otel_exporter, "none") != 0 &&
           (is_set(s->otlp_endpoint) || is_set(s->otlp_traces_endpoint));
}

bool gw_exporter_options_init(struct gw_exporter_options *options, const struct gw_settings *s) {
    if (!is_wanted(s))
        return false;
    *options = (struct gw_exporter_options){
        .ca_file = first_set(s->otlp_traces_certificate, s->otlp_certificate),
        .timeout_ms = s->otlp_traces_timeout_ms ? s->otlp_traces_timeout_ms : s->otlp_timeout_ms,
        .delay_ms = s->otel_delay_ms,
        .flush_ms = FLUSH_MS,
        .queue_size = (unsigned)s->otel_queue_size,
        .batch_size = (unsigned)s->otel_batch_size,
    };
    make_url(&options->url, s);
    make_fields(&options->fields, first_set(s->otlp_traces_headers, s->otlp_headers));
    gw_otlp_resource(&options->resource, s->otel_service_name, s->otel_resource);
    return true;
}

void gw_exporter_options_fini(struct gw_exporter_options *options) {
    gw_buf_fini(&options->url);
    gw_buf_fini(&options->fields);
    gw_buf_fini(&options->resource);
}

struct gw_sampler gw_exporter_sampler(const struct gw_settings *s) {
    struct gw_sampler sampler = {0};
    gw_sampler_set(&sampler,
                   gw_str_from(s->otel_disabled ? "parentbased_always_off" : s->otel_sampler),
                   s->otel_sampler_ratio);
    return sampler;
}
