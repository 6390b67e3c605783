/* One span as OTLP's JSON. */
#include "base/json_write.h"
#include "engine/backend.h"
#include "engine/otlp_internal.h"

#include <stdio.h>
#include <string.h>

#define CLIENT_CLOSED 499

/* SpanKind and StatusCode of OTLP. */
enum { INTERNAL = 1, SERVER = 2, CLIENT = 3, PRODUCER = 4, CONSUMER = 5 };
enum { STATUS_ERROR = 2 };

/* SpanFlags: the lower eight bits are the trace's, then what is known of the parent. */
enum { HAS_IS_REMOTE = 0x100, IS_REMOTE = 0x200 };

/* A span as it is written. */
struct shown {
    struct gw_buf *out;
    const struct gw_trace *trace;
    const struct gw_span *span;
    uint16_t index;
};

static struct gw_str text_of(const struct gw_trace *trace, uint16_t text) {
    return gw_str_from(gw_trace_text(trace, text));
}

/* The first word of a text, and what comes after it. */
static struct gw_str first_word(struct gw_str text, struct gw_str *rest) {
    struct gw_str word = {"", 0};
    *rest = (struct gw_str){"", 0};
    gw_str_split(text, ' ', &word, rest);
    return word;
}

static struct gw_str after_word(struct gw_str text) {
    struct gw_str rest;
    first_word(text, &rest);
    return rest;
}

/* --- Attributes --- */

static void open_attribute(struct gw_buf *out, struct gw_str key, const char *type) {
    gw_json_open(out, '{');
    gw_json_member_str(out, "key", key);
    gw_json_key(out, "value");
    gw_json_open(out, '{');
    gw_json_key(out, type);
}

static void close_attribute(struct gw_buf *out) {
    gw_json_close(out, '}');
    gw_json_close(out, '}');
}

void gw_otlp_attribute(struct gw_buf *out, struct gw_str key, struct gw_str value) {
    open_attribute(out, key, "stringValue");
    gw_json_str(out, value);
    close_attribute(out);
}

/* What is empty is not known. */
static void add_text(struct gw_buf *out, const char *key, struct gw_str value) {
    if (value.len)
        gw_otlp_attribute(out, gw_str_from(key), value);
}

/* 64-bit integers are text, since JavaScript would round them. */
static void number_as_text(struct gw_buf *out, uint64_t value) {
    char text[24];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    gw_json_str(out, (struct gw_str){text, (size_t)n});
}

static void add_int(struct gw_buf *out, const char *key, uint64_t value) {
    open_attribute(out, gw_str_from(key), "intValue");
    number_as_text(out, value);
    close_attribute(out);
}

static void add_true(struct gw_buf *out, const char *key) {
    open_attribute(out, gw_str_from(key), "boolValue");
    gw_json_bool(out, true);
    close_attribute(out);
}

/* --- Attributes of a root --- */

/* Of a method nobody knows only that is told, since each would be a name of its own. */
static void add_method(struct gw_buf *out, struct gw_str method) {
    static const char *const known[] = {"GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                        "PATCH", "OPTIONS", "CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gw_str_equal(method, gw_str_from(known[i]))) {
            add_text(out, "http.request.method", method);
            return;
        }
    if (!method.len)
        return;
    add_text(out, "http.request.method", GW_STR("_OTHER"));
    add_text(out, "http.request.method_original", method);
}

static void add_request(const struct shown *shown) {
    const struct gw_trace *trace = shown->trace;
    struct gw_buf *out = shown->out;
    add_method(out, text_of(trace, trace->method));
    add_text(out, "url.path", text_of(trace, trace->path));
    add_text(out, "url.scheme", GW_STR("http"));
    add_text(out, "http.route", after_word(text_of(trace, trace->route)));
    if (trace->status && trace->status != CLIENT_CLOSED) {
        add_int(out, "http.response.status_code", trace->status);
        add_int(out, "http.response.body.size", trace->bytes);
    }
}

static void add_job(const struct shown *shown) {
    add_text(shown->out, "moongate.job.kind",
             after_word(text_of(shown->trace, shown->trace->route)));
    add_text(shown->out, "moongate.job.id", text_of(shown->trace, shown->trace->path));
}

static void add_saga(const struct shown *shown) {
    add_text(shown->out, "moongate.saga.kind",
             after_word(text_of(shown->trace, shown->trace->route)));
    add_text(shown->out, "moongate.saga.id", text_of(shown->trace, shown->trace->path));
}

