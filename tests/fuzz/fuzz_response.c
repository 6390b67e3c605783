/* Responses, as a wire reads them: parser and collector together give the same response, or refuse
 * it, however the bytes are cut, and whether or not the connection's end comes at once. */
#include "http/collector.h"
#include "http/parser.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BODY 4096 /* bytes */

static const struct gw_parser_limits limits = {.request_line = 256, .head = 1024, .fields = 16};

enum verdict { INCOMPLETE, COMPLETE, REFUSED, TOO_LARGE };

struct reading {
    struct gw_parser parser;
    struct gw_collector collector;
    struct gw_call_response response;
    enum verdict verdict;
    size_t left; /* bytes behind a complete response */
};

static void require(bool condition) {
    if (!condition)
        abort();
}

static void reading_init(struct reading *reading, bool answers_head) {
    *reading = (struct reading){0};
    gw_parser_init(&reading->parser, GW_PARSER_RESPONSE, &limits);
    reading->parser.answers_head = answers_head;
    gw_collector_begin(&reading->collector, &reading->response, MAX_BODY);
}

static void reading_fini(struct reading *reading) {
    gw_parser_fini(&reading->parser);
    gw_buf_fini(&reading->response.fields);
    gw_buf_fini(&reading->response.body);
}

/* False if no more is to be had from `in`. */
static bool step(struct reading *reading, struct gw_str *in) {
    struct gw_str piece;
    switch (gw_parser_next(&reading->parser, in, &piece)) {
    case GW_PARSER_HEAD:
        gw_collector_head(&reading->collector, &reading->parser.message);
        return true;
    case GW_PARSER_BODY:
        require(piece.len > 0);
        if (!gw_collector_body(&reading->collector, piece))
            reading->verdict = TOO_LARGE;
        return true;
    case GW_PARSER_END:
        if (reading->parser.message.status >= 200)
            reading->verdict = COMPLETE;
        return true;
    case GW_PARSER_ERROR:
        reading->verdict = REFUSED;
        return true;
    default:
        require(in->len == 0);
        return false;
    }
}

/* From a block of just that size, so that ASan sees a read beyond it. */
static void feed(struct reading *reading, const uint8_t *data, size_t size) {
    char *block = malloc(size ? size : 1);
    struct gw_str in = {block, size};
    if (size)
        memcpy(block, data, size);
    while (reading->verdict == INCOMPLETE && step(reading, &in))
        ;
    reading->left += in.len;
    free(block);
}

static void finish(struct reading *reading) {
    if (reading->verdict == INCOMPLETE && gw_parser_finish(&reading->parser) == GW_PARSER_END)
        reading->verdict = COMPLETE;
}

/* What the gateway makes lines of must be lines. */
static void check(const struct reading *reading) {
    struct gw_str lines = gw_buf_str(&reading->response.fields), line, name, value;
    if (reading->verdict != COMPLETE)
        return;
    require(reading->response.status >= 200 && reading->response.status <= 999);
    require(reading->response.body.len <= MAX_BODY);
    while (gw_str_split(lines, '\n', &line, &lines)) {
        require(line.len > 0 && line.data[line.len - 1] == '\r');
        line.len--;
        require(!memchr(line.data, '\r', line.len) && !memchr(line.data, '\0', line.len));
        require(gw_str_split(line, ':', &name, &value) && name.len > 0);
    }
}

/* A body that is too large is noticed with its piece, and pieces are cut as the bytes are. */
static void compare(const struct reading *a, const struct reading *b) {
    require(a->verdict == b->verdict);
    require(a->response.status == b->response.status);
    require(gw_str_equal(gw_buf_str(&a->response.fields), gw_buf_str(&b->response.fields)));
    if (a->verdict == TOO_LARGE)
        return;
    require(gw_str_equal(gw_buf_str(&a->response.body), gw_buf_str(&b->response.body)));
    require(a->verdict != COMPLETE || a->left == b->left);
}

/* A place to cut at that depends on all of the input (FNV-1a). */
static size_t choose_cut(const uint8_t *data, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash % (size + 1);
}

static void read_each_way(const uint8_t *data, size_t size, bool answers_head) {
    struct reading whole, split, single;
    size_t cut = choose_cut(data, size);
    reading_init(&whole, answers_head);
    reading_init(&split, answers_head);
    reading_init(&single, answers_head);
    feed(&whole, data, size);
    feed(&split, data, cut);
    feed(&split, data + cut, size - cut);
    for (size_t i = 0; i < size; i++)
        feed(&single, data + i, 1);
    finish(&whole);
    finish(&split);
    finish(&single);
    check(&whole);
    compare(&whole, &split);
    compare(&whole, &single);
    reading_fini(&whole);
    reading_fini(&split);
    reading_fini(&single);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_each_way(data, size, false);
    read_each_way(data, size, true);
    return 0;
}
