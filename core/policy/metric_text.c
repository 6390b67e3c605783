/* What Prometheus is given: the text format 0.0.4, and OpenMetrics 1.0, which differ in how a
 * counter is named where it is described, in UNIT and in the last line. The creation time of a
 * series (_created) is left out, as the format allows: it would double what there is to store. */
#include "policy/metric_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Numbers --- */

/* The shortest of two ways that reads back the same; `as_float` never looks like a whole number. */
static void append_double(struct gw_buf *out, double value, bool as_float) {
    char text[40];
    if (isnan(value) || isinf(value)) {
        gw_buf_append_str(out, isnan(value) ? GW_STR("NaN")
                               : value > 0  ? GW_STR("+Inf")
                                            : GW_STR("-Inf"));
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    gw_buf_append_str(out, gw_str_from(text));
    if (as_float && !strpbrk(text, ".e"))
        gw_buf_append_str(out, GW_STR(".0"));
}

static void append_sum(struct gw_buf *out, const struct gw_metric_family *family, uint32_t at) {
    int64_t whole;
    switch (family->number) {
    case GW_METRIC_INTEGER:
        gw_buf_append_int(out, (int64_t)gw_metric_sum(at));
        break;
    case GW_METRIC_MICRO:
        whole = (int64_t)gw_metric_sum(at);
        gw_buf_append_int(out, whole / 1000000);
        if (whole % 1000000)
            gw_buf_printf(out, ".%06" PRId64, whole % 1000000);
        break;
    case GW_METRIC_DOUBLE:
        append_double(out, gw_metric_sum_doubles(at), false);
        break;
    }
}

/* --- Samples --- */

static void append_name(struct gw_buf *out, const struct gw_metric_family *family,
                        struct gw_str suffix, struct gw_str labels) {
    gw_buf_append_str(out, gw_str_from(family->name));
    gw_buf_append_str(out, suffix);
    if (labels.len) {
        gw_buf_append_char(out, '{');
        gw_buf_append_str(out, labels);
        gw_buf_append_char(out, '}');
    }
    gw_buf_append_char(out, ' ');
}

static void append_bucket(struct gw_buf *out, const struct gw_metric_family *family,
                          struct gw_str labels, struct gw_str le, uint64_t count) {
    gw_buf_append_str(out, gw_str_from(family->name));
    gw_buf_append_str(out, GW_STR("_bucket{"));
    gw_buf_append_str(out, labels);
    gw_buf_append_str(out, labels.len ? GW_STR(",le=\"") : GW_STR("le=\""));
    gw_buf_append_str(out, le);
    gw_buf_append_str(out, GW_STR("\"} "));
    gw_buf_append_int(out, (int64_t)count);
    gw_buf_append_char(out, '\n');
}

/* The bounds of a family as text: the same for each of its series. */
struct les {
    struct gw_buf text;
    struct gw_str at[GW_METRIC_MAX_BOUNDS];
};

static void make_les(struct les *les, const struct gw_metric_bounds *bounds) {
    size_t ends[GW_METRIC_MAX_BOUNDS], from = 0;
    les->text = (struct gw_buf){0};
    for (unsigned i = 0; i < bounds->n; i++) {
        append_double(&les->text, bounds->at[i], true);
        ends[i] = les->text.len;
    }
    for (unsigned i = 0; i < bounds->n; from = ends[i++])
        les->at[i] = (struct gw_str){les->text.data + from, ends[i] - from};
}

static void append_histogram(struct gw_buf *out, const struct gw_metric_family *family,
                             const struct gw_metric_row *row, const struct les *les) {
    const struct gw_metric_bounds *bounds = family->bounds;
    uint64_t count = 0;
    for (unsigned i = 0; i < bounds->n; i++) {
        count += gw_metric_sum(row->metric.at + i);
        if (bounds->is_shown[i])
            append_bucket(out, family, row->labels, les->at[i], count);
    }
    count += gw_metric_sum(row->metric.at + bounds->n);
    append_bucket(out, family, row->labels, GW_STR("+Inf"), count);
    append_name(out, family, GW_STR("_sum"), row->labels);
    append_sum(out, family, row->metric.at + bounds->n + 1);
    gw_buf_append_char(out, '\n');
    append_name(out, family, GW_STR("_count"), row->labels);
    gw_buf_append_int(out, (int64_t)count);
    gw_buf_append_char(out, '\n');
}

static void append_one(struct gw_buf *out, const struct gw_metric_family *family,
                       const struct gw_metric_row *row) {
    append_name(out, family, GW_STR(""), row->labels);
    if (family->type == GW_METRIC_INFO)
        gw_buf_append_char(out, '1');
    else
        append_sum(out, family, row->metric.at);
    gw_buf_append_char(out, '\n');
}

/* --- Families --- */

/* Of the family as a whole: OpenMetrics describes "x" where a sample is "x_total", or "x_info". */
static struct gw_str described_name(const struct gw_metric_family *family,
                                    enum gw_metric_format format) {
    struct gw_str name = gw_str_from(family->name);
    if (format == GW_METRIC_OPENMETRICS && family->type == GW_METRIC_COUNTER)
        name.len -= strlen("_total");
    if (format == GW_METRIC_OPENMETRICS && family->type == GW_METRIC_INFO)
        name.len -= strlen("_info");
    return name;
}

static const char *type_name(enum gw_metric_type type, enum gw_metric_format format) {
    switch (type) {
    case GW_METRIC_COUNTER:
        return "counter";
    case GW_METRIC_GAUGE:
        break;
    case GW_METRIC_HISTOGRAM:
        return "histogram";
    case GW_METRIC_INFO:
        return format == GW_METRIC_OPENMETRICS ? "info" : "gauge";
    }
    return "gauge";
}

static void append_help(struct gw_buf *out, const char *text, enum gw_metric_format format) {
    for (; *text; text++) {
        if (*text == '\n')
            gw_buf_append_str(out, GW_STR("\\n"));
        else if (*text == '\\')
            gw_buf_append_str(out, GW_STR("\\\\"));
        else if (*text == '"' && format == GW_METRIC_OPENMETRICS)
            gw_buf_append_str(out, GW_STR("\\\""));
        else
            gw_buf_append_char(out, *text);
    }
}

static void append_family(struct gw_buf *out, struct gw_metric_family *family,
                          enum gw_metric_format format) {
    struct gw_str name = described_name(family, format);
    gw_buf_printf(out, "# HELP %.*s ", GW_STR_ARG(name));
    append_help(out, atomic_load_explicit(&family->help, memory_order_acquire)->text, format);
    gw_buf_printf(out, "\n# TYPE %.*s %s\n", GW_STR_ARG(name), type_name(family->type, format));
    if (family->unit && format == GW_METRIC_OPENMETRICS)
        gw_buf_printf(out, "# UNIT %.*s %s\n", GW_STR_ARG(name), family->unit);
}

static void append_rows(struct gw_buf *out, const struct gw_metric_family *family) {
    const struct gw_metric_row *row = atomic_load_explicit(&family->rows, memory_order_acquire);
    struct les les;
    if (family->bounds)
        make_les(&les, family->bounds);
    for (; row; row = atomic_load_explicit(&row->next, memory_order_acquire)) {
        if (family->bounds)
            append_histogram(out, family, row, &les);
        else
            append_one(out, family, row);
    }
    if (family->bounds)
        gw_buf_fini(&les.text);
}

/* A family without series is described all the same: that it is zero, nobody could know. */
void gw_metrics_write(struct gw_buf *out, enum gw_metric_format format) {
    struct gw_metric_family *family = gw_metric_families();
    for (; family; family = atomic_load_explicit(&family->next, memory_order_acquire)) {
        append_family(out, family, format);
        append_rows(out, family);
    }
    if (format == GW_METRIC_OPENMETRICS)
        gw_buf_append_str(out, GW_STR("# EOF\n"));
}
