#include "http/chunked.h"

#include "http/grammar.h"

#define MAX_SIZE_DIGITS 16 /* what fits 64 bits */

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the start of a line of the trailer section; all below belong to it */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    ENDED,
    FAILED,
};

static bool fail(struct gw_chunked *chunked, unsigned status, const char *reason) {
    chunked->state = FAILED;
    chunked->status = status;
    chunked->reason = reason;
    return false;
}

static bool enter(struct gw_chunked *chunked, enum state state) {
    chunked->state = (uint8_t)state;
    return true;
}

static bool expect(struct gw_chunked *chunked, char c, char expected, enum state next) {
    if (c == expected)
        return enter(chunked, next);
    return fail(chunked, 400, "a chunk, its size and each trailer must end with CR LF");
}

static bool read_size(struct gw_chunked *chunked, char c) {
    int digit = gw_hex_value(c);
    if (digit < 0 && chunked->size_digits == 0)
        return fail(chunked, 400, "a chunk size must be hexadecimal digits");
    if (c == ';')
        return enter(chunked, EXTENSION);
    if (digit < 0)
        return expect(chunked, c, '\r', SIZE_LF);
    if (chunked->size_digits++ == MAX_SIZE_DIGITS)
        return fail(chunked, 400, "chunk size too large");
    chunked->left = chunked->left << 4 | (unsigned)digit;
    return true;
}

static bool read_extension(struct gw_chunked *chunked, char c) {
    if (c == '\r')
        return enter(chunked, SIZE_LF);
    if (!gw_char_is(c, GW_CHAR_FIELD))
        return fail(chunked, 400, "bad character in a chunk extension");
    if (chunked->extension_bytes_left == 0)
        return fail(chunked, 400, "chunk extensions too long");
    chunked->extension_bytes_left--;
    return true;
}

static bool end_size(struct gw_chunked *chunked, char c) {
    chunked->size_digits = 0;
    return expect(chunked, c, '\n', chunked->left ? DATA : TRAILER);
}

static bool begin_trailer(struct gw_chunked *chunked, char c) {
    if (c == '\r')
        return enter(chunked, LAST_LF);
    if (!gw_char_is(c, GW_CHAR_TOKEN))
        return fail(chunked, 400, "bad trailer name");
    if (chunked->trailers_left == 0)
        return fail(chunked, 431, "too many trailers");
    chunked->trailers_left--;
    return enter(chunked, TRAILER_NAME);
}

static bool read_trailer_name(struct gw_chunked *chunked, char c) {
    if (c == ':')
        return enter(chunked, TRAILER_VALUE);
    return gw_char_is(c, GW_CHAR_TOKEN) || fail(chunked, 400, "bad trailer name");
}

static bool read_trailer_value(struct gw_chunked *chunked, char c) {
    if (c == '\r')
        return enter(chunked, TRAILER_LF);
    return gw_char_is(c, GW_CHAR_FIELD) || fail(chunked, 400, "bad character in a trailer");
}

static bool read_trailer_section(struct gw_chunked *chunked, char c) {
    if (chunked->trailer_bytes_left == 0)
        return fail(chunked, 431, "trailers too long");
    chunked->trailer_bytes_left--;
    switch (chunked->state) {
    case TRAILER:
        return begin_trailer(chunked, c);
    case TRAILER_NAME:
        return read_trailer_name(chunked, c);
    case TRAILER_VALUE:
        return read_trailer_value(chunked, c);
    case TRAILER_LF:
        return expect(chunked, c, '\n', TRAILER);
    default:
        return expect(chunked, c, '\n', ENDED);
    }
}

static bool read_framing(struct gw_chunked *chunked, char c) {
    switch (chunked->state) {
    case SIZE:
        return read_size(chunked, c);
    case EXTENSION:
        return read_extension(chunked, c);
    case SIZE_LF:
        return end_size(chunked, c);
    case DATA_CR:
        return expect(chunked, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(chunked, c, '\n', SIZE);
    default:
        return read_trailer_section(chunked, c);
    }
}

static enum gw_chunked_event take_data(struct gw_chunked *chunked, struct gw_str *in,
                                       struct gw_str *data) {
    size_t n = in->len < chunked->left ? in->len : (size_t)chunked->left;
    *data = (struct gw_str){in->data, n};
    *in = (struct gw_str){in->data + n, in->len - n};
    chunked->left -= n;
    if (chunked->left == 0)
        chunked->state = DATA_CR;
    return GW_CHUNKED_DATA;
}

void gw_chunked_init(struct gw_chunked *chunked, uint32_t max_trailer_bytes,
                     uint32_t max_trailers) {
    *chunked = (struct gw_chunked){
        .extension_bytes_left = GW_CHUNKED_MAX_EXTENSIONS,
        .trailer_bytes_left = max_trailer_bytes,
        .trailers_left = max_trailers,
    };
}

enum gw_chunked_event gw_chunked_next(struct gw_chunked *chunked, struct gw_str *in,
                                      struct gw_str *data) {
    while (in->len > 0 && chunked->state < ENDED) {
        if (chunked->state == DATA)
            return take_data(chunked, in, data);
        if (read_framing(chunked, in->data[0]))
            *in = (struct gw_str){in->data + 1, in->len - 1};
    }
    if (chunked->state == FAILED)
        return GW_CHUNKED_ERROR;
    return chunked->state == ENDED ? GW_CHUNKED_END : GW_CHUNKED_MORE;
}
