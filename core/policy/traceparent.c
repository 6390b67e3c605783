#include "policy/traceparent.h"

#include <string.h>

/* Where the parts are, and how many digits they have. */
enum { VERSION = 0, TRACE_HIGH = 3, TRACE_LOW = 19, SPAN = 36, FLAGS = 53 };
enum { BYTE = 2, WORD = 16 };

/* In small letters only: gw_hex_value() takes both. */
static int digit(char c) {
    return c >= 'A' && c <= 'F' ? -1 : gw_hex_value(c);
}

static bool read_hex(const char *text, unsigned digits, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        int next = digit(text[i]);
        if (next < 0)
            return false;
        value = value << 4 | (unsigned)next;
    }
    *out = value;
    return true;
}

static bool has_dashes(const char *text) {
    return text[TRACE_HIGH - 1] == '-' && text[SPAN - 1] == '-' && text[FLAGS - 1] == '-';
}

/* Version 00 ends with the flags; a later one may go on after another dash; ff is none. */
static bool ends_well(struct gw_str value, uint64_t version) {
    if (version == 0xff)
        return false;
    if (value.len == GW_TRACEPARENT_LEN)
        return true;
    return version > 0 && value.data[GW_TRACEPARENT_LEN] == '-';
}

bool gw_traceparent_parse(struct gw_str value, struct gw_traceparent *out) {
    const char *text = value.data;
    uint64_t version, flags;
    if (value.len < GW_TRACEPARENT_LEN || !has_dashes(text) ||
        !read_hex(text + VERSION, BYTE, &version) || !ends_well(value, version) ||
        !read_hex(text + TRACE_HIGH, WORD, &out->trace_high) ||
        !read_hex(text + TRACE_LOW, WORD, &out->trace_low) ||
        !read_hex(text + SPAN, WORD, &out->span) || !read_hex(text + FLAGS, BYTE, &flags))
        return false;
    out->flags = flags & GW_TRACEPARENT_SAMPLED;
    if (version == 0)
        out->flags |= flags & GW_TRACEPARENT_RANDOM;
    return (out->trace_high || out->trace_low) && out->span;
}

static void write_hex(char *out, unsigned digits, uint64_t value) {
    for (; digits > 0; value >>= 4)
        out[--digits] = "0123456789abcdef"[value & 15];
}

void gw_traceparent_write(const struct gw_traceparent *traceparent, char out[GW_TRACEPARENT_LEN]) {
    memcpy(out, "00-", TRACE_HIGH);
    write_hex(out + TRACE_HIGH, WORD, traceparent->trace_high);
    write_hex(out + TRACE_LOW, WORD, traceparent->trace_low);
    out[SPAN - 1] = '-';
    write_hex(out + SPAN, WORD, traceparent->span);
    out[FLAGS - 1] = '-';
    write_hex(out + FLAGS, BYTE, traceparent->flags);
}
