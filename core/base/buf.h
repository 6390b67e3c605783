/* A growing byte buffer, embedded in its owner. All zero is a valid empty buffer; it allocates on
 * the first append and its bytes are not NUL-terminated. */
#ifndef GW_BASE_BUF_H
#define GW_BASE_BUF_H

#include "base/str.h"

#include <string.h>

struct gw_buf {
    char *data; /* owned */
    size_t len;
    size_t cap;
};

void gw_buf_fini(struct gw_buf *buf); /* frees the bytes and leaves an empty buffer */
void gw_buf_clear(struct gw_buf *buf);

/* Makes room for `n` more bytes and returns where they go; the caller adds what it wrote to len. */
char *gw_buf_grow(struct gw_buf *buf, size_t n); /* the same, where there is none yet */
static inline char *gw_buf_reserve(struct gw_buf *buf, size_t n) {
    return buf->cap - buf->len < n ? gw_buf_grow(buf, n) : buf->data + buf->len;
}

/* Inline, since a line of the log is a hundred of them, most a few bytes that the compiler knows.
 */
static inline void gw_buf_append(struct gw_buf *buf, const void *data, size_t n) {
    if (n == 0)
        return;
    memcpy(gw_buf_reserve(buf, n), data, n);
    buf->len += n;
}

static inline void gw_buf_append_str(struct gw_buf *buf, struct gw_str s) {
    gw_buf_append(buf, s.data, s.len);
}

static inline void gw_buf_append_char(struct gw_buf *buf, char c) {
    *gw_buf_reserve(buf, 1) = c;
    buf->len++;
}

/* Lays the texts out in `buf`, which is empty, and has them point into it: they are its own then.
 */
void gw_buf_own(struct gw_buf *buf, struct gw_str *const *texts, size_t n);

void gw_buf_append_int(struct gw_buf *buf, int64_t value); /* in decimal */
void gw_buf_printf(struct gw_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `s` as a JSON string with its quotes. Control characters (C0, DEL, C1) are escaped; a byte that
 * is not part of valid UTF-8 becomes U+FFFD, so that a log line is always valid JSON (RFC
 * 8259, 8.1). */
void gw_buf_append_json(struct gw_buf *buf, struct gw_str s);

/* The unreserved characters of RFC 3986 as they are, everything else percent-encoded. */
void gw_buf_append_percent(struct gw_buf *buf, struct gw_str s);

struct gw_str gw_buf_str(const struct gw_buf *buf);

/* Moves the bytes of `from` to `to`, which must be empty; `from` is empty afterwards. */
void gw_buf_move(struct gw_buf *to, struct gw_buf *from);

#endif
