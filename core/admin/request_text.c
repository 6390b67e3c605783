#include "admin/requests.h"

#include "base/clock.h"
#include "engine/backend.h"

#define BAR 32 /* columns of a waterfall */

/* --- what a span says --- */

static const char *text_of(const struct gw_trace *trace, uint16_t text) {
    return gw_trace_text(trace, text);
}

static void append_text(struct gw_buf *buf, const char *text) {
    gw_buf_append_str(buf, gw_str_from(text));
}

static void add_note(struct gw_buf *note, const char *text) {
    if (!*text)
        return;
    if (note->len)
        append_text(note, "; ");
    append_text(note, text);
}

static void describe_root(const struct gw_trace *trace, struct gw_buf *name) {
    bool is_request = trace->kind == GW_TRACE_REQUEST;
    gw_buf_printf(name, "%s %s", text_of(trace, is_request ? trace->method : trace->route),
                  text_of(trace, trace->path));
}

static void describe_attempt(const struct gw_trace *trace, const struct gw_span *span,
                             struct gw_buf *name, struct gw_buf *note) {
    append_text(name, span->host ? span->host : "");
    add_note(note, text_of(trace, span->text));
    add_note(note, span->flags & GW_SPAN_HEDGE ? "hedge" : "");
    add_note(note, span->flags & GW_SPAN_REUSED ? "kept connection" : "");
    add_note(note, span->flags & GW_SPAN_REPEATED ? "sent twice" : "");
}

void gw_span_describe(const struct gw_trace *trace, const struct gw_span *span, struct gw_buf *name,
                      struct gw_buf *note) {
    gw_buf_clear(name);
    gw_buf_clear(note);
    switch ((enum gw_span_kind)span->kind) {
    case GW_SPAN_REQUEST:
    case GW_SPAN_JOB:
        describe_root(trace, name);
        break;
    case GW_SPAN_UNDOING:
        if (span == &trace->spans[GW_SPAN_ROOT])
            describe_root(trace, name);
        else
            append_text(name, gw_span_kind_name(GW_SPAN_UNDOING));
        break;
    case GW_SPAN_CALL:
        append_text(name, text_of(trace, span->text));
        add_note(note, span->flags & GW_SPAN_FALLBACK ? "its fallback was used" : "");
        break;
    case GW_SPAN_ATTEMPT:
        describe_attempt(trace, span, name, note);
        break;
    case GW_SPAN_SAGA_STEP:
        gw_buf_printf(name, "%s step %u", text_of(trace, span->text), span->count);
        add_note(note, text_of(trace, span->text2));
        break;
    case GW_SPAN_BREAKER:
        append_text(name, span->name);
        add_note(note, text_of(trace, span->text));
        break;
    case GW_SPAN_UNDO:
    case GW_SPAN_ENQUEUE:
    case GW_SPAN_LOG:
        append_text(name, text_of(trace, span->text));
        add_note(note, text_of(trace, span->text2));
        break;
    case GW_SPAN_PARSE:
    case GW_SPAN_SCRIPT:
    case GW_SPAN_LINE:
    case GW_SPAN_PAUSE:
    case GW_SPAN_JOURNAL:
    case GW_SPAN_SLEEP:
        append_text(name, gw_span_kind_name((enum gw_span_kind)span->kind));
    }
}

/* --- one line --- */

static void append_status(struct gw_buf *out, const struct gw_trace *trace) {
    if (trace->status)
        gw_buf_printf(out, "%u", trace->status);
    else
        append_text(out, trace->is_failed ? "failed" : "-");
}

static void append_ms(struct gw_buf *out, int width, uint64_t us) {
    gw_buf_printf(out, "%*.1f ms", width, (double)us / 1000);
}

void gw_request_row_text(const struct gw_recent_entry *entry, struct gw_buf *out) {
    const struct gw_trace *trace = entry->trace;
    const struct gw_span *slowest = gw_request_slowest_call(trace);
    char id[GW_SPAN_ID_SIZE], time[GW_CLOCK_TEXT_SIZE];
    struct gw_buf name = {0};
    gw_span_id_text(trace->spans[GW_SPAN_ROOT].id, id);
    gw_clock_text(trace->wall_us / 1000, time);
    describe_root(trace, &name);
    gw_buf_printf(out, "%s  %s  ", id, time);
    append_status(out, trace);
    append_ms(out, 10, gw_trace_duration_us(trace));
    gw_buf_printf(out, "  %-6s  %.*s", gw_recent_list_names[entry->list],
                  GW_STR_ARG(gw_buf_str(&name)));
    if (slowest) {
        gw_buf_printf(out, "  (%s ", slowest->name);
        append_ms(out, 0, slowest->duration_us);
        gw_buf_append_char(out, ')');
    }
    gw_buf_append_char(out, '\n');
    gw_buf_fini(&name);
}

/* --- a waterfall --- */

