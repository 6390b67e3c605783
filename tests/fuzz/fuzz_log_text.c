/* The log's text form, fed with anything: it never reads beyond, and lets no control character
 * through to the terminal. */
#include "base/log_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_buf out = {0};
    char *record = malloc(size ? size : 1); /* of its own size, for ASan */
    if (size)
        memcpy(record, data, size);
    gw_log_text((struct gw_str){record, size}, false, &out);
    for (size_t i = 0; i < out.len; i++) {
        unsigned char c = (unsigned char)out.data[i];
        if ((c < ' ' && c != '\n') || c == 0x7f)
            abort();
    }
    free(record);
    gw_buf_fini(&out);
    return 0;
}
