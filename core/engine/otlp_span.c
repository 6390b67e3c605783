/* One span as OTLP's JSON. */
#include "engine/backend.h"
#include "engine/otlp_internal.h"

#include <stdio.h>
#include <string.h>

/* SpanKind and StatusCode of OTLP. */
enum { INTERNAL = 1, SERVER = 2, CLIENT = 3, PRODUCER = 4, CONSUMER = 5 };
enum { STATUS_ERROR = 2 };

/* SpanFlags: the lower eight bits are the trace's, then what is known of the parent. */
enum { HAS_IS_REMOTE = 0x100, IS_REMOTE = 0x200 };

/* --- Attributes --- */

static const struct gw_span *parent_of(const struct gw_otlp_span *shown) {
    return &shown->trace->spans[shown->span->parent];
}

static void add_job(const struct gw_otlp_span *shown) {
    gw_otlp_add_text(shown->out, "moongate.job.kind",
                     gw_otlp_after_word(gw_otlp_text(shown->trace, shown->trace->route)));
    gw_otlp_add_text(shown->out, "moongate.job.id", gw_otlp_text(shown->trace, shown->trace->path));
}

static void add_saga(const struct gw_otlp_span *shown) {
    gw_otlp_add_text(shown->out, "moongate.saga.kind",
                     gw_otlp_after_word(gw_otlp_text(shown->trace, shown->trace->route)));
    gw_otlp_add_text(shown->out, "moongate.saga.id",
                     gw_otlp_text(shown->trace, shown->trace->path));
}

static void add_root(const struct gw_otlp_span *shown) {
    const struct gw_trace *trace = shown->trace;
    if (shown->span->kind == GW_SPAN_REQUEST)
        gw_otlp_add_request(shown);
    else if (shown->span->kind == GW_SPAN_JOB)
        add_job(shown);
    else
        add_saga(shown);
    gw_otlp_add_text(shown->out, "moongate.correlation_id",
                     gw_otlp_text(trace, trace->correlation_id));
    gw_otlp_add_int(shown->out, "moongate.generation", trace->generation);
    gw_otlp_add_int(shown->out, "moongate.worker", trace->worker);
    if (trace->spans_dropped)
        gw_otlp_add_int(shown->out, "moongate.spans_dropped", trace->spans_dropped);
}

/* --- Errors --- */

/* What went wrong, in one word; empty if nothing did. */
static struct gw_str error_type(const struct gw_otlp_span *shown, char text[8]) {
    const struct gw_span *span = shown->span;
    const struct gw_trace *trace = shown->trace;
    bool is_root = shown->index == GW_SPAN_ROOT;
    unsigned status = is_root ? trace->status : span->status;
    if (is_root && status == GW_OTLP_CLIENT_CLOSED)
        return GW_STR("client_closed");
    if (is_root && trace->is_failed && !status) /* a job, or what is left to undo */
        return GW_STR("_OTHER");
    if (span->failure == GW_FAILURE_STATUS || (is_root && status >= 500))
        return (struct gw_str){text, (size_t)snprintf(text, 8, "%u", status % 1000)};
    return span->failure ? gw_str_from(gw_failure_name(span->failure)) : GW_STR("");
}

/* Whom nobody waited for has not failed. */
static bool is_error(const struct gw_otlp_span *shown, struct gw_str type) {
    bool gone = shown->index == GW_SPAN_ROOT && shown->trace->status == GW_OTLP_CLIENT_CLOSED;
    return type.len > 0 && shown->span->failure != GW_FAILURE_CANCELLED && !gone;
}

static void add_status(const struct gw_otlp_span *shown) {
    bool has_reason = shown->span->kind == GW_SPAN_ATTEMPT;
    struct gw_str reason = has_reason ? gw_otlp_text(shown->trace, shown->span->text) : GW_STR("");
    gw_buf_append_str(shown->out, GW_STR(",\"status\":{\"code\":"));
    gw_buf_append_int(shown->out, STATUS_ERROR);
    if (reason.len) {
        gw_buf_append_str(shown->out, GW_STR(",\"message\":"));
        gw_buf_append_json(shown->out, reason);
    }
    gw_buf_append_char(shown->out, '}');
}

/* --- Events --- */

bool gw_otlp_is_event(const struct gw_span *span) {
    return span->kind == GW_SPAN_BREAKER || span->kind == GW_SPAN_LOG;
}

