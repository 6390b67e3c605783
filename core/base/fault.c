#include "base/fault.h"

#include <string.h>

static struct gw_str after(struct gw_str s, size_t n) {
    return (struct gw_str){s.data + n, s.len - n};
}

/* Digits and a colon at the front of *rest: takes them. */
static bool take_number(struct gw_str *rest, unsigned *out) {
    struct gw_str digits, behind;
    uint64_t value;
    const char *colon = rest->len ? memchr(rest->data, ':', rest->len) : NULL;
    if (!colon || !gw_str_split(*rest, ':', &digits, &behind) ||
        !gw_str_to_u64(digits, UINT32_MAX, &value))
        return false;
    *out = (unsigned)value;
    *rest = after(*rest, (size_t)(colon + 1 - rest->data));
    return true;
}

static bool is_file(struct gw_str s) {
    bool is_lua = s.len > 4 && memcmp(s.data + s.len - 4, ".lua", 4) == 0;
    return s.len > 0 && (is_lua || !memchr(s.data, ' ', s.len));
}

/* The place at the front of one line; what is left is the message. */
static bool read_place(struct gw_str text, struct gw_fault *fault) {
    const char *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
    if (!colon)
        return false;
    struct gw_str file = {text.data, (size_t)(colon - text.data)};
    struct gw_str rest = after(text, file.len + 1);
    struct gw_fault found = {.file = file};
    if (!is_file(file) || !take_number(&rest, &found.line))
        return false;
    take_number(&rest, &found.column);
    found.message = gw_str_trim(rest);
    *fault = found;
    return true;
}

static struct gw_str first_line(struct gw_str text) {
    const char *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    return (struct gw_str){text.data, end ? (size_t)(end - text.data) : text.len};
}

bool gw_fault_next(struct gw_str *rest, struct gw_fault *fault) {
    struct gw_fault another;
    while (rest->len && *rest->data == '\n')
        *rest = after(*rest, 1);
    if (rest->len == 0)
        return false;
    struct gw_str line = first_line(*rest);
    bool has_place = read_place(line, fault);
    if (!has_place)
        *fault = (struct gw_fault){.message = line};
    *rest = after(*rest, line.len);
    while (rest->len > 1) {
        line = first_line(after(*rest, 1));
        if (read_place(line, &another))
            break;
        if (line.len) /* what lies between is in the same text */
            fault->message.len = (size_t)(line.data + line.len - fault->message.data);
        *rest = after(*rest, 1 + line.len);
    }
    return true;
}
