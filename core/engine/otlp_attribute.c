/* One attribute as OTLP's JSON: { key, value: { type: value } }. */
#include "engine/otlp_internal.h"

#include "base/json_write.h"

#include <stdio.h>

static void open_attribute(struct gw_buf *out, struct gw_str key, const char *type) {
    gw_json_open(out, '{');
    gw_json_member_str(out, "key", key);
    gw_json_key(out, "value");
    gw_json_open(out, '{');
    gw_json_key(out, type);
}

static void close_attribute(struct gw_buf *out) {
    gw_json_close(out, '}');
    gw_json_close(out, '}');
}

void gw_otlp_attribute(struct gw_buf *out, struct gw_str key, struct gw_str value) {
    open_attribute(out, key, "stringValue");
    gw_json_str(out, value);
    close_attribute(out);
}

void gw_otlp_add_text(struct gw_buf *out, const char *key, struct gw_str value) {
    if (value.len)
        gw_otlp_attribute(out, gw_str_from(key), value);
}

void gw_otlp_number(struct gw_buf *out, uint64_t value) {
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    gw_json_str(out, (struct gw_str){text, (size_t)n});
}

void gw_otlp_add_int(struct gw_buf *out, const char *key, uint64_t value) {
    open_attribute(out, gw_str_from(key), "intValue");
    gw_otlp_number(out, value);
    close_attribute(out);
}

void gw_otlp_add_true(struct gw_buf *out, const char *key) {
    open_attribute(out, gw_str_from(key), "boolValue");
    gw_json_bool(out, true);
    close_attribute(out);
}
