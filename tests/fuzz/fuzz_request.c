/* Requests and responses: whatever comes, the parser says the same about it however it is cut, and
 * what it lets through is well formed (the assertions of transcript.h). */
#include "../unit/transcript.h"

static const struct gw_parser_limits small_limits = {.request_line = 64, .head = 128, .fields = 4};

static void compare(enum gw_parser_kind kind, const struct gw_parser_limits *limits,
                    struct gw_str in, size_t cut) {
    struct transcript whole, split;
    transcript_init(&whole, kind, limits);
    transcript_init(&split, kind, limits);
    transcript_of(&whole, in, 0);
    transcript_of(&split, in, cut);
    if (!gw_str_equal(gw_buf_str(&whole.text), gw_buf_str(&split.text)))
        abort();
    transcript_fini(&whole);
    transcript_fini(&split);
}

/* A place to cut at that depends on all of the input (FNV-1a). */
static size_t choose_cut(struct gw_str in) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < in.len; i++)
        hash = (hash ^ (unsigned char)in.data[i]) * 16777619u;
    return hash % (in.len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str in = {(const char *)data, size};
    if (size == 0)
        return 0;
    compare(GW_PARSER_REQUEST, &transcript_limits, in, size + 1);
    compare(GW_PARSER_REQUEST, &transcript_limits, in, choose_cut(in));
    compare(GW_PARSER_REQUEST, &small_limits, in, size + 1);
    compare(GW_PARSER_RESPONSE, &transcript_limits, in, choose_cut(in));
    return 0;
}
