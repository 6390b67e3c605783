/* The value of Idempotency-Key: what is taken for a key can be written in quotes, and is the same
 * key then. */
#include "engine/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct gw_str key) {
    struct gw_buf quoted = {0}, again = {0};
    gw_buf_append_char(&quoted, '"');
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] < ' ' || key.data[i] > '~')
            abort();
        if (key.data[i] == '"' || key.data[i] == '\\')
            gw_buf_append_char(&quoted, '\\');
        gw_buf_append_char(&quoted, key.data[i]);
    }
    gw_buf_append_char(&quoted, '"');
    if (!gw_key_read(gw_buf_str(&quoted), &again) || !gw_str_equal(gw_buf_str(&again), key))
        abort();
    gw_buf_fini(&quoted);
    gw_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_buf key = {0};
    if (gw_key_read((struct gw_str){(const char *)data, size}, &key)) {
        if (key.len == 0 || key.len > GW_KEY_MAX_LEN)
            abort();
        check(gw_buf_str(&key));
    }
    gw_buf_fini(&key);
    return 0;
}
