#include "policy/traceparent.h"

#include <endian.h>
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

/* Eight digits at once, a byte for each, since this is part of every call: each gets its four bits,
 * then what makes a letter of those above 9. */
static void write_half(char *out, uint32_t value) {
    uint64_t x = value;
    x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
    x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x << 4 | x) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    x += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    x = htobe64(x);
    memcpy(out, &x, sizeof x);
}

static void write_word(char *out, uint64_t value) {
    write_half(out, (uint32_t)(value >> 32));
    write_half(out + 8, (uint32_t)value);
}

void gw_traceparent_write(const struct gw_traceparent *traceparent, char out[GW_TRACEPARENT_LEN]) {
    memcpy(out, "00-", TRACE_HIGH);
    write_word(out + TRACE_HIGH, traceparent->trace_high);
    write_word(out + TRACE_LOW, traceparent->trace_low);
    out[SPAN - 1] = '-';
    write_word(out + SPAN, traceparent->span);
    out[FLAGS - 1] = '-';
    out[FLAGS] = '0';
    out[FLAGS + 1] = (char)('0' + traceparent->flags);
}
