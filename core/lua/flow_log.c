/* What a request's log line says of its flow: the route, and each backend call; and what is logged
 * of an error that escaped the prelude. */
#include "lua/flow_internal.h"

static void log_call(const struct gw_span *call, bool first, struct gw_buf *line) {
    gw_buf_append_str(line, first ? GW_STR("{\"backend\":") : GW_STR(",{\"backend\":"));
    gw_buf_append_json(line, gw_str_from(call->name));
    gw_log_int(line, "attempts", call->count);
    gw_log_int(line, "status", call->status);
    if (call->failure != GW_FAILURE_NONE)
        gw_log_str(line, "failure", gw_str_from(gw_failure_name((enum gw_failure)call->failure)));
    gw_log_ms(line, "duration_ms", call->duration_us);
    gw_buf_append_char(line, '}');
}

/* The calls that have ended, in the order they began, so far as they are shown; NULL: no more. */
const struct gw_span *gw_flow_next_call(const struct gw_trace *trace, unsigned *at) {
    while (trace && *at < trace->n_spans) {
        const struct gw_span *span = &trace->spans[(*at)++];
        if (span->kind == GW_SPAN_CALL && span->duration_us != GW_SPAN_OPEN)
            return span;
    }
    return NULL;
}

static void log_calls(const struct gw_trace *trace, struct gw_buf *line) {
    const struct gw_span *call;
    unsigned at = 0, shown = 0;
    gw_log_key(line, "calls");
    gw_buf_append_char(line, '[');
    while (shown < GW_FLOW_MAX_LOGGED && (call = gw_flow_next_call(trace, &at)))
        log_call(call, shown++ == 0, line);
    gw_buf_append_char(line, ']');
    if (trace->n_calls > shown)
        gw_log_int(line, "calls_not_shown", trace->n_calls - shown);
}

void gw_flow_log(const struct gw_flow *flow, struct gw_buf *line) {
    gw_log_int(line, "generation", flow->state->host.generation);
    gw_log_str(line, "route", gw_str_from(gw_flow_route(flow)->label));
    if (flow->trace && flow->trace->n_calls)
        log_calls(flow->trace, line);
}

/* What escapes the entry is want of memory, an error in the handling of an error, or the stop of a
 * prelude that took too long to answer for its script. */
void gw_flow_log_escaped(struct gw_flow *flow, int status) {
    const char *message = "not enough memory";
    if (flow->kind == GW_FLOW_REQUEST)
        gw_metric_add(gw_flow_route(flow)->meter->script_errors, 1);
    const char *stop = gw_account_kind_of_stop(&gw_flow_root(flow)->account);
    if (flow->co && status != LUA_ERRMEM && lua_type(flow->co, -1) == LUA_TSTRING)
        message = lua_tostring(flow->co, -1); /* a string already: nothing is converted */
    gw_trace_log(gw_flow_root(flow)->trace, GW_LOG_ERROR, gw_str_from(message), GW_STR(""));
    if (!gw_log_enabled(GW_LOG_ERROR))
        return;
    struct gw_buf *line = gw_log_begin(GW_LOG_ERROR, "a script failed");
    gw_log_int(line, "generation", flow->state->host.generation);
    gw_log_str(line, "correlation_id", gw_str_from(gw_flow_root(flow)->id));
    gw_log_safe(line, "error", gw_str_from(message));
    if (stop)
        gw_log_str(line, "kind", gw_str_from(stop));
    gw_log_same_int(line, flow->state->host.generation);
    gw_log_same(line, gw_str_from(message));
    gw_log_end(line);
}
