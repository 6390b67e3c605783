/* The log, fed with anything. A line that is made of it is valid UTF-8, JSON that a strict reader
 * takes, and without control characters; its fields, JSON of our own encoder, are looked through
 * for secrets first, and what is no JSON does no harm there. Taken for a line, it is made text of:
 * what is never read beyond, and lets no control character through to the terminal. */
#include "base/log.h"
#include "base/log_text.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "lua/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How long the character is; 0: it is none, or one that terminals obey. */
static size_t visible(const char *at, size_t n) {
    size_t length = gw_utf8_sequence(at, n);
    unsigned char c = (unsigned char)at[0];
    bool is_c1 = length == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0;
    return c < ' ' || c == 0x7f || is_c1 ? 0 : length;
}

static void check_line(struct gw_str line) {
    struct gw_json_error error;
    if (!gw_json_check(line, &error))
        abort();
    for (size_t i = 0, n; i < line.len; i += n)
        if ((n = visible(line.data + i, line.len - i)) == 0)
            abort();
}

static void check_text(struct gw_str text) {
    for (size_t i = 0, n; i < text.len; i += n)
        if ((n = text.data[i] == '\n' ? 1 : visible(text.data + i, text.len - i)) == 0)
            abort();
}

/* Our own encoder writes no blanks between tokens. */
static bool is_ours(struct gw_str text) {
    struct gw_json_error error;
    for (size_t i = 0; i < text.len; i++)
        if (strchr("\n\r\t", text.data[i]))
            return false;
    return gw_json_check(text, &error);
}

static void try_line(struct gw_str text) {
    struct gw_buf fields = {0};
    gw_secret_append_json(&fields, text);
    struct gw_buf *line = gw_log_begin_str(GW_LOG_INFO, text);
    gw_log_safe(line, "safe", text);
    if (is_ours(text)) {
        gw_log_key(line, "fields");
        gw_buf_append_str(line, gw_buf_str(&fields));
    }
    gw_buf_append_char(line, '}');
    check_line(gw_buf_str(line));
    gw_buf_fini(&fields);
}

static void try_text(struct gw_str record) {
    struct gw_buf out = {0};
    gw_log_text(record, false, &out);
    check_text(gw_buf_str(&out));
    gw_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size ? size : 1); /* of its own size, for ASan */
    if (size)
        memcpy(copy, data, size);
    try_line((struct gw_str){copy, size});
    try_text((struct gw_str){copy, size});
    free(copy);
    return 0;
}
