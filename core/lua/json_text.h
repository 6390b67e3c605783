/* Strings as JSON writes them (RFC 8259, 7). Plain C: no Lua, nothing raises. */
#ifndef GW_LUA_JSON_TEXT_H
#define GW_LUA_JSON_TEXT_H

#include "base/str.h"

#include <string.h>

struct gw_json_string {
    const char *end; /* the closing quote; of a bad string, the offending byte */
    bool has_escapes;
    const char *error; /* static text, NULL if the string is good */
};

/* Checks a string from behind its opening quote to its closing one. */
struct gw_json_string gw_json_check_string(const char *p, const char *end);

/* Writes what a checked string, without its quotes, stands for and returns where it ends; it is
 * never longer than `text`. */
char *gw_json_unescape(struct gw_str text, char *to);

/* ASCII that stands in a JSON string for itself. */
static inline bool gw_json_is_plain(char c) {
    return (unsigned char)(c - 0x20) < 0x60 && c != '"' && c != '\\';
}

/* The same for eight bytes at once: each term sets the high bit of a byte that is not plain. (A
 * borrow may set one too many, but only next to one that is rightly set.) */
static inline bool gw_json_is_plain8(const char *p) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t w, quote, slash;
    memcpy(&w, p, sizeof w);
    quote = w ^ ones * '"';
    slash = w ^ ones * '\\';
    return ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & highs) == 0;
}

/* The first byte that is not plain, or `end`. */
static inline const char *gw_json_skip_plain(const char *p, const char *end) {
    while (end - p >= 8 && gw_json_is_plain8(p))
        p += 8;
    while (p < end && gw_json_is_plain(*p))
        p++;
    return p;
}

#endif
