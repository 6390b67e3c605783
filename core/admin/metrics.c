/* GET /metrics: as Prometheus reads it. */
#include "admin/metrics.h"

#include "admin/admin_internal.h"

#define TEXT         "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

void gw_admin_metrics(const struct gw_admin_question *question) {
    struct gw_buf out = {0};
    struct gw_str accept = {"", 0};
    gw_message_find(gw_exchange_message(question->exchange), GW_STR("accept"), &accept);
    enum gw_metric_format format = gw_metrics_negotiate(accept);
    gw_metrics_gather(&question->admin->parts.metrics);
    gw_metrics_write(&out, format);
    gw_admin_reply(question->exchange, format == GW_METRIC_TEXT ? TEXT : OPEN_METRICS, &out);
}
