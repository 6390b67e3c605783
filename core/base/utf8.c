#include "base/utf8.h"

#include <stdbool.h>

static bool is_tail(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* The second byte decides over overlong forms, surrogates and the upper end (RFC 3629, table 4). */
static bool is_second(unsigned char first, unsigned char second) {
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_tail(second);
    }
}

static size_t length_of(unsigned char first) {
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t gw_utf8_sequence(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    size_t length = length_of(s[0]);
    if (length > n || (length > 1 && !is_second(s[0], s[1])))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_tail(s[i]))
            return 0;
    return length;
}
