/* GET /admin/events: what goes on, as server-sent events, for the dashboard. First `past`, the
 * seconds that are remembered, as columns; then once a second `live`. */
#include "admin/admin_internal.h"
#include "admin/pulse.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#define MAX_STREAMS 32
#define RETRY_MS    1000

/* In an event: of a thousand nobody looks at the others, and all of it must fit into
 * GW_STREAM_MAX_WAITING. */
#define MAX_ROUTES   60
#define MAX_BACKENDS 40

struct stream {
    struct gw_admin_pending pending;
    struct gw_admin_events *events;
    TAILQ_ENTRY(stream) link;
};

TAILQ_HEAD(stream_list, stream);

struct gw_admin_events {
    struct gw_admin *admin;
    struct gw_pulse *pulse;     /* owned */
    struct event *tick;         /* owned */
    struct stream_list streams; /* owned, each by its exchange */
    unsigned n_streams;
};

/* --- Measures --- */

/* What there is of each second, but for the rate, whose name differs. */
static const struct {
    const char *name;
    size_t at; /* in a struct gw_beat */
} measures[] = {
    {"errors_per_s", offsetof(struct gw_beat, errors_per_s)},
    {"p50_ms", offsetof(struct gw_beat, p50_ms)},
    {"p90_ms", offsetof(struct gw_beat, p90_ms)},
    {"p99_ms", offsetof(struct gw_beat, p99_ms)},
};

#define N_MEASURES (sizeof measures / sizeof measures[0])

static double measure(const struct gw_pulse_series *series, size_t at, unsigned ago) {
    struct gw_beat beat = gw_pulse_beat(series, ago);
    float value;
    memcpy(&value, (const char *)&beat + at, sizeof value);
    return value;
}

/* --- The past, as columns, the oldest first --- */

static void append_column(struct gw_buf *out, const char *key, const struct gw_pulse *pulse,
                          const struct gw_pulse_series *series, size_t at) {
    gw_json_key(out, key);
    gw_json_open(out, '[');
    for (unsigned ago = gw_pulse_length(pulse); ago-- > 0;)
        gw_json_number(out, measure(series, at, ago));
    gw_json_close(out, ']');
}

static void append_columns(struct gw_buf *out, const char *rate, const struct gw_pulse *pulse,
                           const struct gw_pulse_series *series) {
    append_column(out, rate, pulse, series, offsetof(struct gw_beat, per_s));
    for (size_t i = 0; i < N_MEASURES; i++)
        append_column(out, measures[i].name, pulse, series, measures[i].at);
}

static void append_times(struct gw_buf *out, const struct gw_pulse *pulse) {
    gw_json_key(out, "times");
    gw_json_open(out, '[');
    for (unsigned ago = gw_pulse_length(pulse); ago-- > 0;)
        gw_json_int(out, gw_pulse_wall_ms(pulse, ago) / 1000);
    gw_json_close(out, ']');
}

static void append_in_flight(struct gw_buf *out, const struct gw_pulse *pulse) {
    gw_json_key(out, "in_flight");
    gw_json_open(out, '[');
    for (unsigned ago = gw_pulse_length(pulse); ago-- > 0;)
        gw_json_int(out, gw_pulse_in_flight(pulse, ago));
    gw_json_close(out, ']');
}

static void append_named(struct gw_buf *out, const char *key, struct gw_str name,
                         const struct gw_pulse *pulse, const struct gw_pulse_series *series) {
    gw_json_open(out, '{');
    gw_json_member_str(out, key, name);
    append_columns(out, "per_s", pulse, series);
    gw_json_close(out, '}');
}

static void append_past_routes(struct gw_buf *out, const struct gw_pulse *pulse) {
    const struct gw_pulse_series *routes[MAX_ROUTES];
    unsigned n = gw_pulse_routes(pulse, routes, MAX_ROUTES);
    gw_json_key(out, "routes");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n; i++)
        append_named(out, "route", gw_pulse_name(routes[i]), pulse, routes[i]);
    gw_json_close(out, ']');
}

static void append_past_backends(struct gw_buf *out, const struct gw_admin_events *events) {
    unsigned n;
    struct gw_backend **all = gw_admin_sorted_backends(events->admin, &n);
    gw_json_key(out, "backends");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n && i < MAX_BACKENDS; i++) {
        struct gw_str name = gw_str_from(gw_backend_name(all[i]));
        const struct gw_pulse_series *series = gw_pulse_backend(events->pulse, name);
        if (series)
            append_named(out, "name", name, events->pulse, series);
    }
    gw_json_close(out, ']');
    free(all);
}

