#include "policy/path.h"

#include <string.h>

/* The byte that the escape at the front of `s` stands for, or -1. */
static int unescape(struct gw_str s) {
    if (s.len < 3)
        return -1;
    int high = gw_hex_value(s.data[1]), low = gw_hex_value(s.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Appends `raw` to the buffer, which has room for it: decoded text is never longer, and must not
 * move because segments point into it. */
static bool decode(struct gw_str raw, struct gw_buf *decoded, struct gw_str *segment) {
    char *start = decoded->data + decoded->len, *out = start;
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.data[i];
        if (c == '%') {
            c = unescape((struct gw_str){raw.data + i, raw.len - i});
            i += 2;
        }
        if (c <= 0)
            return false;
        *out++ = (char)c;
    }
    *segment = (struct gw_str){start, (size_t)(out - start)};
    decoded->len += segment->len;
    return true;
}

static void push(struct gw_path *path, struct gw_str segment) {
    if (path->n < GW_PATH_MAX_SEGMENTS)
        path->segments[path->n] = segment;
    path->n++;
}

/* A dot segment at the end leaves a trailing slash behind: "/a/b/.." is "/a/". */
static bool add_segment(struct gw_path *path, struct gw_str segment, bool last) {
    bool up = gw_str_equal(segment, GW_STR(".."));
    bool stay = gw_str_equal(segment, GW_STR("."));
    if (up && path->n == 0)
        return false;
    if (up)
        path->n--;
    if (!up && !stay)
        push(path, segment);
    else if (last)
        push(path, GW_STR(""));
    return true;
}

bool gw_path_parse(struct gw_path *path, struct gw_str raw, struct gw_buf *decoded) {
    path->n = 0;
    gw_buf_clear(decoded);
    if (raw.len == 0 || raw.data[0] != '/')
        return false;
    gw_buf_reserve(decoded, raw.len);
    const char *end = raw.data + raw.len;
    for (const char *at = raw.data; at < end;) {
        const char *start = at + 1;
        const char *slash = memchr(start, '/', (size_t)(end - start));
        struct gw_str segment;
        at = slash ? slash : end;
        if (!decode((struct gw_str){start, (size_t)(at - start)}, decoded, &segment) ||
            !add_segment(path, segment, at == end))
            return false;
    }
    return true;
}