struct waterfall {
    const struct gw_trace *trace;
    uint64_t whole_us; /* to the end of what ended last */
    struct gw_buf *out;
    struct gw_buf name, note;
};

static uint64_t whole_of(const struct gw_trace *trace) {
    uint64_t whole_us = 1;
    for (unsigned i = 0; i < trace->n_spans; i++) {
        uint64_t end_us = (uint64_t)trace->spans[i].start_us + trace->spans[i].duration_us;
        whole_us = end_us > whole_us ? end_us : whole_us;
    }
    return whole_us;
}

static void append_bar(struct waterfall *w, uint64_t start_us, uint64_t duration_us) {
    unsigned from = (unsigned)(start_us * (BAR - 1) / w->whole_us);
    unsigned to = (unsigned)((start_us + duration_us) * (BAR - 1) / w->whole_us);
    gw_buf_append_char(w->out, '|');
    for (unsigned i = 0; i < BAR; i++)
        gw_buf_append_char(w->out, i < from || i > to ? ' ' : duration_us ? '=' : '.');
    append_text(w->out, "|  ");
}

static void append_line(struct waterfall *w, unsigned depth, uint64_t start_us,
                        uint64_t duration_us) {
    append_ms(w->out, 9, start_us);
    append_ms(w->out, 10, duration_us);
    append_text(w->out, "  ");
    append_bar(w, start_us, duration_us);
    for (unsigned i = 0; i < depth; i++)
        append_text(w->out, "  ");
}

static void append_outcome(struct waterfall *w, const struct gw_span *span) {
    if (span->status)
        gw_buf_printf(w->out, " -> %u", span->status);
    if (span->failure)
        gw_buf_printf(w->out, ", %s", gw_failure_name((enum gw_failure)span->failure));
    if (w->note.len)
        gw_buf_printf(w->out, " (%.*s)", GW_STR_ARG(gw_buf_str(&w->note)));
    gw_buf_append_char(w->out, '\n');
}

static void append_phases(struct waterfall *w, const struct gw_span *span, unsigned depth) {
    uint64_t at_us = span->start_us;
    for (int i = 0; i < GW_SPAN_PHASES; i++) {
        if (!span->phases_us[i])
            continue;
        append_line(w, depth, at_us, span->phases_us[i]);
        gw_buf_printf(w->out, "%s\n", gw_phase_names[i]);
        at_us += span->phases_us[i];
    }
}

static void append_label(struct waterfall *w, const struct gw_span *span) {
    const char *kind = gw_span_kind_name((enum gw_span_kind)span->kind);
    struct gw_str name = gw_buf_str(&w->name);
    if (span->kind == GW_SPAN_LOG)
        kind = gw_log_level_name((enum gw_log_level)span->level);
    append_text(w->out, kind);
    if (span->kind == GW_SPAN_CALL || span->kind == GW_SPAN_UNDO)
        gw_buf_printf(w->out, " %s", span->name ? span->name : "");
    if (span->kind == GW_SPAN_ATTEMPT)
        gw_buf_printf(w->out, " %u", span->count);
    if (name.len && !gw_str_equal(name, gw_str_from(kind)))
        gw_buf_printf(w->out, " %.*s", GW_STR_ARG(name));
}

static void append_span(struct waterfall *w, uint16_t index, unsigned depth) {
    const struct gw_span *span = &w->trace->spans[index];
    gw_span_describe(w->trace, span, &w->name, &w->note);
    append_line(w, depth, span->start_us, span->duration_us);
    append_label(w, span);
    append_outcome(w, span);
    append_phases(w, span, depth + 1);
    for (uint16_t i = index + 1; i < w->trace->n_spans; i++)
        if (w->trace->spans[i].parent == index)
            append_span(w, i, depth + 1);
}

static void append_head(struct gw_buf *out, const struct gw_trace *trace) {
    char id[GW_TRACE_ID_SIZE];
    gw_trace_id_text(trace->id, id);
    gw_buf_printf(out, "correlation id %s\ntrace id       %s\n",
                  text_of(trace, trace->correlation_id), id);
    if (trace->kind == GW_TRACE_REQUEST)
        gw_buf_printf(out, "route          %s\n",
                      trace->route ? text_of(trace, trace->route) : "none");
    gw_buf_printf(out, "generation     %u, worker %u\n\n", trace->generation, trace->worker);
}

void gw_request_text(const struct gw_recent_entry *entry, struct gw_buf *out) {
    struct waterfall w = {.trace = entry->trace, .whole_us = whole_of(entry->trace), .out = out};
    gw_request_row_text(entry, out);
    append_head(out, entry->trace);
    append_span(&w, GW_SPAN_ROOT, 0);
    if (entry->trace->spans_dropped)
        gw_buf_printf(out, "and %u more that were not recorded\n", entry->trace->spans_dropped);
    gw_buf_fini(&w.name);
    gw_buf_fini(&w.note);
}