static void append_past(struct gw_buf *out, const struct gw_admin_events *events) {
    const struct gw_pulse *pulse = events->pulse;
    gw_json_open(out, '{');
    append_times(out, pulse);
    append_columns(out, "requests_per_s", pulse, gw_pulse_total(pulse));
    append_in_flight(out, pulse);
    append_past_routes(out, pulse);
    append_past_backends(out, events);
    gw_json_close(out, '}');
}

/* --- The last second --- */

static void append_beat(struct gw_buf *out, const char *rate,
                        const struct gw_pulse_series *series) {
    gw_json_member_number(out, rate, gw_pulse_beat(series, 0).per_s);
    for (size_t i = 0; i < N_MEASURES; i++)
        gw_json_member_number(out, measures[i].name, measure(series, measures[i].at, 0));
}

static void append_failing(struct gw_buf *out, const struct gw_pulse_series *series) {
    gw_json_member_time_or_null(out, "failing_since", gw_pulse_spell(series)->failing_since_ms);
}

static void append_now(struct gw_buf *out, const struct gw_pulse_series *series) {
    const struct gw_spell *spell = gw_pulse_spell(series);
    gw_json_open(out, '{');
    append_beat(out, "per_s", series);
    append_failing(out, series);
    gw_json_member_time_or_null(out, "slow_since", spell->slow_since_ms);
    gw_json_member_number(out, "usual_ms", spell->slow_since_ms ? spell->usual_ms : NAN);
    gw_json_close(out, '}');
}

static void append_routes(struct gw_buf *out, const struct gw_pulse *pulse) {
    const struct gw_pulse_series *routes[MAX_ROUTES];
    unsigned n = gw_pulse_routes(pulse, routes, MAX_ROUTES);
    gw_json_key(out, "routes");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n; i++) {
        gw_json_open(out, '{');
        gw_json_member_str(out, "route", gw_pulse_name(routes[i]));
        append_beat(out, "per_s", routes[i]);
        gw_json_close(out, '}');
    }
    gw_json_close(out, ']');
}

/* What /admin/backends says is since the start; `now` is of the last seconds. */
static void append_backends(struct gw_buf *out, const struct gw_admin_events *events) {
    unsigned n;
    struct gw_backend **all = gw_admin_sorted_backends(events->admin, &n);
    gw_json_key(out, "backends");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n; i++) {
        gw_json_open(out, '{');
        gw_admin_append_backend(out, all[i]);
        gw_json_key(out, "now");
        append_now(out, gw_pulse_backend(events->pulse, gw_str_from(gw_backend_name(all[i]))));
        gw_json_close(out, '}');
    }
    gw_json_close(out, ']');
    free(all);
}

static int64_t gauge(enum gw_core_family family, struct gw_metric metric) {
    return (int64_t)gw_metric_value(gw_core_family(family), metric);
}

static void append_work(struct gw_buf *out, const struct gw_admin *admin) {
    struct gw_job_counts jobs = gw_jobs_count(admin->parts.jobs);
    gw_json_key(out, "sagas");
    gw_json_open(out, '{');
    gw_json_member_int(out, "open", gauge(GW_CORE_SAGAS_OPEN, gw_count.sagas_open));
    gw_json_member_int(out, "parked", gauge(GW_CORE_SAGAS_PARKED, gw_count.sagas_parked));
    gw_json_close(out, '}');
    gw_json_key(out, "jobs");
    gw_json_open(out, '{');
    gw_json_member_int(out, "running", jobs.running);
    gw_json_member_int(out, "waiting", jobs.waiting);
    gw_json_close(out, '}');
}

static void append_live(struct gw_buf *out, const struct gw_admin_events *events) {
    const struct gw_admin *admin = events->admin;
    const struct gw_pulse *pulse = events->pulse;
    gw_json_open(out, '{');
    gw_json_member_time(out, "time", gw_pulse_wall_ms(pulse, 0));
    append_beat(out, "requests_per_s", gw_pulse_total(pulse));
    append_failing(out, gw_pulse_total(pulse));
    gw_json_member_int(out, "in_flight", gw_pulse_in_flight(pulse, 0));
    gw_json_member_int(out, "connections", atomic_load(admin->parts.metrics.n_connections));
    append_routes(out, pulse);
    gw_json_member_int(out, "routes_in_all", gw_pulse_busy_routes(pulse));
    append_backends(out, events);
    gw_json_member_int(out, "generation", admin->parts.generations->live->number);
    gw_admin_append_failure(out, admin->parts.generations);
    append_work(out, admin);
    gw_json_close(out, '}');
}

