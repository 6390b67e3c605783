#include "engine/trace.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"
#include "http/trace_context.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SPANS 16
#define FIRST_TEXT  512
#define KEPT_SPANS  64 /* a spare record's larger array is given back, as is a larger text */
#define KEPT_TEXT   2048
#define MAX_SPARE   64

struct gw_tracer {
    unsigned worker;
    gw_trace_done_fn done;
    void *user;
    bool is_recording;
    struct gw_sampler sampler;
    uint64_t random[4];
    struct gw_trace *spare; /* owned, each with its arrays */
    unsigned n_spare;
};

const char *const gw_phase_names[GW_SPAN_PHASES] = {"dns", "connect", "tls", "wait", "transfer"};

const char *gw_span_kind_name(enum gw_span_kind kind) {
    static const char *const names[] = {
        [GW_SPAN_REQUEST] = "request",     [GW_SPAN_JOB] = "job",
        [GW_SPAN_UNDOING] = "undoing",     [GW_SPAN_PARSE] = "parse",
        [GW_SPAN_SCRIPT] = "script",       [GW_SPAN_CALL] = "call",
        [GW_SPAN_ATTEMPT] = "attempt",     [GW_SPAN_LINE] = "line",
        [GW_SPAN_PAUSE] = "pause",         [GW_SPAN_BREAKER] = "breaker",
        [GW_SPAN_SAGA_STEP] = "saga_step", [GW_SPAN_UNDO] = "undo",
        [GW_SPAN_ENQUEUE] = "enqueue",     [GW_SPAN_JOURNAL] = "journal",
        [GW_SPAN_SLEEP] = "sleep",         [GW_SPAN_LOG] = "log",
    };
    return names[kind];
}

/* --- A worker's records --- */

struct gw_tracer *gw_tracer_new(unsigned worker, gw_trace_done_fn done, void *user) {
    struct gw_tracer *tracer = gw_calloc(1, sizeof *tracer);
    tracer->worker = worker;
    tracer->done = done;
    tracer->user = user;
    tracer->is_recording = true;
    if (getrandom(tracer->random, sizeof tracer->random, 0) != sizeof tracer->random)
        abort(); /* up to 256 bytes never fail */
    return tracer;
}

static void destroy(struct gw_trace *trace) {
    free(trace->spans);
    free(trace->text);
    free(trace);
}

void gw_tracer_free(struct gw_tracer *tracer) {
    if (!tracer)
        return;
    while (tracer->spare) {
        struct gw_trace *trace = tracer->spare;
        tracer->spare = trace->next_spare;
        destroy(trace);
    }
    free(tracer);
}

void gw_tracer_record(struct gw_tracer *tracer, bool spans) {
    tracer->is_recording = spans;
}

void gw_tracer_sample(struct gw_tracer *tracer, const struct gw_sampler *sampler) {
    tracer->sampler = *sampler;
}

static uint64_t rotate(uint64_t x, unsigned bits) {
    return x << bits | x >> (64 - bits);
}

