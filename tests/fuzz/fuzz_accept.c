/* The Accept header of a scraper: whatever it says, it is given OpenMetrics only if it names that,
 * and a further range of no interest, before or after the others, changes nothing. */
#include "admin/metrics.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool names_openmetrics(struct gw_str accept) {
    static const char name[] = "application/openmetrics-text";
    for (size_t i = 0; i + sizeof name - 1 <= accept.len; i++)
        if (strncasecmp(accept.data + i, name, sizeof name - 1) == 0)
            return true;
    return false;
}

static enum gw_metric_format with(const char *before, struct gw_str accept, const char *after) {
    struct gw_buf text = {0};
    gw_buf_append_str(&text, gw_str_from(before));
    gw_buf_append_str(&text, accept);
    gw_buf_append_str(&text, gw_str_from(after));
    enum gw_metric_format format = gw_metrics_negotiate(gw_buf_str(&text));
    gw_buf_fini(&text);
    return format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str accept = {(const char *)data, size};
    enum gw_metric_format format = with("", accept, "");
    if (format == GW_METRIC_OPENMETRICS && !names_openmetrics(accept))
        abort();
    if (with("image/png;q=0.3,", accept, "") != format || with("", accept, ", a/b") != format)
        abort();
    return 0;
}
