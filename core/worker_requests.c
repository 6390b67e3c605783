/* A worker's requests: which flow they become, and those that become none. */
#include "worker_internal.h"

#include "base/clock.h"
#include "lua/flow.h"

/* In the log and the metrics only: nginx's number for a client that did not wait. */
#define CLIENT_CLOSED   GW_METER_CLIENT_CLOSED
#define MAX_PATIENCE_MS (86400 * 1000)

static void log_request(const struct gw_worker *worker, const struct gw_exchange *exchange,
                        unsigned status, size_t bytes, int64_t duration_us) {
    if (!gw_log_enabled(GW_LOG_INFO))
        return;
    const struct gw_message *message = gw_exchange_message(exchange);
    const struct gw_flow *flow = gw_exchange_user(exchange);
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "request");
    gw_log_str(line, "correlation_id", gw_exchange_id(exchange));
    gw_log_str(line, "method", gw_message_method(message));
    gw_log_str(line, "path", gw_message_path(message));
    gw_log_int(line, "status", status);
    gw_log_ms(line, "duration_ms", duration_us);
    gw_log_int(line, "bytes", (int64_t)bytes);
    gw_log_str(line, "client", gw_exchange_client(exchange));
    if (flow)
        gw_flow_log(flow, line);
    else
        gw_log_int(line, "generation", worker->generation->number);
    gw_log_end(line);
}

/* Those that ask whether the gateway is alive are told, however much there is to do, and nobody
 * asks what became of them. */
static bool is_exempt(struct gw_str path) {
    return gw_str_equal(path, GW_STR("/health")) || gw_str_equal(path, GW_STR("/ready"));
}

/* --- what is recorded --- */

void gw_worker_keep_trace(void *user, struct gw_trace *trace) {
    struct gw_worker *worker = user;
    if (is_exempt(gw_str_from(gw_trace_text(trace, trace->path))))
        return;
    gw_recent_keep(worker->recent, trace);
    if (trace->is_sampled)
        gw_exporter_take(worker->shared->exporter, trace);
}

/* Spans are for those who keep the record or send it on, and for the log. */
static void choose_recording(const struct gw_worker *worker) {
    const struct gw_settings *settings = worker->shared->settings;
    gw_tracer_record(worker->tracer, settings->recent_requests > 0 || settings->development ||
                                         worker->shared->exporter || gw_log_enabled(GW_LOG_INFO));
}

/* Of a request that became no flow. */
static void record_answer(const struct gw_worker *worker, const struct gw_exchange *exchange,
                          unsigned status, size_t bytes, int64_t now_us) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_trace_start start = {
        .kind = GW_TRACE_REQUEST,
        .generation = worker->generation->number,
        .started_us = gw_exchange_started_us(exchange),
        .correlation_id = gw_exchange_id(exchange),
    };
    struct gw_trace *trace = gw_trace_begin_request(worker->tracer, &start, message);
    gw_trace_answered(trace, status, bytes, now_us);
    gw_trace_let_go(trace);
}

/* --- the server's news --- */

/* One look at the clock for the log, the metrics and the record. */
static int64_t tell_of_end(const struct gw_worker *worker, const struct gw_exchange *exchange,
                           unsigned status, size_t bytes) {
    const struct gw_flow *flow = gw_exchange_user(exchange);
    struct gw_meter *meter = flow ? gw_flow_route(flow)->meter : gw_meter_of_no_route();
    int64_t now_us = gw_clock_us();
    int64_t duration_us = now_us - gw_exchange_started_us(exchange);
    gw_meter_count_request(meter, gw_message_method(gw_exchange_message(exchange)), status,
                           duration_us);
    log_request(worker, exchange, status, bytes, duration_us);
    return now_us;
}

static void on_replied(struct gw_exchange *exchange, unsigned status, size_t bytes, void *user) {
    struct gw_flow *flow = gw_exchange_user(exchange);
    int64_t now_us = tell_of_end(user, exchange, status, bytes);
    if (flow)
        gw_trace_answered(gw_flow_trace(flow), status, bytes, now_us);
    else
        record_answer(user, exchange, status, bytes, now_us);
    if (flow)
        gw_flow_replied(flow);
}

static void on_abort(struct gw_exchange *exchange, void *user) {
    struct gw_flow *flow = gw_exchange_user(exchange);
    int64_t now_us = tell_of_end(user, exchange, CLIENT_CLOSED, 0);
    if (!flow)
        return;
    gw_trace_answered(gw_flow_trace(flow), CLIENT_CLOSED, 0, now_us);
    gw_flow_abandon(flow);
}

