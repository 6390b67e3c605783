/* What tracing reads of others. The first line is a traceparent, each line after it a tracestate:
 * what is taken of either is written so that it is taken again, and stays the same. All of it is a
 * collector's answer too. */
#include "engine/otlp.h"
#include "policy/traceparent.h"
#include "policy/tracestate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(struct gw_str value) {
    struct gw_traceparent parent, again;
    char text[GW_TRACEPARENT_LEN];
    if (!gw_traceparent_parse(value, &parent))
        return;
    gw_traceparent_write(&parent, text);
    if (!gw_traceparent_parse((struct gw_str){text, sizeof text}, &again) ||
        again.flags != parent.flags || memcmp(text + 3, value.data + 3, 50) != 0)
        abort();
}

static void check_list(struct gw_str list) {
    struct gw_buf again = {0};
    unsigned n = 0;
    for (size_t i = 0; i < list.len; i++) {
        if (list.data[i] < ' ' || list.data[i] > '~')
            abort();
        n += list.data[i] == ',';
    }
    if (n >= GW_TRACESTATE_MAX_MEMBERS || !gw_tracestate_append(&again, list) ||
        !gw_str_equal(gw_buf_str(&again), list))
        abort();
    gw_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str rest = {(const char *)data, size}, line;
    struct gw_buf list = {0};
    bool ok = true;
    if (gw_str_split(rest, '\n', &line, &rest))
        check_parent(line);
    while (ok && gw_str_split(rest, '\n', &line, &rest))
        ok = gw_tracestate_append(&list, line);
    if (ok)
        check_list(gw_buf_str(&list));
    gw_buf_fini(&list);
    gw_otlp_rejected((struct gw_str){(const char *)data, size}, &line);
    return 0;
}