static void add_root(const struct shown *shown) {
    const struct gw_trace *trace = shown->trace;
    if (shown->span->kind == GW_SPAN_REQUEST)
        add_request(shown);
    else if (shown->span->kind == GW_SPAN_JOB)
        add_job(shown);
    else
        add_saga(shown);
    add_text(shown->out, "moongate.correlation_id", text_of(trace, trace->correlation_id));
    add_int(shown->out, "moongate.generation", trace->generation);
    add_int(shown->out, "moongate.worker", trace->worker);
    if (trace->spans_dropped)
        add_int(shown->out, "moongate.spans_dropped", trace->spans_dropped);
}

/* --- Attributes of a call and its attempts --- */

static const struct gw_span *parent_of(const struct shown *shown) {
    return &shown->trace->spans[shown->span->parent];
}

/* "POST /api/v1/stock", of the call itself or of the one it is an attempt of. */
static struct gw_str target_of(const struct shown *shown) {
    const struct gw_span *call = shown->span;
    if (call->kind == GW_SPAN_ATTEMPT)
        call = parent_of(shown);
    bool is_call = call->kind == GW_SPAN_CALL || call->kind == GW_SPAN_UNDO;
    return is_call ? text_of(shown->trace, call->text) : GW_STR("");
}

static struct gw_str without_path(struct gw_str url) {
    const char *slash = memchr(url.data, '/', url.len);
    return slash ? (struct gw_str){url.data, (size_t)(slash - url.data)} : url;
}

/* Of "name", "name:1", "[::1]" and "[::1]:1". */
static void add_address(struct gw_buf *out, struct gw_str authority, uint64_t port) {
    const char *bracket = memchr(authority.data, ']', authority.len);
    size_t n = bracket ? (size_t)(bracket + 1 - authority.data) : 0;
    struct gw_str rest = {authority.data + n, authority.len - n}, host, digits = {"", 0};
    if (gw_str_split(rest, ':', &host, &digits) && digits.len)
        gw_str_to_u64(digits, 65535, &port);
    size_t len = authority.len - digits.len - (digits.len > 0);
    struct gw_str name = {authority.data, len};
    if (bracket)
        name = (struct gw_str){authority.data + 1, n - 2};
    add_text(out, "server.address", name);
    add_int(out, "server.port", port);
}

static void add_server(const struct shown *shown, struct gw_str path) {
    struct gw_str url = gw_str_from(shown->span->host);
    bool is_https = url.len > 5 && url.data[4] == 's';
    size_t scheme = is_https ? strlen("https://") : strlen("http://");
    struct gw_str authority = {url.data + scheme, url.len - scheme};
    struct gw_buf full = {0};
    gw_buf_append_str(&full, url);
    gw_buf_append_str(&full, path);
    add_text(shown->out, "url.full", gw_buf_str(&full));
    gw_buf_fini(&full);
    add_address(shown->out, without_path(authority), is_https ? 443 : 80);
}

static void add_phases(const struct shown *shown) {
    char key[40];
    for (unsigned i = 0; i < GW_SPAN_PHASES; i++) {
        snprintf(key, sizeof key, "moongate.%s_us", gw_phase_names[i]);
        if (shown->span->phases_us[i])
            add_int(shown->out, key, shown->span->phases_us[i]);
    }
}

static void add_attempt(const struct shown *shown) {
    const struct gw_span *span = shown->span;
    struct gw_str path;
    struct gw_str method = first_word(target_of(shown), &path);
    add_method(shown->out, method);
    if (span->host)
        add_server(shown, path);
    if (span->status)
        add_int(shown->out, "http.response.status_code", span->status);
    if (span->count > 1)
        add_int(shown->out, "http.request.resend_count", span->count - 1u);
    add_phases(shown);
    if (span->flags & GW_SPAN_HEDGE)
        add_true(shown->out, "moongate.hedge");
    if (span->flags & GW_SPAN_REUSED)
        add_true(shown->out, "moongate.connection.reused");
    if (span->flags & GW_SPAN_REPEATED)
        add_true(shown->out, "moongate.repeated");
}

