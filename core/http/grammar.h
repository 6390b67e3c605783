/* The character classes of HTTP (RFC 9110, 5.6; RFC 9112) and of URIs (RFC 3986), as one table, and
 * the small grammars that more than one part of the parser needs. */
#ifndef GW_HTTP_GRAMMAR_H
#define GW_HTTP_GRAMMAR_H

#include "base/str.h"

enum gw_char_class {
    GW_CHAR_TOKEN = 1, /* tchar: methods, field names */
    GW_CHAR_FIELD = 2, /* in a field value: VCHAR, SP, HTAB, obs-text */
    GW_CHAR_PATH = 4,  /* pchar and "/"; escapes are checked by whoever decodes them */
    GW_CHAR_QUERY = 8, /* pchar, "/", "?", and what browsers leave unescaped in a query */
    GW_CHAR_HOST = 16, /* reg-name; escapes are checked by gw_authority_is_valid() */
};

extern const uint8_t gw_char_classes[256];

static inline bool gw_char_is(char c, enum gw_char_class class) {
    return gw_char_classes[(unsigned char)c] & class;
}

/* How many characters at the front of `s` are of that class. */
size_t gw_str_span(struct gw_str s, enum gw_char_class class);

bool gw_str_is_token(struct gw_str s);

/* uri-host [ ":" port ] with a host that is not empty; no userinfo, no zone id, no IPvFuture. */
bool gw_authority_is_valid(struct gw_str authority);

#endif