/* --- Streams --- */

/* JSON as it is written here has no line feed, so it is one line of data. */
static void append_event(struct gw_buf *out, const char *name,
                         void (*append)(struct gw_buf *out, const struct gw_admin_events *events),
                         const struct gw_admin_events *events) {
    struct gw_buf data = {0};
    append(&data, events);
    gw_buf_printf(out, "event: %s\ndata: ", name);
    gw_buf_append_str(out, gw_buf_str(&data));
    gw_buf_append_str(out, GW_STR("\n\n"));
    gw_buf_fini(&data);
}

static void forget(struct stream *stream) {
    TAILQ_REMOVE(&stream->events->streams, stream, link);
    stream->events->n_streams--;
    free(stream);
}

static void on_abort(struct gw_admin_pending *pending) {
    forget((struct stream *)pending);
}

static void send_to_all(struct gw_admin_events *events, struct gw_str text) {
    struct stream *stream = TAILQ_FIRST(&events->streams);
    while (stream) {
        struct stream *next = TAILQ_NEXT(stream, link);
        if (!gw_exchange_stream_send(stream->pending.exchange, text))
            forget(stream);
        stream = next;
    }
}

static void take_pulse(struct gw_admin_events *events) {
    int64_t in_flight = atomic_load(events->admin->parts.metrics.in_flight);
    gw_pulse_take(events->pulse, gw_clock_ms(), gw_clock_wall_ms(), (unsigned)in_flight);
}

static void on_tick(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_admin_events *events = user;
    struct gw_buf out = {0};
    take_pulse(events);
    if (events->n_streams > 0) {
        append_event(&out, "live", append_live, events);
        send_to_all(events, gw_buf_str(&out));
    }
    gw_buf_fini(&out);
}

static void begin(struct gw_admin_events *events, struct gw_exchange *exchange) {
    struct gw_reply reply = {.status = 200};
    struct stream *stream = gw_calloc(1, sizeof *stream);
    stream->events = events;
    TAILQ_INSERT_TAIL(&events->streams, stream, link);
    events->n_streams++;
    gw_admin_await(&stream->pending, exchange, on_abort);
    gw_buf_append_str(&reply.fields, GW_STR("Content-Type: text/event-stream\r\n"
                                            "Cache-Control: no-store\r\n"));
    gw_exchange_stream_begin(exchange, &reply);
    struct gw_buf out = {0};
    gw_buf_printf(&out, "retry: %d\n\n", RETRY_MS);
    append_event(&out, "past", append_past, events);
    append_event(&out, "live", append_live, events);
    if (!gw_exchange_stream_send(exchange, gw_buf_str(&out)))
        forget(stream);
    gw_buf_fini(&out);
}

void gw_admin_events(const struct gw_admin_question *question) {
    struct gw_admin_events *events = question->admin->events;
    struct gw_str method = gw_message_method(gw_exchange_message(question->exchange));
    if (gw_str_equal(method, GW_STR("HEAD")))
        gw_admin_refuse(question->exchange, 405, "an event stream is for GET");
    else if (events->n_streams == MAX_STREAMS)
        gw_admin_refuse(question->exchange, 503, "there are too many event streams");
    else
        begin(events, question->exchange);
}

/* --- Life --- */

struct gw_admin_events *gw_admin_events_new(struct gw_admin *admin, struct event_base *base) {
    struct gw_admin_events *events = gw_calloc(1, sizeof *events);
    struct timeval second = {1, 0};
    events->admin = admin;
    events->pulse = gw_pulse_new();
    TAILQ_INIT(&events->streams);
    events->tick = event_new(base, -1, EV_PERSIST, on_tick, events);
    event_add(events->tick, &second);
    take_pulse(events);
    return events;
}

void gw_admin_events_end(struct gw_admin_events *events) {
    struct stream *stream;
    event_del(events->tick);
    while ((stream = TAILQ_FIRST(&events->streams))) {
        struct gw_exchange *exchange = gw_admin_settle(&stream->pending);
        forget(stream);
        gw_exchange_stream_end(exchange);
    }
}

void gw_admin_events_free(struct gw_admin_events *events) {
    gw_pulse_free(events->pulse);
    event_free(events->tick);
    free(events);
}
