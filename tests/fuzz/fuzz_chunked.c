/* Chunked bodies: fed whole and byte by byte the decoder must do the same, and it must accept just
 * what a second decoder accepts, which is written the other way round: it sees all of the input and
 * takes it line by line. */
#include "http/chunked.h"

#include "base/buf.h"
#include "http/grammar.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TRAILER_BYTES 200
#define MAX_TRAILERS      3

struct result {
    bool complete;
    size_t used;
    struct gw_buf body;
};

/* --- The decoder under test --- */

/* From a block of just that size, so that ASan sees a read beyond it. */
static enum gw_chunked_event feed(struct gw_chunked *chunked, struct gw_str piece,
                                  struct result *result) {
    char *block = malloc(piece.len ? piece.len : 1);
    memcpy(block, piece.data, piece.len);
    struct gw_str in = {block, piece.len}, data;
    enum gw_chunked_event event;
    while ((event = gw_chunked_next(chunked, &in, &data)) == GW_CHUNKED_DATA) {
        if (data.len == 0 || data.data + data.len != in.data)
            abort();
        gw_buf_append_str(&result->body, data);
    }
    if (event == GW_CHUNKED_MORE && in.len > 0)
        abort();
    result->used += piece.len - in.len;
    free(block);
    return event;
}

static struct result decode(struct gw_str in, size_t piece) {
    struct result result = {0};
    struct gw_chunked chunked;
    enum gw_chunked_event event = GW_CHUNKED_MORE;
    gw_chunked_init(&chunked, MAX_TRAILER_BYTES, MAX_TRAILERS);
    for (size_t at = 0; at < in.len && event == GW_CHUNKED_MORE; at += piece) {
        size_t n = in.len - at < piece ? in.len - at : piece;
        event = feed(&chunked, (struct gw_str){in.data + at, n}, &result);
    }
    result.complete = event == GW_CHUNKED_END;
    return result;
}

/* --- The second decoder --- */

/* Cuts the next line off; false without a CR LF, or with a control character before it. */
static bool cut_line(struct gw_str *in, struct gw_str *line) {
    const char *end = memmem(in->data, in->len, "\r\n", 2);
    if (!end)
        return false;
    *line = (struct gw_str){in->data, (size_t)(end - in->data)};
    *in = (struct gw_str){end + 2, in->len - line->len - 2};
    return gw_str_span(*line, GW_CHAR_FIELD) == line->len;
}

static bool read_size(struct gw_str line, uint64_t *size, size_t *extension_bytes) {
    struct gw_str digits = line, extension = {0};
    gw_str_split(line, ';', &digits, &extension);
    if (digits.len == 0 || digits.len > 16 || (line.data[0] == ';'))
        return false;
    *size = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (gw_hex_value(digits.data[i]) < 0)
            return false;
        *size = *size * 16 + (unsigned)gw_hex_value(digits.data[i]);
    }
    *extension_bytes += extension.len;
    return *extension_bytes <= GW_CHUNKED_MAX_EXTENSIONS;
}

static bool read_chunks(struct gw_str *in, struct gw_buf *body) {
    struct gw_str line;
    uint64_t size;
    size_t extension_bytes = 0;
    while (cut_line(in, &line) && read_size(line, &size, &extension_bytes)) {
        if (size == 0)
            return true;
        if (in->len < 2 || size > in->len - 2 || memcmp(in->data + size, "\r\n", 2) != 0)
            return false;
        gw_buf_append(body, in->data, size);
        *in = (struct gw_str){in->data + size + 2, in->len - size - 2};
    }
    return false;
}

static bool read_trailers(struct gw_str *in) {
    size_t length = in->len;
    struct gw_str line;
    for (unsigned n = 0; cut_line(in, &line); n++) {
        if (line.len == 0)
            return length - in->len <= MAX_TRAILER_BYTES;
        size_t name = gw_str_span(line, GW_CHAR_TOKEN);
        if (n == MAX_TRAILERS || name == 0 || name == line.len || line.data[name] != ':')
            return false;
    }
    return false;
}

static struct result decode_by_lines(struct gw_str in) {
    struct result result = {0};
    struct gw_str rest = in;
    result.complete = read_chunks(&rest, &result.body) && read_trailers(&rest);
    result.used = in.len - rest.len;
    return result;
}

/* --- The comparison --- */

static void compare(const struct result *a, const struct result *b, bool whole) {
    if (a->complete != b->complete)
        abort();
    if ((whole || a->complete) &&
        (a->used != b->used || !gw_str_equal(gw_buf_str(&a->body), gw_buf_str(&b->body))))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str in = {(const char *)data, size};
    if (size == 0)
        return 0;
    struct result whole = decode(in, size), bytes = decode(in, 1), threes = decode(in, 3);
    struct result lines = decode_by_lines(in);
    compare(&whole, &bytes, true);
    compare(&whole, &threes, true);
    compare(&whole, &lines, false);
    gw_buf_fini(&whole.body);
    gw_buf_fini(&bytes.body);
    gw_buf_fini(&threes.body);
    gw_buf_fini(&lines.body);
    return 0;
}
