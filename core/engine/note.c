/* What is noted of a call in the record of the request it serves: see trace.h. */
#include "engine/backend_internal.h"

#include "base/clock.h"

#include <stdio.h>

static struct gw_trace *trace_of(const struct gw_backend_call *call) {
    return call->request.trace;
}

/* --- What it waits for --- */

void gw_note_waiting(struct gw_backend_call *call, enum gw_span_kind kind) {
    gw_note_waited(call);
    if (trace_of(call))
        call->waiting_span = gw_span_begin(trace_of(call), kind, call->request.span, gw_clock_us());
}

void gw_note_waited(struct gw_backend_call *call) {
    if (call->waiting_span == GW_SPAN_NONE)
        return;
    gw_span_end(trace_of(call), call->waiting_span, gw_clock_us());
    call->waiting_span = GW_SPAN_NONE;
}

/* --- The breaker --- */

static void note_breaker(const struct gw_backend_call *call, const char *text) {
    struct gw_trace *trace = trace_of(call);
    if (!trace)
        return;
    uint16_t span = gw_span_event(trace, GW_SPAN_BREAKER, call->request.span, gw_clock_us());
    if (span == GW_SPAN_NONE)
        return;
    trace->spans[span].name = call->backend->name;
    gw_span_set_text(trace, span, gw_str_from(text));
}

void gw_note_open(struct gw_backend_call *call) {
    note_breaker(call, "open: not sent");
}

void gw_note_change(struct gw_attempt *attempt, enum gw_breaker_state from,
                    enum gw_breaker_state to) {
    char text[64];
    if (from == to)
        return;
    snprintf(text, sizeof text, "%s to %s", gw_breaker_state_name(from), gw_breaker_state_name(to));
    note_breaker(attempt->call, text);
}

/* --- An attempt --- */

/* The first one begins with its call, unless it had to wait. */
static int64_t begins_at(const struct gw_backend_call *call) {
    bool is_first = call->result.attempts == 0 && call->waiting_span == GW_SPAN_NONE;
    return is_first ? call->started_us : gw_clock_us();
}

void gw_note_attempt(struct gw_attempt *attempt) {
    struct gw_backend_call *call = attempt->call;
    struct gw_trace *trace = trace_of(call);
    attempt->span = GW_SPAN_NONE;
    if (!trace)
        return;
    int64_t now_us = begins_at(call);
    gw_note_waited(call);
    if (attempt->permit.trial)
        note_breaker(call, "half_open: a trial");
    attempt->span = gw_span_begin(trace, GW_SPAN_ATTEMPT, call->request.span, now_us);
    struct gw_span *span = gw_trace_span(trace, attempt->span);
    if (!span)
        return;
    span->name = call->backend->name;
    span->host = call->target->hosts[attempt->host]->url;
    span->count = (uint16_t)(call->result.attempts + 1);
    span->flags = attempt == &call->attempts[1] ? GW_SPAN_HEDGE : 0;
}

static uint32_t phase(int64_t us) {
    return us <= 0 ? 0 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void take_response(struct gw_span *span, const struct gw_call_response *response) {
    const struct gw_call_times *times = &response->times;
    span->phases_us[GW_SPAN_DNS] = phase(times->dns_us);
    span->phases_us[GW_SPAN_CONNECT] = phase(times->connect_us);
    span->phases_us[GW_SPAN_TLS] = phase(times->tls_us);
    span->phases_us[GW_SPAN_WAIT] = phase(times->wait_us);
    span->phases_us[GW_SPAN_TRANSFER] = phase(times->transfer_us);
    span->flags |= (uint8_t)((times->is_reused ? GW_SPAN_REUSED : 0) |
                             (response->was_repeated ? GW_SPAN_REPEATED : 0));
    span->status = (uint16_t)response->status;
    span->duration_us = phase(response->duration_us);
}

void gw_note_attempt_ended(struct gw_attempt *attempt, enum gw_failure failure,
                           const struct gw_call_response *response) {
    struct gw_trace *trace = trace_of(attempt->call);
    struct gw_span *span = trace ? gw_trace_span(trace, attempt->span) : NULL;
    if (!span)
        return;
    span->failure = (uint8_t)failure;
    if (response)
        take_response(span, response);
    else
        gw_span_end(trace, attempt->span, gw_clock_us());
    if (response && failure != GW_FAILURE_NONE && failure != GW_FAILURE_STATUS)
        gw_span_set_text(trace, attempt->span, gw_str_from(gw_backend_error(failure, response)));
}
