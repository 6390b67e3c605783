#include "policy/traceparent.h"

#include <string.h>

/* Where the parts are: version "-" trace-id "-" parent-id "-" flags. */
enum { VERSION = 0, TRACE_ID = 3, SPAN_ID = 36, FLAGS = 53 };

/* In small letters only: gw_hex_value() takes both. */
static int digit(char c) {
    return c >= 'A' && c <= 'F' ? -1 : gw_hex_value(c);
}

static bool read_hex(const char *text, size_t n, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool has_dashes(const char *text) {
    return text[TRACE_ID - 1] == '-' && text[SPAN_ID - 1] == '-' && text[FLAGS - 1] == '-';
}

/* Version 00 ends with the flags; a later one may go on after another dash; ff is none. */
static bool ends_well(struct gw_str value, uint8_t version) {
    if (version == 0xff)
        return false;
    if (value.len == GW_TRACEPARENT_LEN)
        return true;
    return version > 0 && value.data[GW_TRACEPARENT_LEN] == '-';
}

bool gw_traceparent_parse(struct gw_str value, struct gw_traceparent *out) {
    const char *text = value.data;
    uint8_t version, flags;
    if (value.len < GW_TRACEPARENT_LEN || !has_dashes(text) ||
        !read_hex(text + VERSION, 1, &version) || !ends_well(value, version) ||
        !read_hex(text + TRACE_ID, GW_TRACE_ID_SIZE, out->trace_id) ||
        !read_hex(text + SPAN_ID, GW_SPAN_ID_SIZE, out->span_id) ||
        !read_hex(text + FLAGS, 1, &flags))
        return false;
    out->flags = flags & (version == 0 ? GW_TRACE_SAMPLED | GW_TRACE_RANDOM : GW_TRACE_SAMPLED);
    return !is_zero(out->trace_id, GW_TRACE_ID_SIZE) && !is_zero(out->span_id, GW_SPAN_ID_SIZE);
}

void gw_traceparent_write_hex(const uint8_t *bytes, size_t n, char *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[bytes[i] >> 4];
        out[2 * i + 1] = hex[bytes[i] & 15];
    }
}

void gw_traceparent_write(const struct gw_traceparent *traceparent, char out[GW_TRACEPARENT_LEN]) {
    memcpy(out, "00-", 3);
    gw_traceparent_write_hex(traceparent->trace_id, GW_TRACE_ID_SIZE, out + TRACE_ID);
    out[SPAN_ID - 1] = '-';
    gw_traceparent_write_hex(traceparent->span_id, GW_SPAN_ID_SIZE, out + SPAN_ID);
    out[FLAGS - 1] = '-';
    gw_traceparent_write_hex(&traceparent->flags, 1, out + FLAGS);
}
