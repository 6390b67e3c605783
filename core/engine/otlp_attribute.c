/* One attribute as OTLP's JSON: { key, value: { type: value } }. Of thousands of spans a second
 * most of the text is keys, which are ours and need no escapes: they are copied as they are. */
#include "engine/otlp_internal.h"

static void separate(struct gw_buf *out) {
    if (out->data[out->len - 1] != '[')
        gw_buf_append_char(out, ',');
}

static void open_attribute(struct gw_buf *out, const char *key, struct gw_str type) {
    separate(out);
    gw_buf_append_str(out, GW_STR("{\"key\":\""));
    gw_buf_append_str(out, gw_str_from(key));
    gw_buf_append_str(out, GW_STR("\",\"value\":{"));
    gw_buf_append_str(out, type);
}

void gw_otlp_attribute(struct gw_buf *out, struct gw_str key, struct gw_str value) {
    separate(out);
    gw_buf_append_str(out, GW_STR("{\"key\":"));
    gw_buf_append_json(out, key);
    gw_buf_append_str(out, GW_STR(",\"value\":{\"stringValue\":"));
    gw_buf_append_json(out, value);
    gw_buf_append_str(out, GW_STR("}}"));
}

void gw_otlp_add_text(struct gw_buf *out, const char *key, struct gw_str value) {
    if (!value.len)
        return;
    open_attribute(out, key, GW_STR("\"stringValue\":"));
    gw_buf_append_json(out, value);
    gw_buf_append_str(out, GW_STR("}}"));
}

/* 64-bit integers are text, since JavaScript would round them. */
void gw_otlp_add_int(struct gw_buf *out, const char *key, int64_t value) {
    open_attribute(out, key, GW_STR("\"intValue\":\""));
    gw_buf_append_int(out, value);
    gw_buf_append_str(out, GW_STR("\"}}"));
}

void gw_otlp_add_true(struct gw_buf *out, const char *key) {
    open_attribute(out, key, GW_STR("\"boolValue\":true}}"));
}
