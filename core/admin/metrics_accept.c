#include "admin/metrics.h"

#include <stdlib.h>

struct range {
    struct gw_str type;    /* "text/plain" */
    bool is_other_version; /* than we speak */
    unsigned weight;       /* thousandths */
};

/* 0, 1, or one of them with up to three digits after the point; anything else is 0. */
static unsigned weight_of(struct gw_str text) {
    struct gw_str whole = {"", 0}, digits = {"", 0};
    uint64_t number = 0, part = 0;
    gw_str_split(text, '.', &whole, &digits);
    if (!gw_str_to_u64(whole, 1, &number) || digits.len > 3 ||
        (digits.len && !gw_str_to_u64(digits, 999, &part)))
        return 0;
    for (size_t i = digits.len; i < 3; i++)
        part *= 10;
    return number ? (part ? 0 : 1000) : (unsigned)part;
}

/* OpenMetrics has versions 0.0.1 and 1.0.0, which say the same; text has 0.0.4. */
static bool is_spoken(struct gw_str type, struct gw_str version) {
    if (gw_str_equal_nocase(type, GW_STR("text/plain")))
        return gw_str_equal(version, GW_STR("0.0.4"));
    return gw_str_equal(version, GW_STR("1.0.0")) || gw_str_equal(version, GW_STR("0.0.1"));
}

static struct gw_str unquoted(struct gw_str value) {
    if (value.len < 2 || value.data[0] != '"' || value.data[value.len - 1] != '"')
        return value;
    return (struct gw_str){value.data + 1, value.len - 2};
}

static struct range read_range(struct gw_str text) {
    struct range range = {.type = {"", 0}, .weight = 1000};
    struct gw_str parameter, name, value;
    gw_str_split(text, ';', &range.type, &text);
    range.type = gw_str_trim(range.type);
    while (gw_str_split(text, ';', &parameter, &text)) {
        if (!gw_str_split(gw_str_trim(parameter), '=', &name, &value))
            continue;
        if (gw_str_equal_nocase(name, GW_STR("q")))
            range.weight = weight_of(value);
        else if (gw_str_equal_nocase(name, GW_STR("version")))
            range.is_other_version = !is_spoken(range.type, unquoted(value));
    }
    return range;
}

/* How much `type` is wanted: by the range that names it, not by "*" in its stead. */
static unsigned wanted(struct gw_str accept, struct gw_str type) {
    unsigned most = 0;
    struct gw_str entry;
    while (gw_str_split(accept, ',', &entry, &accept)) {
        struct range range = read_range(entry);
        if (gw_str_equal_nocase(range.type, type) && !range.is_other_version && range.weight > most)
            most = range.weight;
    }
    return most;
}

enum gw_metric_format gw_metrics_negotiate(struct gw_str accept) {
    unsigned open = wanted(accept, GW_STR("application/openmetrics-text"));
    return open && open >= wanted(accept, GW_STR("text/plain")) ? GW_METRIC_OPENMETRICS
                                                                : GW_METRIC_TEXT;
}
