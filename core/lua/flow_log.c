/* What a request's log line says of its flow: the route, and each backend call. */
#include "lua/flow_internal.h"

static void log_call(const struct gw_logged_call *call, bool first, struct gw_buf *line) {
    gw_buf_append_str(line, first ? GW_STR("{\"backend\":") : GW_STR(",{\"backend\":"));
    gw_buf_append_json(line, gw_str_from(call->backend));
    gw_log_int(line, "attempts", call->attempts);
    gw_log_int(line, "status", call->status);
    if (call->failure != GW_FAILURE_NONE)
        gw_log_str(line, "failure", gw_str_from(gw_failure_name(call->failure)));
    gw_log_ms(line, "duration_ms", call->duration_us);
    gw_buf_append_char(line, '}');
}

void gw_flow_log(const struct gw_flow *flow, struct gw_buf *line) {
    gw_log_str(line, "route", gw_str_from(gw_flow_route(flow)->label));
    if (flow->n_calls == 0)
        return;
    unsigned shown = flow->n_calls < GW_FLOW_MAX_LOGGED ? flow->n_calls : GW_FLOW_MAX_LOGGED;
    gw_log_key(line, "calls");
    gw_buf_append_char(line, '[');
    for (unsigned i = 0; i < shown; i++)
        log_call(&flow->calls[i], i == 0, line);
    gw_buf_append_char(line, ']');
    if (flow->n_calls > shown)
        gw_log_int(line, "calls_not_shown", flow->n_calls - shown);
}
