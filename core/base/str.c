#include "base/str.h"

#include <string.h>

struct gw_str gw_str_from(const char *text) {
    return (struct gw_str){text, strlen(text)};
}

bool gw_str_equal(struct gw_str a, struct gw_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool gw_str_starts_with(struct gw_str s, struct gw_str start) {
    return s.len >= start.len && gw_str_equal((struct gw_str){s.data, start.len}, start);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool gw_str_equal_nocase(struct gw_str a, struct gw_str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool gw_str_is_one_of_nocase(struct gw_str s, const char *const *words) {
    for (; *words; words++)
        if (gw_str_equal_nocase(s, gw_str_from(*words)))
            return true;
    return false;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct gw_str gw_str_trim(struct gw_str s) {
    while (s.len && is_blank(s.data[0]))
        s.data++, s.len--;
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

bool gw_str_split(struct gw_str s, char separator, struct gw_str *head, struct gw_str *rest) {
    if (s.len == 0)
        return false;
    const char *at = memchr(s.data, separator, s.len);
    size_t n = at ? (size_t)(at - s.data) : s.len;
    *head = (struct gw_str){s.data, n};
    *rest = at ? (struct gw_str){at + 1, s.len - n - 1} : (struct gw_str){s.data + n, 0};
    return true;
}

bool gw_str_to_u64(struct gw_str s, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(s.data[i] - '0');
        if (digit > 9 || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return s.len > 0;
}

int gw_hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
