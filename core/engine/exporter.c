#include "engine/exporter.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "engine/otlp.h"
#include "http/client.h"
#include "http/timer.h"
#include "policy/metric_core.h"
#include "policy/retry.h"

#include <event2/event_struct.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define CONNECT_MS  5000
#define MAX_ANSWER  (64 * 1024)
#define MAX_FIELDS  64
#define COMPLAIN_MS 60000         /* between two lines about what is dropped */
#define KEPT_BATCH  (1024 * 1024) /* bytes of its text's memory that are kept for the next one */

/* Attempts are bounded by the batch's time, not by their number. */
static const struct gw_retry_options RETRIES = {
    .attempts = 1000,
    .base_ms = 1000,
    .cap_ms = 5000,
    .n_statuses = 4,
    .statuses = {429, 502, 503, 504},
};

struct gw_exporter {
    struct gw_exporter_options options; /* owned */
    pthread_t thread;
    int wake_fd; /* eventfd: there is something to do */
    _Atomic uint64_t exported, dropped;
    atomic_bool is_ending;

    pthread_mutex_t mutex;  /* guards the queue */
    struct gw_trace **ring; /* owned; each with this reader */
    unsigned cap, first, n;
    unsigned n_spans; /* of all that wait */

    /* The thread's own. */
    struct event_base *base;
    struct gw_client *client;
    struct gw_call *call; /* a batch is on its way */
    struct event woken;
    struct event timer;  /* until a batch is sent; in one: until it is sent again, or given up */
    struct gw_buf batch; /* as it is sent */
    unsigned batch_spans, attempts;
    int64_t until_ms; /* of the batch; 0: none is under way */
    int64_t end_ms;   /* of all; 0: it is not ending */
    bool is_failing;
    uint64_t told_dropped; /* as the log has it */
    int64_t complain_ms;
};

static void count_exported(struct gw_exporter *exporter, unsigned spans) {
    atomic_fetch_add(&exporter->exported, spans);
    gw_metric_add(gw_count.spans_exported, spans);
}

static void count_dropped(struct gw_exporter *exporter, unsigned spans) {
    atomic_fetch_add(&exporter->dropped, spans);
    gw_metric_add(gw_count.spans_dropped, spans);
}

/* --- The queue --- */

static void wake(struct gw_exporter *exporter) {
    eventfd_write(exporter->wake_fd, 1);
}

/* True where the thread has to know: there was nothing before, or now it is a batch. */
static bool push(struct gw_exporter *exporter, struct gw_trace *trace) {
    unsigned before = exporter->n_spans, batch = exporter->options.batch_size;
    exporter->ring[(exporter->first + exporter->n++) % exporter->cap] = trace;
    exporter->n_spans += trace->n_spans;
    return before == 0 || (before < batch && exporter->n_spans >= batch);
}

/* One alone has always room, though it may be more than the limit. */
static bool has_room(const struct gw_exporter *exporter, const struct gw_trace *trace) {
    return exporter->n == 0 || (exporter->n < exporter->cap &&
                                exporter->n_spans + trace->n_spans <= exporter->options.queue_size);
}

void gw_exporter_take(struct gw_exporter *exporter, struct gw_trace *trace) {
    bool tell = false;
    if (!exporter)
        return;
    pthread_mutex_lock(&exporter->mutex);
    bool fits = has_room(exporter, trace);
    if (fits) {
        gw_trace_ref(trace);
        tell = push(exporter, trace);
    }
    pthread_mutex_unlock(&exporter->mutex);
    if (!fits)
        count_dropped(exporter, trace->n_spans);
    if (tell)
        wake(exporter);
}

static struct gw_trace *pop(struct gw_exporter *exporter) {
    struct gw_trace *trace = NULL;
    pthread_mutex_lock(&exporter->mutex);
    if (exporter->n > 0) {
        trace = exporter->ring[exporter->first];
        exporter->first = (exporter->first + 1) % exporter->cap;
        exporter->n--;
        exporter->n_spans -= trace->n_spans;
    }
    pthread_mutex_unlock(&exporter->mutex);
    return trace;
}

static unsigned spans_waiting(struct gw_exporter *exporter) {
    pthread_mutex_lock(&exporter->mutex);
    unsigned n = exporter->n_spans;
    pthread_mutex_unlock(&exporter->mutex);
    return n;
}

static void drop_all(struct gw_exporter *exporter) {
    for (struct gw_trace *trace; (trace = pop(exporter)); gw_trace_unref(trace))
        count_dropped(exporter, trace->n_spans);
}

/* --- What is told --- */

static void complain(struct gw_exporter *exporter, struct gw_str why, unsigned status) {
    uint64_t dropped = atomic_load(&exporter->dropped);
    int64_t now_ms = gw_clock_ms();
    bool is_soon = now_ms < exporter->complain_ms && !exporter->end_ms;
    if (dropped == exporter->told_dropped || is_soon || !gw_log_enabled(GW_LOG_WARN))
        return;
    exporter->complain_ms = now_ms + COMPLAIN_MS;
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "traces are dropped");
    gw_log_str(line, "reason", why);
    if (status)
        gw_log_int(line, "status", status);
    gw_log_int(line, "spans", (int64_t)(dropped - exporter->told_dropped));
    gw_log_end(line);
    exporter->told_dropped = dropped;
}