/* xoshiro256** (Blackman, Vigna 2018): a few instructions, and no two workers meet. */
static uint64_t next_random(uint64_t s[4]) {
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t gw_tracer_random(struct gw_tracer *tracer) {
    uint64_t id;
    while (!(id = next_random(tracer->random)))
        ;
    return id;
}

/* --- Texts --- */

/* Whole characters of UTF-8, so that what is cut can still be read. */
static size_t cut(struct gw_str text, size_t max) {
    size_t n = text.len < max ? text.len : max;
    while (n > 0 && n < text.len && ((unsigned char)text.data[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static struct gw_str without_query(struct gw_str path) {
    const char *query = path.len ? memchr(path.data, '?', path.len) : NULL;
    return query ? (struct gw_str){path.data, (size_t)(query - path.data)} : path;
}

static bool make_room(struct gw_trace *trace, size_t n) {
    size_t cap = trace->text_cap;
    if (trace->text_len + n > GW_TRACE_MAX_TEXT)
        return false;
    while (cap < trace->text_len + n)
        cap *= 2;
    if (cap > trace->text_cap)
        trace->text = gw_realloc(trace->text, cap);
    trace->text_cap = cap;
    return true;
}

uint16_t gw_trace_add_text(struct gw_trace *trace, struct gw_str text) {
    if (!trace || text.len == 0)
        return 0;
    size_t n = cut(text, GW_TRACE_MAX_STRING), at = trace->text_len;
    if (!make_room(trace, n + 1))
        return 0;
    memcpy(trace->text + at, text.data, n);
    trace->text[at + n] = '\0';
    trace->text_len += n + 1;
    return (uint16_t)at;
}

const char *gw_trace_text(const struct gw_trace *trace, uint16_t text) {
    return trace->text + text;
}

/* --- A record begins --- */

static struct gw_trace *create(void) {
    struct gw_trace *trace = gw_calloc(1, sizeof *trace);
    trace->span_cap = FIRST_SPANS;
    trace->spans = gw_alloc(FIRST_SPANS * sizeof *trace->spans);
    trace->text_cap = FIRST_TEXT;
    trace->text = gw_alloc(FIRST_TEXT);
    return trace;
}

static struct gw_trace *take_spare(struct gw_tracer *tracer) {
    struct gw_trace *trace = tracer->spare;
    if (!trace)
        return create();
    tracer->spare = trace->next_spare;
    tracer->n_spare--;
    return trace;
}

static void clear(struct gw_trace *trace) {
    *trace = (struct gw_trace){.spans = trace->spans,
                               .span_cap = trace->span_cap,
                               .text = trace->text,
                               .text_cap = trace->text_cap,
                               .text_len = 1};
    trace->text[0] = '\0';
}

static void take_texts(struct gw_trace *trace, const struct gw_trace_start *start) {
    trace->correlation_id = gw_trace_add_text(trace, start->correlation_id);
    trace->method = gw_trace_add_text(trace, start->method);
    trace->path = gw_trace_add_text(trace, without_query(start->path));
    trace->route = gw_trace_add_text(trace, start->route);
}

static void take_ids(struct gw_trace *trace, const struct gw_trace_start *start) {
    const struct gw_traceparent *parent = start->parent;
    struct gw_tracer *tracer = trace->tracer;
    if (parent) {
        trace->id = (struct gw_trace_id){parent->trace_high, parent->trace_low};
        trace->parent_span = parent->span;
        trace->is_random = parent->flags & GW_TRACEPARENT_RANDOM;
        trace->tracestate = gw_trace_add_text(trace, start->tracestate);
    } else {
        trace->id = (struct gw_trace_id){gw_tracer_random(tracer), gw_tracer_random(tracer)};
        trace->is_random = true;
    }
    trace->is_sampled = gw_sampler_decide(&tracer->sampler, trace->id.low, parent);
}

struct gw_trace *gw_trace_begin(struct gw_tracer *tracer, const struct gw_trace_start *start) {
    static const enum gw_span_kind roots[] = {
        [GW_TRACE_REQUEST] = GW_SPAN_REQUEST,
        [GW_TRACE_JOB] = GW_SPAN_JOB,
        [GW_TRACE_UNDO] = GW_SPAN_UNDOING,
    };
    if (!tracer)
        return NULL;
    struct gw_trace *trace = take_spare(tracer);
    clear(trace);
    trace->tracer = tracer;
    trace->holders = 1;
    take_ids(trace, start);
    trace->is_recording = true; /* as far as the root goes */
    trace->kind = (uint8_t)start->kind;
    trace->worker = tracer->worker;
    trace->generation = start->generation;
    trace->started_us = start->started_us;
    take_texts(trace, start);
    gw_span_begin(trace, roots[start->kind], GW_SPAN_NONE, start->started_us);
    trace->is_recording = tracer->is_recording;
    return trace;
}

struct gw_trace *gw_trace_begin_request(struct gw_tracer *tracer, struct gw_trace_start *start,
                                        const struct gw_message *message) {
    struct gw_trace_context context;
    gw_trace_context_read(&context, message);
    start->method = gw_message_method(message);
    start->path = gw_message_path(message);
    start->parent = context.is_given ? &context.parent : NULL;
    start->tracestate = gw_buf_str(&context.state);
    struct gw_trace *trace = gw_trace_begin(tracer, start);
    gw_trace_context_fini(&context);
    return trace;
}

/* --- Spans --- */

static bool make_room_for_span(struct gw_trace *trace) {
    if (trace->n_spans < trace->span_cap)
        return true;
    if (trace->n_spans == GW_TRACE_MAX_SPANS)
        return false;
    trace->span_cap *= 2;
    trace->spans = gw_realloc(trace->spans, trace->span_cap * sizeof *trace->spans);
    return true;
}

static uint32_t since(const struct gw_trace *trace, int64_t now_us) {
    int64_t us = now_us - trace->started_us;
    return us < 0 ? 0 : us < GW_SPAN_OPEN ? (uint32_t)us : GW_SPAN_OPEN - 1;
}

uint16_t gw_span_begin(struct gw_trace *trace, enum gw_span_kind kind, uint16_t parent,
                       int64_t now_us) {
    if (!trace || !trace->is_recording)
        return GW_SPAN_NONE;
    if (!make_room_for_span(trace)) {
        trace->spans_dropped++;
        return GW_SPAN_NONE;
    }
    bool is_root = trace->n_spans == 0;
    trace->spans[trace->n_spans] = (struct gw_span){
        .id = gw_tracer_random(trace->tracer),
        .start_us = since(trace, now_us),
        .duration_us = GW_SPAN_OPEN,
        .parent = parent == GW_SPAN_NONE && !is_root ? GW_SPAN_ROOT : parent,
        .kind = (uint8_t)kind,
    };
    return trace->n_spans++;
}

struct gw_span *gw_trace_span(struct gw_trace *trace, uint16_t span) {
    return trace && span != GW_SPAN_NONE ? &trace->spans[span] : NULL;
}

void gw_span_end(struct gw_trace *trace, uint16_t span, int64_t now_us) {
    struct gw_span *at = gw_trace_span(trace, span);
    if (at && at->duration_us == GW_SPAN_OPEN)
        at->duration_us = since(trace, now_us) - at->start_us;
}

uint16_t gw_span_event(struct gw_trace *trace, enum gw_span_kind kind, uint16_t parent,
                       int64_t now_us) {
    uint16_t span = gw_span_begin(trace, kind, parent, now_us);
    if (span != GW_SPAN_NONE)
        trace->spans[span].duration_us = 0;
    return span;
}

void gw_span_set_text(struct gw_trace *trace, uint16_t span, struct gw_str text) {
    if (gw_trace_span(trace, span))
        trace->spans[span].text = gw_trace_add_text(trace, text);
}

void gw_span_set_target(struct gw_trace *trace, uint16_t span, const char *method,
                        struct gw_str path) {
    size_t method_len = strlen(method), at = trace->text_len;
    path = without_query(path);
    path.len = cut(path, GW_TRACE_MAX_STRING);
    if (span == GW_SPAN_NONE || !make_room(trace, method_len + path.len + 2))
        return;
    memcpy(trace->text + at, method, method_len);
    trace->text[at + method_len] = ' ';
    memcpy(trace->text + at + method_len + 1, path.data, path.len);
    trace->text[at + method_len + 1 + path.len] = '\0';
    trace->text_len += method_len + path.len + 2;
    trace->spans[span].text = (uint16_t)at;
}

void gw_trace_log(struct gw_trace *trace, enum gw_log_level level, struct gw_str message,
                  struct gw_str where) {
    if (!trace || trace->n_logged == GW_TRACE_MAX_LOGGED)
        return;
    uint16_t span = gw_span_event(trace, GW_SPAN_LOG, GW_SPAN_ROOT, gw_clock_us());
    if (span == GW_SPAN_NONE)
        return;
    struct gw_buf text = {0};
    gw_secret_append(&text, message);
    trace->n_logged++;
    trace->spans[span].level = (uint8_t)level;
    gw_span_set_text(trace, span, gw_buf_str(&text));
    trace->spans[span].text2 = gw_trace_add_text(trace, where);
    gw_buf_fini(&text);
}

struct gw_traceparent gw_trace_parent(struct gw_trace *trace, uint16_t span) {
    const struct gw_span *at = gw_trace_span(trace, span);
    return (struct gw_traceparent){
        .trace_high = trace->id.high,
        .trace_low = trace->id.low,
        .span = at ? at->id : gw_tracer_random(trace->tracer),
        .flags = (uint8_t)((trace->is_sampled ? GW_TRACEPARENT_SAMPLED : 0) |
                           (trace->is_random ? GW_TRACEPARENT_RANDOM : 0)),
    };
}

/* --- Its end --- */

void gw_trace_answered(struct gw_trace *trace, unsigned status, uint64_t bytes, int64_t now_us) {
    if (!trace || trace->spans[GW_SPAN_ROOT].duration_us != GW_SPAN_OPEN)
        return;
    trace->status = trace->spans[GW_SPAN_ROOT].status = (uint16_t)status;
    trace->bytes = bytes;
    trace->is_failed = status >= 499;
    gw_span_end(trace, GW_SPAN_ROOT, now_us);
}

void gw_trace_hold(struct gw_trace *trace) {
    if (trace)
        trace->holders++;
}

static void end_open_ones(struct gw_trace *trace, int64_t now_us) {
    for (uint16_t i = 0; i < trace->n_spans; i++)
        gw_span_end(trace, i, now_us);
}

/* What is read lies behind the struct: spans, then texts. */
static struct gw_trace *pack(const struct gw_trace *trace) {
    size_t spans = trace->n_spans * sizeof *trace->spans;
    size_t size = sizeof *trace + spans + trace->text_len;
    struct gw_trace *packed = gw_alloc(size);
    memcpy(packed, trace, sizeof *trace);
    packed->spans = (struct gw_span *)(packed + 1);
    packed->text = (char *)(packed->spans + trace->n_spans);
    memcpy(packed->spans, trace->spans, spans);
    memcpy(packed->text, trace->text, trace->text_len);
    packed->tracer = NULL;
    packed->span_cap = packed->text_cap = 0;
    packed->size = size;
    atomic_init(&packed->n_readers, 1);
    return packed;
}

static void recycle(struct gw_trace *trace) {
    struct gw_tracer *tracer = trace->tracer;
    if (tracer->n_spare == MAX_SPARE || trace->span_cap > KEPT_SPANS ||
        trace->text_cap > KEPT_TEXT) {
        destroy(trace);
        return;
    }
    trace->next_spare = tracer->spare;
    tracer->spare = trace;
    tracer->n_spare++;
}

void gw_trace_let_go(struct gw_trace *trace) {
    if (!trace || --trace->holders > 0)
        return;
    struct gw_tracer *tracer = trace->tracer;
    int64_t now_us = gw_clock_us();
    trace->wall_us = gw_clock_wall_us() - (now_us - trace->started_us);
    end_open_ones(trace, now_us);
    struct gw_trace *packed = pack(trace);
    recycle(trace);
    tracer->done(tracer->user, packed);
    gw_trace_unref(packed);
}

void gw_trace_ref(struct gw_trace *trace) {
    atomic_fetch_add_explicit(&trace->n_readers, 1, memory_order_relaxed);
}

void gw_trace_unref(struct gw_trace *trace) {
    if (trace && atomic_fetch_sub_explicit(&trace->n_readers, 1, memory_order_acq_rel) == 1)
        free(trace);
}

uint32_t gw_trace_duration_us(const struct gw_trace *trace) {
    return trace->spans[GW_SPAN_ROOT].duration_us;
}

/* --- Ids as text --- */

static void append_hex(uint64_t value, char out[16]) {
    for (int i = 0; i < 16; i++)
        out[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
}

void gw_trace_id_text(struct gw_trace_id id, char out[GW_TRACE_ID_SIZE]) {
    append_hex(id.high, out);
    append_hex(id.low, out + 16);
    out[32] = '\0';
}

void gw_span_id_text(uint64_t id, char out[GW_SPAN_ID_SIZE]) {
    append_hex(id, out);
    out[16] = '\0';
}
