#include "base/buf.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gw_buf_fini(struct gw_buf *buf) {
    free(buf->data);
    *buf = (struct gw_buf){0};
}

void gw_buf_clear(struct gw_buf *buf) {
    buf->len = 0;
}

char *gw_buf_grow(struct gw_buf *buf, size_t n) {
    size_t cap = buf->cap ? buf->cap * 2 : 64;
    while (cap - buf->len < n)
        cap *= 2;
    buf->data = gw_realloc(buf->data, cap);
    buf->cap = cap;
    return buf->data + buf->len;
}

void gw_buf_own(struct gw_buf *buf, struct gw_str *const *texts, size_t n) {
    size_t total = 1;
    for (size_t i = 0; i < n; i++)
        total += texts[i]->len;
    gw_buf_reserve(buf, total); /* once: what points into it must not move */
    for (size_t i = 0; i < n; i++) {
        const char *at = buf->data + buf->len;
        gw_buf_append_str(buf, *texts[i]);
        texts[i]->data = at;
    }
}

void gw_buf_append_int(struct gw_buf *buf, int64_t value) {
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        gw_buf_append_char(buf, '-');
    gw_buf_append(buf, digits + at, sizeof digits - at);
}

void gw_buf_printf(struct gw_buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *end = gw_buf_reserve(buf, 64);
    size_t room = buf->cap - buf->len;
    size_t n = (size_t)vsnprintf(end, room, format, args);
    if (n >= room) /* the NUL needs a place, too */
        vsnprintf(gw_buf_reserve(buf, n + 1), n + 1, format, again);
    buf->len += n;
    va_end(again);
    va_end(args);
}

/* Returns the two-character escape of `c`, or NULL where it has none. */
static const char *short_escape(unsigned char c) {
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void append_json_ascii(struct gw_buf *buf, unsigned char c) {
    const char *escape = short_escape(c);
    if (escape)
        gw_buf_append(buf, escape, 2);
    else if (c < 0x20 || c == 0x7f)
        gw_buf_printf(buf, "\\u%04x", c);
    else
        gw_buf_append_char(buf, (char)c);
}

/* ASCII without control characters and what JSON escapes: to look it up is quicker than to compare.
 */
/* clang-format off */
static const bool is_plain[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* sp ! " ... / */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* P ... [ \ ] ^ _ */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, /* p ... ~ DEL */
};
/* clang-format on */

/* How many bytes of `s`, from its start, stand for themselves: most texts as a whole. */
static size_t count_plain(struct gw_str s) {
    size_t n = 0;
    while (n < s.len && is_plain[(unsigned char)s.data[n]])
        n++;
    return n;
}

/* The other control characters, U+0080 to U+009F, which a terminal obeys like those of ASCII. */
static bool is_c1(const char *sequence) {
    return (unsigned char)sequence[0] == 0xc2 && (unsigned char)sequence[1] < 0xa0;
}

void gw_buf_append_json(struct gw_buf *buf, struct gw_str s) {
    size_t plain = count_plain(s);
    gw_buf_append_char(buf, '"');
    gw_buf_append(buf, s.data, plain);
    for (size_t i = plain; i < s.len;) {
        size_t n = gw_utf8_sequence(s.data + i, s.len - i);
        if (n == 1)
            append_json_ascii(buf, (unsigned char)s.data[i]);
        else if (n == 0)
            gw_buf_append(buf, "\xef\xbf\xbd", 3);
        else if (n == 2 && is_c1(s.data + i))
            gw_buf_printf(buf, "\\u%04x", (unsigned char)s.data[i + 1]);
        else
            gw_buf_append(buf, s.data + i, n);
        i += n ? n : 1;
    }
    gw_buf_append_char(buf, '"');
}

static bool is_unreserved(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void gw_buf_append_percent(struct gw_buf *buf, struct gw_str s) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (is_unreserved(c))
            gw_buf_append_char(buf, (char)c);
        else
            gw_buf_append(buf, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

struct gw_str gw_buf_str(const struct gw_buf *buf) {
    return (struct gw_str){buf->data ? buf->data : "", buf->len};
}

void gw_buf_move(struct gw_buf *to, struct gw_buf *from) {
    gw_buf_fini(to);
    *to = *from;
    *from = (struct gw_buf){0};
}