/* In the collector's words, a JSON string. */
static void complain_of_some(struct gw_exporter *exporter, struct gw_str why) {
    struct gw_buf reason = {0};
    gw_buf_append_str(&reason, GW_STR("the collector refuses some of them"));
    if (why.len > strlen("\"\"")) {
        gw_buf_append_str(&reason, GW_STR(": "));
        gw_json_append_text(&reason, why);
    }
    complain(exporter, gw_buf_str(&reason), 0);
    gw_buf_fini(&reason);
}

static void tell_recovered(struct gw_exporter *exporter) {
    uint64_t dropped = atomic_load(&exporter->dropped);
    if (!exporter->is_failing)
        return;
    exporter->is_failing = false;
    if (gw_log_enabled(GW_LOG_INFO)) {
        struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "traces are exported again");
        gw_log_int(line, "dropped", (int64_t)(dropped - exporter->told_dropped));
        gw_log_end(line);
    }
    exporter->told_dropped = dropped;
}

/* --- A batch --- */

static void consider(struct gw_exporter *exporter);

static void end_batch(struct gw_exporter *exporter) {
    exporter->until_ms = 0;
    if (exporter->batch.cap > KEPT_BATCH)
        gw_buf_fini(&exporter->batch);
    consider(exporter);
}

static void succeed(struct gw_exporter *exporter, const struct gw_call_response *response) {
    struct gw_str why;
    uint64_t rejected = gw_otlp_rejected(gw_str_trim(gw_buf_str(&response->body)), &why);
    rejected = rejected < exporter->batch_spans ? rejected : exporter->batch_spans;
    tell_recovered(exporter);
    count_exported(exporter, exporter->batch_spans - (unsigned)rejected);
    count_dropped(exporter, (unsigned)rejected);
    if (rejected)
        complain_of_some(exporter, why);
    else
        complain(exporter, GW_STR("more than fit in the queue"), 0);
    end_batch(exporter);
}

/* At the end there is no time for one that does not work. */
static void fail(struct gw_exporter *exporter, const char *why, unsigned status) {
    count_dropped(exporter, exporter->batch_spans);
    if (exporter->end_ms)
        drop_all(exporter);
    exporter->is_failing = true;
    complain(exporter, gw_str_from(why), status);
    end_batch(exporter);
}

static enum gw_retry_cause cause_of(const struct gw_call_response *response) {
    switch (response->outcome) {
    case GW_CALL_OK:
        return GW_RETRY_STATUS;
    case GW_CALL_INVALID:
    case GW_CALL_TOO_LARGE:
        return GW_RETRY_OTHER;
    case GW_CALL_TIMEOUT:
    case GW_CALL_BROKEN: /* to send a batch twice does no harm: its ids are the same */
        return GW_RETRY_TIMEOUT;
    default:
        return GW_RETRY_NEVER_LEFT;
    }
}

static bool may_retry(struct gw_exporter *exporter, const struct gw_call_response *response,
                      int64_t *pause_ms) {
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        abort(); /* up to 256 bytes never fail */
    struct gw_retry_question question = {
        .idempotent = true,
        .cause = cause_of(response),
        .status = response->status,
        .attempts = exporter->attempts,
        .now_ms = gw_clock_ms(),
        .deadline_ms = exporter->until_ms,
        .retry_after_ms = gw_retry_after_in(gw_buf_str(&response->fields), gw_clock_wall_ms()),
        .random = random,
    };
    return !exporter->end_ms && gw_retry_decide(&RETRIES, &question, pause_ms) == GW_RETRY_YES;
}

static void answered(void *user, struct gw_call_response *response) {
    struct gw_exporter *exporter = user;
    bool is_answer = response->outcome == GW_CALL_OK; /* and not a part of one */
    int64_t pause_ms;
    exporter->call = NULL;
    event_del(&exporter->timer);
    if (is_answer && response->status / 100 == 2)
        succeed(exporter, response);
    else if (may_retry(exporter, response, &pause_ms))
        gw_timer_set(&exporter->timer, pause_ms);
    else
        fail(exporter, is_answer ? "the collector refuses them" : response->error,
             is_answer ? response->status : 0);
}

static void send_batch(struct gw_exporter *exporter) {
    struct gw_str fields[MAX_FIELDS], rest = gw_buf_str(&exporter->options.fields);
    int64_t left_ms = exporter->until_ms - gw_clock_ms();
    unsigned n = 0;
    while (n < MAX_FIELDS && gw_str_split(rest, '\n', &fields[n], &rest))
        n++;
    struct gw_call_request request = {
        .method = "POST",
        .url = exporter->options.url.data,
        .fields = fields,
        .n_fields = n,
        .body = gw_buf_str(&exporter->batch),
        .has_body = true,
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = left_ms > 0 ? left_ms : 1,
        .max_response = MAX_ANSWER,
    };
    exporter->attempts++;
    exporter->call = gw_client_start(exporter->client, &request, answered, exporter);
}

