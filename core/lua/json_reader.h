/* What decoding JSON and only checking it have in common: where they are in the text, and what they
 * say is wrong with it. Inline, since it runs for each byte that is not within a string. */
#ifndef GW_LUA_JSON_READER_H
#define GW_LUA_JSON_READER_H

#include "lua/json_number.h"
#include "lua/json_text.h"

#define GW_JSON_END (-1)

struct gw_json_reader {
    const char *next, *end;
    const char *error; /* static text; NULL while all is well */
    int depth;         /* of open brackets */
};

static inline bool gw_json_fail(struct gw_json_reader *r, const char *at, const char *error) {
    r->next = at;
    r->error = at < r->end ? error : "unexpected end";
    return false;
}

/* The next byte that is not white space; stays before it. */
static inline int gw_json_peek(struct gw_json_reader *r) {
    while (r->next < r->end &&
           (*r->next == ' ' || *r->next == '\n' || *r->next == '\r' || *r->next == '\t'))
        r->next++;
    return r->next < r->end ? (unsigned char)*r->next : GW_JSON_END;
}

static inline bool gw_json_accept(struct gw_json_reader *r, char c) {
    if (gw_json_peek(r) != c)
        return false;
    r->next++;
    return true;
}

static inline bool gw_json_expect(struct gw_json_reader *r, char c, const char *error) {
    return gw_json_accept(r, c) || gw_json_fail(r, r->next, error);
}

static inline bool gw_json_read_word(struct gw_json_reader *r, const char *word) {
    const char *p = r->next;
    for (; *word; word++, p++)
        if (p == r->end || *p != *word)
            return gw_json_fail(r, p, "expected a value");
    r->next = p;
    return true;
}

static inline bool gw_json_take_number(struct gw_json_reader *r, struct gw_json_number *number,
                                       bool *is_integer) {
    struct gw_str rest = {r->next, (size_t)(r->end - r->next)};
    enum gw_json_number_kind kind = gw_json_number_read(rest, number);
    if (kind == GW_JSON_MALFORMED)
        return gw_json_fail(r, number->end, "malformed number");
    if (kind == GW_JSON_OUT_OF_RANGE)
        return gw_json_fail(r, r->next, "number out of range");
    *is_integer = kind == GW_JSON_INTEGER;
    r->next = number->end;
    return true;
}

/* `text` is what stands between the quotes. */
static inline bool gw_json_take_string(struct gw_json_reader *r, struct gw_str *text,
                                       bool *has_escapes) {
    struct gw_json_string string = gw_json_check_string(r->next + 1, r->end);
    if (string.error)
        return gw_json_fail(r, string.end, string.error);
    *text = (struct gw_str){r->next + 1, (size_t)(string.end - r->next - 1)};
    *has_escapes = string.has_escapes;
    r->next = string.end + 1;
    return true;
}

/* Steps behind an opening bracket. */
static inline bool gw_json_enter(struct gw_json_reader *r, int max_depth) {
    if (r->depth == max_depth)
        return gw_json_fail(r, r->next, "nested too deeply");
    r->depth++;
    r->next++;
    return true;
}

static inline bool gw_json_leave(struct gw_json_reader *r, char bracket, const char *error) {
    r->depth--;
    return gw_json_expect(r, bracket, error);
}

/* A byte order mark may be ignored (RFC 8259, 8.1). It is refused, because what reads the text next
 * may not ignore it. */
static inline bool gw_json_begin(struct gw_json_reader *r) {
    if (r->end - r->next >= 3 && memcmp(r->next, "\xef\xbb\xbf", 3) == 0)
        return gw_json_fail(r, r->next, "byte order mark");
    return true;
}

static inline bool gw_json_finish(struct gw_json_reader *r) {
    return gw_json_peek(r) == GW_JSON_END || gw_json_fail(r, r->next, "text after the value");
}

/* json_check.c: steps behind the next value, if it is one. */
bool gw_json_skip_value(struct gw_json_reader *r);

#endif
