#include "admin/requests.h"

#include "base/json_write.h"
#include "engine/backend.h"

static struct gw_str text_of(const struct gw_trace *trace, uint16_t text) {
    return gw_str_from(gw_trace_text(trace, text));
}

const struct gw_span *gw_request_slowest_call(const struct gw_trace *trace) {
    const struct gw_span *slowest = NULL;
    for (unsigned i = 0; i < trace->n_spans; i++) {
        const struct gw_span *span = &trace->spans[i];
        if (span->kind == GW_SPAN_CALL && (!slowest || span->duration_us > slowest->duration_us))
            slowest = span;
    }
    return slowest;
}

/* --- members --- */

static void member_ms(struct gw_buf *out, const char *key, uint64_t us) {
    gw_json_key(out, key);
    gw_buf_append_int(out, (int64_t)(us / 1000));
    gw_buf_append(out,
                  (char[]){'.', (char)('0' + us % 1000 / 100), (char)('0' + us % 100 / 10),
                           (char)('0' + us % 10)},
                  4);
}

static void member_number_or_null(struct gw_buf *out, const char *key, unsigned value) {
    gw_json_key(out, key);
    if (value)
        gw_json_int(out, value);
    else
        gw_json_null(out);
}

static void add_row(const struct gw_recent_entry *entry, struct gw_buf *out) {
    static const char *const kinds[] = {"request", "job", "undo"};
    const struct gw_trace *trace = entry->trace;
    const struct gw_span *slowest = gw_request_slowest_call(trace);
    char id[GW_SPAN_ID_SIZE], trace_id[GW_TRACE_ID_SIZE];
    gw_span_id_text(trace->spans[GW_SPAN_ROOT].id, id);
    gw_trace_id_text(trace->id, trace_id);
    gw_json_member_str(out, "id", gw_str_from(id));
    gw_json_member_str(out, "kind", gw_str_from(kinds[trace->kind]));
    gw_json_member_str(out, "correlation_id", text_of(trace, trace->correlation_id));
    gw_json_member_str(out, "trace_id", gw_str_from(trace_id));
    gw_json_member_time(out, "started_at", trace->wall_us / 1000);
    gw_json_member_str_or_null(out, "method", text_of(trace, trace->method));
    gw_json_member_str(out, "path", text_of(trace, trace->path));
    gw_json_member_str_or_null(out, "route", text_of(trace, trace->route));
    member_number_or_null(out, "status", trace->status);
    member_ms(out, "duration_ms", gw_trace_duration_us(trace));
    member_number_or_null(out, "generation", trace->generation);
    gw_json_member_int(out, "worker", trace->worker);
    gw_json_member_str(out, "kept", gw_str_from(gw_recent_list_names[entry->list]));
    gw_json_member_str_or_null(out, "slowest_call", gw_str_from(slowest ? slowest->name : ""));
}

void gw_request_row_json(const struct gw_recent_entry *entry, struct gw_buf *out) {
    gw_json_open(out, '{');
    add_row(entry, out);
    gw_json_close(out, '}');
}

/* --- spans --- */

struct shown {
    unsigned index;
    int parent; /* -1: none */
    const char *kind;
    struct gw_str name, note;
    uint64_t start_us, duration_us;
    const struct gw_span *span;
};

static void add_span(const struct shown *shown, struct gw_buf *out) {
    const struct gw_span *span = shown->span;
    enum gw_failure failure = (enum gw_failure)span->failure;
    gw_json_open(out, '{');
    gw_json_member_int(out, "index", shown->index);
    gw_json_key(out, "parent");
    if (shown->parent < 0)
        gw_json_null(out);
    else
        gw_json_int(out, shown->parent);
    gw_json_member_str(out, "kind", gw_str_from(shown->kind));
    gw_json_member_str(out, "name", shown->name);
    member_ms(out, "start_ms", shown->start_us);
    member_ms(out, "duration_ms", shown->duration_us);
    if (span->name)
        gw_json_member_str(out, "backend", gw_str_from(span->name));
    if (span->host)
        gw_json_member_str(out, "host", gw_str_from(span->host));
    if (span->status)
        gw_json_member_int(out, "status", span->status);
    if (failure != GW_FAILURE_NONE)
        gw_json_member_str(out, "failure", gw_str_from(gw_failure_name(failure)));
    if (span->kind == GW_SPAN_ATTEMPT)
        gw_json_member_int(out, "attempt", span->count);
    if (shown->note.len)
        gw_json_member_str(out, "note", shown->note);
    gw_json_close(out, '}');
}

/* What an attempt consists of follows it; their numbers are those that no span has. */
static void add_phases(const struct gw_trace *trace, unsigned index, unsigned *next,
                       struct gw_buf *out) {
    const struct gw_span *attempt = &trace->spans[index];
    static const struct gw_span nothing = {0};
    uint64_t at_us = attempt->start_us;
    for (int i = 0; i < GW_SPAN_PHASES; i++) {
        if (!attempt->phases_us[i])
            continue;
        struct shown shown = {
            .index = (*next)++,
            .parent = (int)index,
            .kind = gw_phase_names[i],
            .name = gw_str_from(gw_phase_names[i]),
            .note = GW_STR(""),
            .start_us = at_us,
            .duration_us = attempt->phases_us[i],
            .span = &nothing,
        };
        add_span(&shown, out);
        at_us += attempt->phases_us[i];
    }
}

static void add_spans(const struct gw_trace *trace, struct gw_buf *out) {
    struct gw_buf name = {0}, note = {0};
    unsigned next = trace->n_spans;
    for (unsigned i = 0; i < trace->n_spans; i++) {
        const struct gw_span *span = &trace->spans[i];
        if (span->kind == GW_SPAN_LOG)
            continue;
        gw_span_describe(trace, span, &name, &note);
        struct shown shown = {
            .index = i,
            .parent = span->parent == GW_SPAN_NONE ? -1 : span->parent,
            .kind = gw_span_kind_name((enum gw_span_kind)span->kind),
            .name = gw_buf_str(&name),
            .note = gw_buf_str(&note),
            .start_us = span->start_us,
            .duration_us = span->duration_us,
            .span = span,
        };
        add_span(&shown, out);
        add_phases(trace, i, &next, out);
    }
    gw_buf_fini(&name);
    gw_buf_fini(&note);
}

static void add_log(const struct gw_trace *trace, struct gw_buf *out) {
    for (unsigned i = 0; i < trace->n_spans; i++) {
        const struct gw_span *span = &trace->spans[i];
        if (span->kind != GW_SPAN_LOG)
            continue;
        gw_json_open(out, '{');
        member_ms(out, "at_ms", span->start_us);
        gw_json_member_str(out, "level",
                           gw_str_from(gw_log_level_name((enum gw_log_level)span->level)));
        gw_json_member_str(out, "message", text_of(trace, span->text));
        gw_json_member_str_or_null(out, "where", text_of(trace, span->text2));
        gw_json_close(out, '}');
    }
}

void gw_request_json(const struct gw_recent_entry *entry, struct gw_buf *out) {
    const struct gw_trace *trace = entry->trace;
    gw_json_open(out, '{');
    add_row(entry, out);
    gw_json_member_int(out, "bytes", (int64_t)trace->bytes);
    gw_json_key(out, "spans");
    gw_json_open(out, '[');
    add_spans(trace, out);
    gw_json_close(out, ']');
    gw_json_key(out, "log");
    gw_json_open(out, '[');
    add_log(trace, out);
    gw_json_close(out, ']');
    gw_json_member_int(out, "spans_dropped", trace->spans_dropped);
    gw_json_close(out, '}');
}
