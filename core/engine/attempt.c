/* One attempt: past the breaker, to one host, and what its end says of the backend's health. */
#include "engine/backend_internal.h"

#include "base/clock.h"

#include <string.h>

/* --- Its end --- */

static enum gw_failure late(const struct gw_attempt *attempt) {
    return attempt->ends_call && attempt->call->deadline_first ? GW_FAILURE_DEADLINE
                                                               : GW_FAILURE_TIMEOUT;
}

/* Redirects are not followed, so what was asked for has not happened. 304 is what a conditional
 * request hopes for. */
static bool is_success(unsigned status) {
    return status < 300 || status == 304;
}

static enum gw_failure failure_of_answer(const struct gw_backend_request *request,
                                         struct gw_call_response *response) {
    if (!is_success(response->status))
        return GW_FAILURE_STATUS;
    const char *fault = request->check ? request->check(request, response) : NULL;
    if (!fault)
        return GW_FAILURE_NONE;
    response->error = fault;
    return GW_FAILURE_DECODE;
}

static enum gw_failure failure_of(const struct gw_attempt *attempt,
                                  struct gw_call_response *response) {
    switch (response->outcome) {
    case GW_CALL_OK:
        return failure_of_answer(&attempt->call->request, response);
    case GW_CALL_CONNECT:
        return GW_FAILURE_CONNECT;
    case GW_CALL_DNS:
        return GW_FAILURE_DNS;
    case GW_CALL_TLS:
        return GW_FAILURE_TLS;
    case GW_CALL_TIMEOUT:
        return late(attempt);
    case GW_CALL_TOO_LARGE:
        return GW_FAILURE_TOO_LARGE;
    case GW_CALL_INVALID:
        return GW_FAILURE_REFUSED;
    case GW_CALL_BROKEN:
        break;
    }
    return GW_FAILURE_DECODE;
}

/* An attempt that was given less than half of what the operator allows one, since others before it
 * took long, says nothing of the backend when that is over; nor does one whose caller would not
 * wait longer. */
static enum gw_breaker_report report_of_late(const struct gw_attempt *attempt) {
    const struct gw_backend_call *call = attempt->call;
    bool by_caller =
        attempt->ends_call && call->deadline_first && call->request.deadline_is_callers;
    return attempt->cut_short || by_caller ? GW_BREAKER_IGNORED : GW_BREAKER_FAILURE;
}

static enum gw_breaker_report report_of(const struct gw_attempt *attempt, enum gw_failure failure,
                                        const struct gw_call_response *response) {
    bool too_many = response->status == 429 && attempt->call->target->count_429;
    switch (failure) {
    case GW_FAILURE_NONE:
        return GW_BREAKER_SUCCESS;
    case GW_FAILURE_STATUS:
        return response->status < 500 && !too_many ? GW_BREAKER_SUCCESS : GW_BREAKER_FAILURE;
    case GW_FAILURE_TIMEOUT:
    case GW_FAILURE_DEADLINE:
        return report_of_late(attempt);
    case GW_FAILURE_REFUSED:
        return GW_BREAKER_IGNORED;
    default:
        return GW_BREAKER_FAILURE;
    }
}

/* Only such a report can change its state. */
static void report_and_note(struct gw_attempt *attempt, enum gw_breaker_report what,
                            int64_t duration_ms, int64_t now_ms) {
    struct gw_breaker *breaker = attempt->call->backend->breaker;
    enum gw_breaker_state before = gw_breaker_state(breaker, now_ms);
    gw_breaker_report(breaker, attempt->permit, what, duration_ms, now_ms);
    gw_note_change(attempt, before, gw_breaker_state(breaker, now_ms));
}

/* What one host of several does wrong is for its own breaker, as long as another one is well: a
 * host that refuses is quicker than those that answer, and would close the whole backend. */
