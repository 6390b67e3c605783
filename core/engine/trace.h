/* The record of one request: what happened to it, and when. A background job has one too, and so
 * has the undoing of a saga that goes on without its request; they share the correlation id.
 *
 * A record is written by its worker's thread only. It begins with its root span; whoever works for
 * it adds spans, by index, each below another. It is finished when the last of those who hold it
 * lets go: of a request its flow and, while it is being undone, a saga that it left behind. Then it
 * is moved into one block of memory of just its size, which nobody changes any more, and given to
 * the tracer's `done`. Who wants to keep that counts himself among its readers, from any thread.
 *
 * A span is 72 bytes in an array that is kept for later records; texts go into one buffer beside
 * it. Both are bounded: what does not fit is counted in `spans_dropped`, a long text is cut. Names
 * of backends and urls of hosts are not copied, since they live as long as the process.
 *
 * Nothing of a query, a header field or a body is kept: secrets come that way.
 *
 * Where there is no record, a function that is given NULL does nothing; where there is no span,
 * GW_SPAN_NONE stands for it, in each function. */
#ifndef GW_ENGINE_TRACE_H
#define GW_ENGINE_TRACE_H

#include "base/log.h"
#include "http/message.h"
#include "policy/sampler.h"

#include <stdatomic.h>

#define GW_TRACE_MAX_SPANS  256
#define GW_TRACE_MAX_TEXT   8192 /* bytes, all texts of a record together */
#define GW_TRACE_MAX_STRING 512  /* bytes of one */
#define GW_TRACE_MAX_LOGGED 16   /* lines of the log */

#define GW_SPAN_ROOT 0
#define GW_SPAN_NONE UINT16_MAX
#define GW_SPAN_OPEN UINT32_MAX /* the duration of what has not ended */

enum gw_trace_kind { GW_TRACE_REQUEST, GW_TRACE_JOB, GW_TRACE_UNDO };

enum gw_span_kind {
    GW_SPAN_REQUEST,   /* the root, of a request: from its first byte to its answer */
    GW_SPAN_JOB,       /* the root, of a job's attempt */
    GW_SPAN_UNDOING,   /* the root, of a saga that is undone by itself; or a script waited for it */
    GW_SPAN_PARSE,     /* from the first byte of the request to the last */
    GW_SPAN_SCRIPT,    /* a stretch in Lua, between two waits */
    GW_SPAN_CALL,      /* to a backend: `name`; `count`: its attempts */
    GW_SPAN_ATTEMPT,   /* of a call, to `host`; `count`: which, from 1; with phases */
    GW_SPAN_LINE,      /* of a call: it waited for a place among its backend's, or a connection */
    GW_SPAN_PAUSE,     /* of a call: before the next attempt */
    GW_SPAN_BREAKER,   /* an event: not sent, since it is open; or what an attempt changed */
    GW_SPAN_SAGA_STEP, /* `text`: the saga; its call is below it */
    GW_SPAN_UNDO,      /* likewise; `count`: which try of the round */
    GW_SPAN_ENQUEUE,   /* `text`: the kind of the job */
    GW_SPAN_JOURNAL,   /* a script waited for the disk */
    GW_SPAN_SLEEP,
    GW_SPAN_LOG, /* an event: `level`, `text`, and `text2` says where */
};
const char *gw_span_kind_name(enum gw_span_kind kind); /* "request", "saga_step", ... */

/* Of an attempt, one after the other. What did not happen took no time. */
enum gw_phase_kind {
    GW_SPAN_DNS,
    GW_SPAN_CONNECT,
    GW_SPAN_TLS,
    GW_SPAN_WAIT,     /* from the request's first byte to the response's */
    GW_SPAN_TRANSFER, /* to its last */
    GW_SPAN_PHASES,
};
extern const char *const gw_phase_names[GW_SPAN_PHASES];

enum gw_span_flag {
    GW_SPAN_HEDGE = 1,    /* an attempt beside one that is still in flight */
    GW_SPAN_FALLBACK = 2, /* a call: it failed, and the script had something in its place */
    GW_SPAN_REUSED = 4,   /* an attempt on a connection that was there */
    GW_SPAN_REPEATED = 8, /* an attempt that was sent twice, as its connection ended under it */
};

struct gw_span {
    uint64_t id;          /* random, never 0 */
    uint32_t start_us;    /* since the record's `started_us` */
    uint32_t duration_us; /* GW_SPAN_OPEN until it ends; of an event 0 */
    const char *name;     /* the backend's, or NULL; lives as long as the process */
    const char *host;     /* url of an attempt's; likewise */
    uint32_t phases_us[GW_SPAN_PHASES];
    uint16_t text, text2; /* see gw_trace_text() */
    uint16_t parent;      /* index; of the root GW_SPAN_NONE */
    uint16_t status;      /* of HTTP; 0: none */
    uint16_t count;
    uint8_t kind;    /* enum gw_span_kind */
    uint8_t failure; /* enum gw_failure; 0: none */
    uint8_t level;   /* enum gw_log_level, of what was logged */
    uint8_t flags;   /* enum gw_span_flag */
};

struct gw_trace_id {
    uint64_t high, low; /* not both 0 */
};

struct gw_tracer;