static void begin_batch(struct gw_exporter *exporter) {
    const struct gw_exporter_options *options = &exporter->options;
    struct gw_trace *trace;
    exporter->batch_spans = exporter->attempts = 0;
    gw_buf_clear(&exporter->batch);
    gw_otlp_open(&exporter->batch, gw_buf_str(&options->resource));
    while (exporter->batch_spans < options->batch_size && (trace = pop(exporter))) {
        exporter->batch_spans += trace->n_spans;
        gw_otlp_append(&exporter->batch, trace);
        gw_trace_unref(trace);
    }
    gw_otlp_close(&exporter->batch);
    exporter->until_ms = gw_clock_ms() + options->timeout_ms;
    if (exporter->end_ms && exporter->end_ms < exporter->until_ms)
        exporter->until_ms = exporter->end_ms;
    send_batch(exporter);
}

/* --- The thread --- */

/* What to do where no batch is under way. */
static void consider(struct gw_exporter *exporter) {
    unsigned n = spans_waiting(exporter);
    if (n > 0 && (exporter->end_ms || n >= exporter->options.batch_size)) {
        event_del(&exporter->timer);
        begin_batch(exporter);
    } else if (exporter->end_ms) {
        event_base_loopbreak(exporter->base);
    } else if (n > 0 && !evtimer_pending(&exporter->timer, NULL)) {
        gw_timer_set(&exporter->timer, exporter->options.delay_ms);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_exporter *exporter = user;
    if (exporter->call) { /* at the end, see hurry() */
        gw_call_cancel(exporter->call);
        exporter->call = NULL;
        fail(exporter, "no answer at the end", 0);
    } else if (exporter->until_ms) {
        send_batch(exporter);
    } else {
        begin_batch(exporter);
    }
}

/* A batch that pauses is sent for the last time, one on its way has as long as all that is left. */
static void hurry(struct gw_exporter *exporter) {
    exporter->end_ms = gw_clock_ms() + exporter->options.flush_ms;
    if (exporter->until_ms > exporter->end_ms)
        exporter->until_ms = exporter->end_ms;
    event_del(&exporter->timer);
    if (exporter->call)
        gw_timer_set(&exporter->timer, exporter->options.flush_ms);
    else if (exporter->until_ms)
        send_batch(exporter);
}

static void on_wake(evutil_socket_t fd, short what, void *user) {
    (void)what;
    struct gw_exporter *exporter = user;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    if (atomic_load(&exporter->is_ending) && !exporter->end_ms)
        hurry(exporter);
    if (!exporter->until_ms)
        consider(exporter);
}

static void *run(void *user) {
    struct gw_exporter *exporter = user;
    event_base_dispatch(exporter->base);
    gw_metric_end_thread();
    gw_log_end_thread();
    return NULL;
}

/* Signals are for the control thread. */
static void start_thread(struct gw_exporter *exporter) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&exporter->thread, NULL, run, exporter) != 0)
        abort(); /* at the start only, as for workers */
    pthread_setname_np(exporter->thread, "traces");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- Life --- */

struct gw_exporter *gw_exporter_new(struct gw_exporter_options *take) {
    struct gw_exporter *exporter = gw_calloc(1, sizeof *exporter);
    exporter->options = *take;
    *take = (struct gw_exporter_options){0};
    exporter->cap = exporter->options.queue_size;
    exporter->ring = gw_calloc(exporter->cap, sizeof *exporter->ring);
    pthread_mutex_init(&exporter->mutex, NULL);
    exporter->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    exporter->base = event_base_new();
    exporter->client = gw_client_new(
        exporter->base, &(struct gw_client_options){.max_connections = 1,
                                                    .max_idle_connections = 1,
                                                    .ca_file = exporter->options.ca_file});
    event_assign(&exporter->woken, exporter->base, exporter->wake_fd, EV_READ | EV_PERSIST, on_wake,
                 exporter);
    evtimer_assign(&exporter->timer, exporter->base, on_timer, exporter);
    event_add(&exporter->woken, NULL);
    start_thread(exporter);
    return exporter;
}

void gw_exporter_free(struct gw_exporter *exporter) {
    if (!exporter)
        return;
    atomic_store(&exporter->is_ending, true);
    wake(exporter);
    pthread_join(exporter->thread, NULL);
    event_del(&exporter->woken);
    event_del(&exporter->timer);
    gw_client_free(exporter->client);
    event_base_free(exporter->base);
    close(exporter->wake_fd);
    pthread_mutex_destroy(&exporter->mutex);
    gw_buf_fini(&exporter->batch);
    gw_exporter_options_fini(&exporter->options);
    free(exporter->ring);
    free(exporter);
}

struct gw_exporter_counts gw_exporter_counts(const struct gw_exporter *exporter) {
    if (!exporter)
        return (struct gw_exporter_counts){0};
    return (struct gw_exporter_counts){atomic_load(&exporter->exported),
                                       atomic_load(&exporter->dropped)};
}