static void add_call(const struct shown *shown) {
    struct gw_str path;
    struct gw_str method = first_word(target_of(shown), &path);
    add_method(shown->out, method);
    add_text(shown->out, "url.path", path);
    if (shown->span->status)
        add_int(shown->out, "http.response.status_code", shown->span->status);
    if (shown->span->count)
        add_int(shown->out, "moongate.attempts", shown->span->count);
    if (shown->span->flags & GW_SPAN_FALLBACK)
        add_true(shown->out, "moongate.fallback");
}

/* --- Errors --- */

/* What went wrong, in one word; empty if nothing did. */
static struct gw_str error_type(const struct shown *shown, char text[8]) {
    const struct gw_span *span = shown->span;
    const struct gw_trace *trace = shown->trace;
    bool is_root = shown->index == GW_SPAN_ROOT;
    unsigned status = is_root ? trace->status : span->status;
    if (is_root && status == CLIENT_CLOSED)
        return GW_STR("client_closed");
    if (is_root && trace->is_failed && !status) /* a job, or what is left to undo */
        return GW_STR("_OTHER");
    if (span->failure == GW_FAILURE_STATUS || (is_root && status >= 500))
        return (struct gw_str){text, (size_t)snprintf(text, 8, "%u", status % 1000)};
    return span->failure ? gw_str_from(gw_failure_name(span->failure)) : GW_STR("");
}

/* Whom nobody waited for has not failed. */
static bool is_error(const struct shown *shown, struct gw_str type) {
    bool gone = shown->index == GW_SPAN_ROOT && shown->trace->status == CLIENT_CLOSED;
    return type.len > 0 && shown->span->failure != GW_FAILURE_CANCELLED && !gone;
}

static void add_status(const struct shown *shown) {
    bool has_reason = shown->span->kind == GW_SPAN_ATTEMPT;
    struct gw_str reason = has_reason ? text_of(shown->trace, shown->span->text) : GW_STR("");
    gw_json_key(shown->out, "status");
    gw_json_open(shown->out, '{');
    gw_json_member_int(shown->out, "code", STATUS_ERROR);
    if (reason.len)
        gw_json_member_str(shown->out, "message", reason);
    gw_json_close(shown->out, '}');
}

/* --- Events --- */

bool gw_otlp_is_event(const struct gw_span *span) {
    return span->kind == GW_SPAN_BREAKER || span->kind == GW_SPAN_LOG;
}

/* Monotonic times as those of the wall clock, which were taken together. */
static void add_time(const struct shown *shown, const char *key, uint64_t us) {
    gw_json_key(shown->out, key);
    number_as_text(shown->out, ((uint64_t)shown->trace->wall_us + us) * 1000);
}

static void add_log(const struct shown *shown, const struct gw_span *event) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    add_text(shown->out, "moongate.log.level", gw_str_from(levels[event->level & 3]));
    add_text(shown->out, "moongate.log.message", text_of(shown->trace, event->text));
    add_text(shown->out, "moongate.log.where", text_of(shown->trace, event->text2));
}

static void append_event(const struct shown *shown, const struct gw_span *event) {
    bool is_log = event->kind == GW_SPAN_LOG;
    gw_json_open(shown->out, '{');
    add_time(shown, "timeUnixNano", event->start_us);
    gw_json_member_str(shown->out, "name", is_log ? GW_STR("log") : GW_STR("circuit breaker"));
    gw_json_key(shown->out, "attributes");
    gw_json_open(shown->out, '[');
    if (is_log)
        add_log(shown, event);
    else
        add_text(shown->out, "moongate.breaker", text_of(shown->trace, event->text));
    gw_json_close(shown->out, ']');
    gw_json_close(shown->out, '}');
}

/* Parents come before their children. */
static void add_events(const struct shown *shown) {
    bool has_some = false;
    for (unsigned i = shown->index + 1u; i < shown->trace->n_spans; i++) {
        const struct gw_span *event = &shown->trace->spans[i];
        if (event->parent != shown->index || !gw_otlp_is_event(event))
            continue;
        if (!has_some) {
            gw_json_key(shown->out, "events");
            gw_json_open(shown->out, '[');
        }
        has_some = true;
        append_event(shown, event);
    }
    if (has_some)
        gw_json_close(shown->out, ']');
}

/* --- The span --- */

