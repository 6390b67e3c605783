#include "policy/tracestate.h"

#include <string.h>

#define MAX_KEY    256
#define MAX_TENANT 241
#define MAX_SYSTEM 14
#define MAX_VALUE  256
#define LONG       128

static bool is_small_letter(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(struct gw_str s, size_t max) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (!is_small_letter(c) && !is_digit(c) && c != '_' && c != '-' && c != '*' && c != '/')
            return false;
    }
    return s.len > 0 && s.len <= max && (is_small_letter(s.data[0]) || is_digit(s.data[0]));
}

static bool is_key(struct gw_str key) {
    struct gw_str tenant, system;
    if (!memchr(key.data, '@', key.len))
        return is_word(key, MAX_KEY);
    gw_str_split(key, '@', &tenant, &system);
    return is_word(tenant, MAX_TENANT) && is_word(system, MAX_SYSTEM) &&
           is_small_letter(system.data[0]);
}

/* A space at its end cannot be told from one after the member, and is not there any more. */
static bool is_value(struct gw_str value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ' || value.data[i] > '~' || value.data[i] == '=')
            return false;
    return value.len > 0 && value.len <= MAX_VALUE;
}

/* Whether one more member may have this key. */
static bool is_new(const struct gw_buf *list, struct gw_str key) {
    struct gw_str rest = gw_buf_str(list), member, other, value;
    unsigned n = 0;
    while (gw_str_split(rest, ',', &member, &rest)) {
        gw_str_split(member, '=', &other, &value);
        if (gw_str_equal(key, other) || ++n == GW_TRACESTATE_MAX_MEMBERS)
            return false;
    }
    return true;
}

static bool append(struct gw_buf *list, struct gw_str member) {
    struct gw_str key, value;
    gw_str_split(member, '=', &key, &value);
    if (!is_key(key) || !is_value(value) || !is_new(list, key))
        return false;
    if (list->len)
        gw_buf_append_char(list, ',');
    gw_buf_append_str(list, member);
    return true;
}

bool gw_tracestate_append(struct gw_buf *list, struct gw_str value) {
    struct gw_str member, rest = value;
    while (gw_str_split(rest, ',', &member, &rest)) {
        member = gw_str_trim(member);
        if (member.len && !append(list, member))
            return false;
    }
    return true;
}

/* The last one of more than `least` bytes; false if there is none. */
static bool remove_last(struct gw_buf *list, size_t least) {
    struct gw_str rest = gw_buf_str(list), member, found = {0};
    while (gw_str_split(rest, ',', &member, &rest))
        if (member.len > least)
            found = member;
    if (!found.data)
        return false;
    char *from = list->data + (found.data - list->data), *to = from + found.len;
    char *end = list->data + list->len;
    if (to < end)
        to++;
    else if (from > list->data)
        from--;
    memmove(from, to, (size_t)(end - to));
    list->len -= (size_t)(to - from);
    return true;
}

void gw_tracestate_shorten(struct gw_buf *list) {
    while (list->len > GW_TRACESTATE_MAX_LEN && remove_last(list, LONG))
        ;
    while (list->len > GW_TRACESTATE_MAX_LEN && remove_last(list, 0))
        ;
}