static void report(struct gw_attempt *attempt, enum gw_breaker_report what, int64_t duration_us) {
    int64_t now_ms = gw_clock_ms();
    int64_t duration_ms = duration_us / 1000;
    struct gw_breaker *breaker = attempt->call->backend->breaker;
    gw_hosts_release(attempt, what, duration_ms, now_ms);
    if (what == GW_BREAKER_FAILURE && gw_hosts_has_another(attempt, now_ms))
        what = GW_BREAKER_IGNORED;
    if (what == GW_BREAKER_FAILURE || attempt->permit.trial)
        report_and_note(attempt, what, duration_ms, now_ms);
    else
        gw_breaker_report(breaker, attempt->permit, what, duration_ms, now_ms);
}

static void over(struct gw_attempt *attempt) {
    attempt->sent = NULL;
    gw_metric_add(attempt->call->backend->meter->in_flight, -1);
}

/* Of the client's own: see client.h. */
static void count_repeat(struct gw_attempt *attempt, const struct gw_call_response *response) {
    if (!response->was_repeated)
        return;
    attempt->call->result.attempts++;
    gw_metric_add(attempt->call->backend->meter->attempts, 1);
}

static void on_response(void *user, struct gw_call_response *response) {
    struct gw_attempt *attempt = user;
    enum gw_failure failure = failure_of(attempt, response);
    enum gw_breaker_report what = report_of(attempt, failure, response);
    over(attempt);
    count_repeat(attempt, response);
    gw_note_attempt_ended(attempt, failure, response);
    gw_line_moves(attempt->call->caller, attempt->call->backend);
    if (what == GW_BREAKER_FAILURE)
        atomic_store(&attempt->call->backend->last_error, gw_backend_error(failure, response));
    report(attempt, what, response->duration_us);
    gw_backend_attempt_ended(attempt, failure, response);
}

/* Of what nobody waited for nothing is known. */
void gw_attempt_cancel(struct gw_attempt *attempt) {
    if (!attempt->sent)
        return;
    gw_call_cancel(attempt->sent);
    over(attempt);
    gw_note_attempt_ended(attempt, GW_FAILURE_CANCELLED, NULL);
    gw_line_moves(attempt->call->caller, attempt->call->backend);
    report(attempt, GW_BREAKER_IGNORED, 0);
}

/* --- Its beginning --- */

static int64_t shorter(int64_t ms, int64_t limit_or_0) {
    return limit_or_0 && limit_or_0 < ms ? limit_or_0 : ms;
}

/* What an attempt may take if nothing else has taken of it: the least of what the operator says of
 * the call, of a try and of the whole request. */
static int64_t full_time_of(const struct gw_backend_call *call) {
    const struct gw_target *target = call->target;
    const struct gw_backend_request *request = &call->request;
    int64_t full = request->timeout_ms ? request->timeout_ms : target->timeout_ms;
    int64_t try = request->try_timeout_ms ? request->try_timeout_ms : target->try_timeout_ms;
    return shorter(shorter(full, try), request->allowance_ms);
}

/* Until the call's own time is over, or that of a try if it is shorter. */
static int64_t limit_of(struct gw_attempt *attempt, int64_t now_ms) {
    const struct gw_backend_call *call = attempt->call;
    int64_t full = full_time_of(call);
    int64_t left = call->until_ms > now_ms ? call->until_ms - now_ms : 1;
    attempt->ends_call = left <= full;
    attempt->cut_short = left * 2 < full;
    return attempt->ends_call ? left : full;
}

static unsigned split_fields(struct gw_str lines, struct gw_str fields[GW_BACKEND_MAX_FIELDS]) {
    unsigned n = 0;
    while (n < GW_BACKEND_MAX_FIELDS - 1 && gw_str_split(lines, '\n', &fields[n], &lines))
        n++;
    return n;
}

static const char *make_url(const struct gw_attempt *attempt) {
    const struct gw_backend_call *call = attempt->call;
    struct gw_buf *url = &call->caller->url;
    gw_buf_clear(url);
    gw_buf_append_str(url, gw_str_from(call->target->hosts[attempt->host]->url));
    gw_buf_append_str(url, call->request.path);
    gw_buf_append_char(url, '\0');
    return url->data;
}