static unsigned kind_of(const struct shown *shown) {
    switch (shown->span->kind) {
    case GW_SPAN_REQUEST:
        return SERVER;
    case GW_SPAN_CALL:
    case GW_SPAN_ATTEMPT:
    case GW_SPAN_UNDO:
        return CLIENT;
    case GW_SPAN_ENQUEUE:
        return PRODUCER;
    case GW_SPAN_JOB:
        return CONSUMER;
    default:
        return INTERNAL;
    }
}

/* Of few different ones: never a path, never an id. */
static void append_name(struct gw_buf *name, const struct shown *shown) {
    const struct gw_trace *trace = shown->trace;
    const struct gw_span *span = shown->span;
    struct gw_str rest, method = first_word(target_of(shown), &rest);
    struct gw_str route = text_of(trace, trace->route);
    if (span->kind == GW_SPAN_REQUEST)
        gw_buf_append_str(name, route.len ? route : GW_STR("HTTP"));
    else if (shown->index == GW_SPAN_ROOT)
        gw_buf_printf(name, "%s%.*s", span->kind == GW_SPAN_JOB ? "" : "undo ", GW_STR_ARG(route));
    else if (span->kind == GW_SPAN_ATTEMPT)
        gw_buf_append_str(name, method.len ? method : GW_STR("HTTP"));
    else
        gw_buf_append_str(name, gw_str_from(gw_span_kind_name(span->kind)));
    if (span->name && span->kind != GW_SPAN_ATTEMPT)
        gw_buf_printf(name, " %s", span->name);
}

static void add_name(const struct shown *shown) {
    struct gw_buf name = {0};
    append_name(&name, shown);
    gw_json_member_str(shown->out, "name", gw_buf_str(&name));
    gw_buf_fini(&name);
}

static void add_ids(const struct shown *shown) {
    const struct gw_trace *trace = shown->trace;
    char trace_id[GW_TRACE_ID_SIZE], id[GW_SPAN_ID_SIZE], parent[GW_SPAN_ID_SIZE];
    bool is_root = shown->index == GW_SPAN_ROOT;
    uint64_t above = is_root ? trace->parent_span : parent_of(shown)->id;
    gw_trace_id_text(trace->id, trace_id);
    gw_span_id_text(shown->span->id, id);
    gw_span_id_text(above, parent);
    gw_json_member_str(shown->out, "traceId", gw_str_from(trace_id));
    gw_json_member_str(shown->out, "spanId", gw_str_from(id));
    if (trace->tracestate)
        gw_json_member_str(shown->out, "traceState", text_of(trace, trace->tracestate));
    if (above)
        gw_json_member_str(shown->out, "parentSpanId", gw_str_from(parent));
    gw_json_member_int(shown->out, "flags",
                       (trace->is_sampled ? GW_TRACEPARENT_SAMPLED : 0) |
                           (trace->is_random ? GW_TRACEPARENT_RANDOM : 0) | HAS_IS_REMOTE |
                           (is_root && above ? IS_REMOTE : 0));
}

static void add_attributes(const struct shown *shown, struct gw_str error) {
    const struct gw_span *span = shown->span;
    gw_json_key(shown->out, "attributes");
    gw_json_open(shown->out, '[');
    if (shown->index == GW_SPAN_ROOT)
        add_root(shown);
    else if (span->kind == GW_SPAN_ATTEMPT)
        add_attempt(shown);
    else if (span->kind == GW_SPAN_CALL || span->kind == GW_SPAN_UNDO)
        add_call(shown);
    else
        add_text(shown->out, "moongate.detail", text_of(shown->trace, span->text));
    if (span->name)
        add_text(shown->out, "moongate.backend", gw_str_from(span->name));
    add_text(shown->out, "error.type", error);
    gw_json_close(shown->out, ']');
}

void gw_otlp_append_span(struct gw_buf *out, const struct gw_trace *trace, uint16_t index) {
    const struct gw_span *span = &trace->spans[index];
    struct shown shown = {out, trace, span, index};
    char text[8];
    struct gw_str error = error_type(&shown, text);
    gw_json_open(out, '{');
    add_ids(&shown);
    add_name(&shown);
    gw_json_member_int(out, "kind", kind_of(&shown));
    add_time(&shown, "startTimeUnixNano", span->start_us);
    add_time(&shown, "endTimeUnixNano", (uint64_t)span->start_us + span->duration_us);
    add_attributes(&shown, error);
    add_events(&shown);
    if (is_error(&shown, error))
        add_status(&shown);
    gw_json_close(out, '}');
}