/* After its key. Monotonic times become those of the wall clock, which were taken together. */
static void append_time(const struct gw_otlp_span *shown, uint64_t us) {
    gw_buf_append_char(shown->out, '"');
    gw_buf_append_int(shown->out, (shown->trace->wall_us + (int64_t)us) * 1000);
    gw_buf_append_char(shown->out, '"');
}

static void add_log(const struct gw_otlp_span *shown, const struct gw_span *event) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    gw_otlp_add_text(shown->out, "moongate.log.level", gw_str_from(levels[event->level & 3]));
    gw_otlp_add_text(shown->out, "moongate.log.message", gw_otlp_text(shown->trace, event->text));
    gw_otlp_add_text(shown->out, "moongate.log.where", gw_otlp_text(shown->trace, event->text2));
}

static void append_event(const struct gw_otlp_span *shown, const struct gw_span *event) {
    struct gw_buf *out = shown->out;
    bool is_log = event->kind == GW_SPAN_LOG;
    gw_buf_append_str(out, GW_STR("{\"timeUnixNano\":"));
    append_time(shown, event->start_us);
    gw_buf_append_str(out, GW_STR(",\"name\":"));
    gw_buf_append_str(out, is_log ? GW_STR("\"log\"") : GW_STR("\"circuit breaker\""));
    gw_buf_append_str(out, GW_STR(",\"attributes\":["));
    if (is_log)
        add_log(shown, event);
    else
        gw_otlp_add_text(out, "moongate.breaker", gw_otlp_text(shown->trace, event->text));
    gw_buf_append_str(out, GW_STR("]}"));
}

/* Parents come before their children. */
static void add_events(const struct gw_otlp_span *shown) {
    bool has_some = false;
    for (unsigned i = shown->index + 1u; i < shown->trace->n_spans; i++) {
        const struct gw_span *event = &shown->trace->spans[i];
        if (event->parent != shown->index || !gw_otlp_is_event(event))
            continue;
        gw_buf_append_str(shown->out, has_some ? GW_STR(",") : GW_STR(",\"events\":["));
        has_some = true;
        append_event(shown, event);
    }
    if (has_some)
        gw_buf_append_char(shown->out, ']');
}

/* --- The span --- */