static void on_request(struct gw_exchange *exchange, void *user) {
    (void)user;
    gw_flow_start(gw_exchange_user(exchange));
}

static void add_allow(struct gw_reply *reply, struct gw_str allow) {
    gw_buf_printf(&reply->fields, "allow: %.*s\r\n", GW_STR_ARG(allow));
}

static void reply_options(struct gw_exchange *exchange, struct gw_str allow) {
    struct gw_reply reply = {.status = 204};
    add_allow(&reply, allow);
    gw_exchange_reply(exchange, &reply);
}

static void reply_not_allowed(struct gw_exchange *exchange, struct gw_str allow) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    add_allow(&reply, allow);
    gw_exchange_reply(exchange, &reply);
}

static void shed(struct gw_exchange *exchange) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 503, "too many requests are in work");
    gw_buf_append_str(&reply.fields, GW_STR("retry-after: 1\r\n"));
    gw_exchange_reply(exchange, &reply);
}

/* How long the caller will wait, if it says so, else 0. False if what it says makes no sense: to
 * answer as if it had said nothing is not what it wanted. */
static bool read_patience(const struct gw_message *message, int64_t *out_ms) {
    struct gw_str text;
    uint64_t ms = 0;
    bool given = gw_message_find(message, GW_STR("x-request-timeout-ms"), &text);
    bool ok = !given || (gw_str_to_u64(text, MAX_PATIENCE_MS, &ms) && ms > 0);
    *out_ms = (int64_t)ms;
    return ok;
}

/* From here on the flow is the exchange's: whatever is replied, it hears of it. */
static void take_request(struct gw_worker *worker, struct gw_exchange *exchange,
                         struct gw_flow *flow) {
    const struct gw_message *message = gw_exchange_message(exchange);
    int64_t patience_ms;
    int64_t max = worker->shared->settings->max_in_flight;
    int64_t n = gw_flow_count(flow, &worker->shared->in_flight);
    gw_exchange_set_user(exchange, flow);
    gw_exchange_set_max_body(exchange, gw_flow_route(flow)->max_body);
    if (max && n > max && !is_exempt(gw_message_path(message)))
        shed(exchange);
    else if (!read_patience(message, &patience_ms))
        gw_exchange_reply_problem(exchange, 400,
                                  "X-Request-Timeout-Ms must be a whole number from 1 to 86400000");
    else if (patience_ms)
        gw_flow_lower_deadline(flow, patience_ms);
}

static void route_request(struct gw_worker *worker, struct gw_exchange *exchange,
                          struct gw_buf *allow) {
    struct gw_state *state = gw_worker_live_state(worker);
    struct gw_flow *flow;
    if (*state->generation_field)
        gw_exchange_set_fields(exchange, state->generation_field);
    switch (gw_flow_open(state, exchange, &flow, allow)) {
    case GW_ROUTE_FOUND:
        take_request(worker, exchange, flow);
        break;
    case GW_ROUTE_NOT_FOUND:
        gw_exchange_reply_problem(exchange, 404, "no route for this path");
        break;
    case GW_ROUTE_METHOD_NOT_ALLOWED:
        reply_not_allowed(exchange, gw_buf_str(allow));
        break;
    case GW_ROUTE_OPTIONS:
        reply_options(exchange, gw_buf_str(allow));
        break;
    case GW_ROUTE_BAD_PATH:
        gw_exchange_reply_problem(exchange, 400, "the path is not valid");
        break;
    }
}

/* The wake-up may still be on its way. */
void gw_worker_leave_if_told(struct gw_worker *worker) {
    if (atomic_load_explicit(&worker->told, memory_order_relaxed) >= TOLD_TO_LEAVE)
        gw_server_leave(worker->server);
}

static void on_head(struct gw_exchange *exchange, void *user) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_buf allow = {0};
    gw_worker_leave_if_told(user);
    choose_recording(user);
    if (gw_str_equal(gw_message_path(message), GW_STR("*"))) /* about the server as a whole */
        reply_options(exchange, GW_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    else
        route_request(user, exchange, &allow);
    gw_buf_fini(&allow);
}

const struct gw_server_handler gw_worker_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_abort = on_abort,
    .on_replied = on_replied,
};
