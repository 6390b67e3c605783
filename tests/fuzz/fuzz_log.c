/* A line of the log made of anything: it is one line, valid UTF-8, JSON that a strict reader takes,
 * and without control characters. Its fields are what a script says, JSON of our own encoder, which
 * is looked through for secrets; what is no JSON must do no harm there. */
#include "base/log.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "lua/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(struct gw_str line) {
    struct gw_json_error error;
    if (!gw_json_check(line, &error))
        abort();
    for (size_t i = 0; i < line.len;) {
        size_t n = gw_utf8_sequence(line.data + i, line.len - i);
        unsigned char c = (unsigned char)line.data[i];
        if (n == 0 || c < ' ' || c == 0x7f ||
            (n == 2 && c == 0xc2 && (unsigned char)line.data[i + 1] < 0xa0))
            abort();
        i += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_buf safe = {0};
    struct gw_json_error error;
    char *copy = malloc(size ? size : 1); /* of its own size, for ASan */
    if (size)
        memcpy(copy, data, size);
    struct gw_str text = {copy, size};
    bool is_json = gw_json_check(text, &error);
    gw_secret_append_json(&safe, text);
    struct gw_buf *line = gw_log_begin_str(GW_LOG_INFO, text);
    gw_log_safe(line, "safe", text);
    if (is_json && !memchr(copy, '\n', size) && !memchr(copy, '\t', size) &&
        !memchr(copy, '\r', size)) {
        gw_log_key(line, "fields");
        gw_buf_append_str(line, gw_buf_str(&safe));
    }
    gw_buf_append_char(line, '}');
    check_line(gw_buf_str(line));
    gw_buf_fini(&safe);
    free(copy);
    return 0;
}