static unsigned kind_of(const struct gw_otlp_span *shown) {
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

static void append_root_name(struct gw_buf *name, const struct gw_otlp_span *shown) {
    const struct gw_trace *trace = shown->trace;
    struct gw_str route = gw_otlp_text(trace, trace->route), pattern = gw_otlp_after_word(route);
    if (shown->span->kind == GW_SPAN_REQUEST) {
        gw_otlp_append_method(name, gw_otlp_text(trace, trace->method));
        gw_buf_printf(name, "%s%.*s", pattern.len ? " " : "", GW_STR_ARG(pattern));
    } else {
        gw_buf_printf(name, "%s%.*s", shown->span->kind == GW_SPAN_JOB ? "" : "undo ",
                      GW_STR_ARG(route));
    }
}

/* Of few different ones: never a path, never an id. */
static void append_name(struct gw_buf *name, const struct gw_otlp_span *shown) {
    const struct gw_span *span = shown->span;
    struct gw_str rest;
    if (shown->index == GW_SPAN_ROOT) {
        append_root_name(name, shown);
    } else if (span->kind == GW_SPAN_ATTEMPT) {
        gw_otlp_append_method(name, gw_otlp_target(shown, &rest));
    } else {
        gw_buf_append_str(name, gw_str_from(gw_span_kind_name(span->kind)));
        gw_buf_printf(name, "%s%s", span->name ? " " : "", span->name ? span->name : "");
    }
}

static void add_name(const struct gw_otlp_span *shown) {
    struct gw_buf name = {0};
    append_name(&name, shown);
    gw_buf_append_str(shown->out, GW_STR(",\"name\":"));
    gw_buf_append_json(shown->out, gw_buf_str(&name));
    gw_buf_fini(&name);
}

static void append_id(struct gw_buf *out, uint64_t id) {
    char text[GW_SPAN_ID_SIZE];
    gw_span_id_text(id, text);
    gw_buf_append(out, text, sizeof text - 1);
}

static void add_flags(const struct gw_otlp_span *shown, bool is_remote) {
    const struct gw_trace *trace = shown->trace;
    gw_buf_append_str(shown->out, GW_STR("\",\"flags\":"));
    gw_buf_append_int(shown->out, (trace->is_sampled ? GW_TRACEPARENT_SAMPLED : 0) |
                                      (trace->is_random ? GW_TRACEPARENT_RANDOM : 0) |
                                      HAS_IS_REMOTE | (is_remote ? IS_REMOTE : 0));
}

static void add_ids(const struct gw_otlp_span *shown) {
    const struct gw_trace *trace = shown->trace;
    struct gw_buf *out = shown->out;
    bool is_root = shown->index == GW_SPAN_ROOT;
    uint64_t above = is_root ? trace->parent_span : parent_of(shown)->id;
    gw_buf_append_str(out, GW_STR("{\"traceId\":\""));
    append_id(out, trace->id.high);
    append_id(out, trace->id.low);
    gw_buf_append_str(out, GW_STR("\",\"spanId\":\""));
    append_id(out, shown->span->id);
    if (above) {
        gw_buf_append_str(out, GW_STR("\",\"parentSpanId\":\""));
        append_id(out, above);
    }
    add_flags(shown, is_root && above);
    if (trace->tracestate) {
        gw_buf_append_str(out, GW_STR(",\"traceState\":"));
        gw_buf_append_json(out, gw_otlp_text(trace, trace->tracestate));
    }
}

/* Of a step the text is the kind of its saga; of an undo it is what is sent. */
static void add_step(const struct gw_otlp_span *shown) {
    const struct gw_span *span = shown->span;
    if (span->kind == GW_SPAN_UNDO)
        gw_otlp_add_call(shown);
    else
        gw_otlp_add_text(shown->out, "moongate.saga.kind", gw_otlp_text(shown->trace, span->text));
    gw_otlp_add_text(shown->out, "moongate.saga.id", gw_otlp_text(shown->trace, span->text2));
}

static void add_by_kind(const struct gw_otlp_span *shown) {
    switch (shown->span->kind) {
    case GW_SPAN_ATTEMPT:
        gw_otlp_add_attempt(shown);
        break;
    case GW_SPAN_CALL:
        gw_otlp_add_call(shown);
        break;
    case GW_SPAN_SAGA_STEP:
    case GW_SPAN_UNDO:
        add_step(shown);
        break;
    case GW_SPAN_ENQUEUE:
        gw_otlp_add_text(shown->out, "moongate.job.kind",
                         gw_otlp_text(shown->trace, shown->span->text));
        break;
    default:
        break;
    }
}

static void add_attributes(const struct gw_otlp_span *shown, struct gw_str error) {
    const struct gw_span *span = shown->span;
    gw_buf_append_str(shown->out, GW_STR(",\"attributes\":["));
    if (shown->index == GW_SPAN_ROOT)
        add_root(shown);
    else
        add_by_kind(shown);
    if (span->name)
        gw_otlp_add_text(shown->out, "moongate.backend", gw_str_from(span->name));
    gw_otlp_add_text(shown->out, "error.type", error);
    gw_buf_append_char(shown->out, ']');
}

static void add_times(const struct gw_otlp_span *shown) {
    const struct gw_span *span = shown->span;
    gw_buf_append_str(shown->out, GW_STR(",\"startTimeUnixNano\":"));
    append_time(shown, span->start_us);
    gw_buf_append_str(shown->out, GW_STR(",\"endTimeUnixNano\":"));
    append_time(shown, (uint64_t)span->start_us + span->duration_us);
}

void gw_otlp_append_span(struct gw_buf *out, const struct gw_trace *trace, uint16_t index) {
    struct gw_otlp_span shown = {out, trace, &trace->spans[index], index};
    char text[8];
    struct gw_str error = error_type(&shown, text);
    if (out->len && out->data[out->len - 1] != '[')
        gw_buf_append_char(out, ',');
    add_ids(&shown);
    add_name(&shown);
    gw_buf_append_str(out, GW_STR(",\"kind\":"));
    gw_buf_append_int(out, kind_of(&shown));
    add_times(&shown);
    add_attributes(&shown, error);
    add_events(&shown);
    if (is_error(&shown, error))
        add_status(&shown);
    gw_buf_append_char(out, '}');
}