/* For others to read; spans are written by the functions below and by whoever began one. */
struct gw_trace {
    struct gw_tracer *tracer; /* while it is written; then NULL */
    struct gw_trace *next_spare;
    atomic_uint n_readers; /* once it is finished */
    unsigned holders;      /* until then */
    struct gw_trace_id id;
    uint64_t parent_span; /* the caller's; 0: it has sent none */
    uint16_t tracestate;  /* text, likewise; it is passed on with the trace's id */
    bool is_sampled;      /* it is to be exported */
    bool is_random;       /* its id is, as far as is known; see GW_TRACEPARENT_RANDOM */
    bool is_recording;    /* spans are wanted; if not, the root is all there is */
    bool is_failed;       /* the answer is a 5xx or 499; the job failed; undos are left to do */
    uint8_t kind;         /* enum gw_trace_kind */
    uint16_t status;      /* of the answer; 499: the client had gone; 0: none was given */
    unsigned worker, generation;
    uint64_t bytes;     /* of the answer's body */
    int64_t started_us; /* monotonic */
    int64_t wall_us;    /* the same moment, since 1970-01-01 UTC */
    /* Texts, see gw_trace_text(). Of a job the route is "job " and its kind, of an undo "saga " and
     * the saga's, and the path is the id of either. */
    uint16_t correlation_id, method, path, route;
    uint16_t n_spans, n_logged;
    unsigned spans_dropped;
    unsigned n_calls;      /* of those that have ended, also where their span was dropped */
    struct gw_span *spans; /* the first is the root; parents come before their children */
    char *text;            /* with a NUL behind each, the first one empty */
    size_t text_len;
    size_t span_cap, text_cap;
    size_t size; /* of a finished one in memory, bytes */
};

/* --- A worker's records --- */

/* On the worker's thread: the record is finished, and has no reader when this returns unless
 * gw_trace_ref() is called. */
typedef void (*gw_trace_done_fn)(void *user, struct gw_trace *trace);

/* Freed when all records are finished; those that have readers live on. */
struct gw_tracer *gw_tracer_new(unsigned worker, gw_trace_done_fn done, void *user);
void gw_tracer_free(struct gw_tracer *tracer);

/* What records of this worker hold from now on: spans, or only their root. */
void gw_tracer_record(struct gw_tracer *tracer, bool spans);

/* Which records are sampled from now on; all at first. */
void gw_tracer_sample(struct gw_tracer *tracer, const struct gw_sampler *sampler);

uint64_t gw_tracer_random(struct gw_tracer *tracer); /* never 0; for ids, not for secrets */

/* --- A record that is being written --- */

struct gw_trace_start {
    enum gw_trace_kind kind;
    unsigned generation;
    int64_t started_us; /* monotonic */
    struct gw_str correlation_id, method, path, route;
    const struct gw_traceparent *parent; /* of a trace that goes on here; NULL: it begins */
    struct gw_str tracestate;            /* with `parent` only; at most GW_TRACE_MAX_STRING */
};

/* Held once, with new ids, but for that of a trace that goes on. `path` is cut at its query. NULL
 * where there is no tracer. */
struct gw_trace *gw_trace_begin(struct gw_tracer *tracer, const struct gw_trace_start *start);

/* The same of a request, whose head says its method, its path and the trace that it belongs to. */
struct gw_trace *gw_trace_begin_request(struct gw_tracer *tracer, struct gw_trace_start *start,
                                        const struct gw_message *message);
void gw_trace_hold(struct gw_trace *trace);
void gw_trace_let_go(struct gw_trace *trace); /* the last one finishes it */

/* Ends the root, once: later ones are ignored. */
void gw_trace_answered(struct gw_trace *trace, unsigned status, uint64_t bytes, int64_t now_us);

/* Below `parent`, from `now_us` on (monotonic). GW_SPAN_NONE if there is no room for it. */
uint16_t gw_span_begin(struct gw_trace *trace, enum gw_span_kind kind, uint16_t parent,
                       int64_t now_us);
void gw_span_end(struct gw_trace *trace, uint16_t span, int64_t now_us);
uint16_t gw_span_event(struct gw_trace *trace, enum gw_span_kind kind, uint16_t parent,
                       int64_t now_us);

/* NULL for GW_SPAN_NONE. Valid until the next one begins. */
struct gw_span *gw_trace_span(struct gw_trace *trace, uint16_t span);

/* Makes `text` the span's, or what was added the record's: 0 if there is no room, which reads "".
 */
void gw_span_set_text(struct gw_trace *trace, uint16_t span, struct gw_str text);
void gw_span_set_target(struct gw_trace *trace, uint16_t span, const char *method,
                        struct gw_str path); /* "GET /things/1", without the query */
uint16_t gw_trace_add_text(struct gw_trace *trace, struct gw_str text);

/* Without the secrets that the message may have. */
void gw_trace_log(struct gw_trace *trace, enum gw_log_level level, struct gw_str message,
                  struct gw_str where);

/* What is sent with a request that is made in this span: its id, or one that nobody knows where the
 * span was dropped. */
struct gw_traceparent gw_trace_parent(struct gw_trace *trace, uint16_t span);

/* --- What can be read, also of a finished one from any thread --- */

const char *gw_trace_text(const struct gw_trace *trace, uint16_t text);
uint32_t gw_trace_duration_us(const struct gw_trace *trace); /* of the root */

void gw_trace_ref(struct gw_trace *trace);
void gw_trace_unref(struct gw_trace *trace); /* frees it with the last reader */

/* Hexadecimal, as W3C's Trace Context and OTLP want them, with a NUL. */
#define GW_TRACE_ID_SIZE 33
#define GW_SPAN_ID_SIZE  17
void gw_trace_id_text(struct gw_trace_id id, char out[GW_TRACE_ID_SIZE]);
void gw_span_id_text(uint64_t id, char out[GW_SPAN_ID_SIZE]);

#endif