#define PATIENCE "x-request-timeout-ms: "

/* By hand: this is part of every call, and printf is slow. */
static struct gw_str patience_field(char text[sizeof PATIENCE + 20], int64_t ms) {
    char digits[20], *first = digits + sizeof digits;
    do
        *--first = (char)('0' + ms % 10);
    while ((ms /= 10) > 0);
    size_t n = (size_t)(digits + sizeof digits - first);
    memcpy(text, PATIENCE, sizeof PATIENCE - 1);
    memcpy(text + sizeof PATIENCE - 1, first, n);
    return (struct gw_str){text, sizeof PATIENCE - 1 + n};
}

#define PARENT "traceparent: "
#define STATE  "tracestate: "

struct trace_fields {
    char parent[sizeof PARENT - 1 + GW_TRACEPARENT_LEN];
    char state[sizeof STATE - 1 + GW_TRACE_MAX_STRING];
};

/* Which trace it belongs to, with the attempt as the parent of what the backend does. Returns how
 * many fields that takes. */
static unsigned add_trace(const struct gw_attempt *attempt, struct trace_fields *text,
                          struct gw_str fields[2]) {
    struct gw_trace *trace = attempt->call->request.trace;
    if (!trace)
        return 0;
    struct gw_traceparent parent = gw_trace_parent(trace, attempt->span);
    memcpy(text->parent, PARENT, sizeof PARENT - 1);
    gw_traceparent_write(&parent, text->parent + sizeof PARENT - 1);
    fields[0] = (struct gw_str){text->parent, sizeof text->parent};
    if (!trace->tracestate)
        return 1;
    struct gw_str state = gw_str_from(gw_trace_text(trace, trace->tracestate));
    memcpy(text->state, STATE, sizeof STATE - 1);
    memcpy(text->state + sizeof STATE - 1, state.data, state.len);
    fields[1] = (struct gw_str){text->state, sizeof STATE - 1 + state.len};
    return 2;
}

/* The backend is told how long it is waited for, so that it need not work for nobody. */
static void send_it(struct gw_attempt *attempt, int64_t limit_ms) {
    const struct gw_backend_call *call = attempt->call;
    const struct gw_backend_request *request = &call->request;
    struct gw_str fields[GW_BACKEND_MAX_FIELDS + 2];
    char patience[sizeof PATIENCE + 20];
    struct trace_fields trace;
    unsigned n = split_fields(request->fields, fields);
    fields[n++] = patience_field(patience, limit_ms);
    n += add_trace(attempt, &trace, fields + n);
    struct gw_call_request sent = {
        .method = request->method,
        .url = make_url(attempt),
        .fields = fields,
        .n_fields = n,
        .body = request->body,
        .has_body = request->has_body,
        .forbids_repeat = !call->idempotent,
        .connect_timeout_ms = call->target->connect_timeout_ms,
        .timeout_ms = limit_ms,
        .max_response = call->target->max_response,
    };
    attempt->sent = gw_client_start(call->caller->client, &sent, on_response, attempt);
    gw_metric_add(call->backend->meter->attempts, 1);
    gw_metric_add(call->backend->meter->in_flight, 1);
}

enum gw_start gw_attempt_start(struct gw_attempt *attempt, int64_t now_ms,
                               int64_t *retry_after_ms) {
    struct gw_backend_call *call = attempt->call;
    if (!gw_hosts_pick(attempt, now_ms))
        return GW_START_NO_ROOM;
    if (!gw_breaker_admit(call->backend->breaker, now_ms, &attempt->permit, retry_after_ms)) {
        gw_hosts_release(attempt, GW_BREAKER_IGNORED, 0, now_ms);
        return GW_START_OPEN;
    }
    gw_note_attempt(attempt);
    send_it(attempt, limit_of(attempt, now_ms));
    call->result.attempts++;
    return GW_START_SENT;
}
