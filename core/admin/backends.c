/* Admin calls about the backends that the live scripts name: how they are, and the operator's hand
 * on their breakers. */
#include "admin/admin_internal.h"
#include "admin/readings.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Which there are --- */

/* What a state's scripts declared does not change, so the control thread may read it. */
static const struct gw_state *live_state(const struct gw_admin *admin) {
    return admin->parts.generations->live->states[0];
}

static struct gw_backend *find(const struct gw_admin *admin, struct gw_str name) {
    const struct gw_state *state = live_state(admin);
    for (unsigned i = 0; i < state->n_backends; i++)
        if (gw_str_equal(gw_str_from(gw_backend_name(state->backends[i])), name))
            return state->backends[i];
    return NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp(gw_backend_name(*(struct gw_backend *const *)a),
                  gw_backend_name(*(struct gw_backend *const *)b));
}

struct gw_backend **gw_admin_sorted_backends(const struct gw_admin *admin, unsigned *n) {
    const struct gw_state *state = live_state(admin);
    struct gw_backend **all = gw_calloc(state->n_backends + 1, sizeof *all);
    *n = state->n_backends;
    if (*n)
        memcpy(all, state->backends, *n * sizeof *all);
    qsort(all, *n, sizeof *all, by_name);
    return all;
}

/* --- As JSON --- */

/* Of a breaker's time, which is monotonic; 0 stays 0. */
static int64_t wall_ms(int64_t monotonic_ms) {
    return monotonic_ms ? gw_clock_wall_ms() + monotonic_ms - gw_clock_ms() : 0;
}

static void append_window(struct gw_buf *out, const struct gw_breaker_snapshot *breaker) {
    gw_json_key(out, "window");
    gw_json_open(out, '{');
    gw_json_member_int(out, "calls", breaker->window.calls);
    gw_json_member_int(out, "failures", breaker->window.failures);
    gw_json_member_int(out, "slow", breaker->window.slow);
    gw_json_member_number(out, "failure_rate", breaker->failure_rate);
    gw_json_member_number(out, "slow_rate", breaker->slow_rate);
    gw_json_close(out, '}');
}

static void append_breaker(struct gw_buf *out, const struct gw_breaker_snapshot *breaker) {
    gw_json_member_str(out, "state", gw_str_from(gw_breaker_state_name(breaker->state)));
    gw_json_member_time_or_null(out, "since", wall_ms(breaker->since_ms));
    gw_json_member_str(out, "reason", gw_str_from(breaker->reason));
    gw_json_member_time_or_null(out, "next_trial_at", wall_ms(breaker->next_trial_ms));
    gw_json_member_int(out, "failures_in_a_row", breaker->failures_in_a_row);
    append_window(out, breaker);
}

static void append_counts(struct gw_buf *out, const struct gw_meter_reading *counted) {
    gw_json_member_int(out, "calls", (int64_t)counted->count);
    gw_json_member_int(out, "failures", (int64_t)counted->errors);
    gw_json_member_int(out, "retries", (int64_t)counted->retries);
    gw_json_member_int(out, "hedges", (int64_t)counted->hedges);
    gw_reading_append_latencies(out, counted);
}

static void append_hosts(struct gw_buf *out, const struct gw_backend_snapshot *seen) {
    gw_json_key(out, "hosts");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < seen->n_hosts; i++) {
        gw_json_open(out, '{');
        gw_json_member_str(out, "url", gw_str_from(seen->hosts[i].url));
        gw_json_member_str(out, "state", gw_str_from(gw_breaker_state_name(seen->hosts[i].state)));
        gw_json_member_bool(out, "out", seen->hosts[i].is_out);
        gw_json_member_int(out, "in_flight", seen->hosts[i].in_flight);
        gw_json_close(out, '}');
    }
    gw_json_close(out, ']');
}

void gw_admin_append_backend(struct gw_buf *out, struct gw_backend *backend) {
    struct gw_str name = gw_str_from(gw_backend_name(backend));
    struct gw_meter_reading counted = gw_reading_of(GW_METER_BACKEND, name);
    struct gw_backend_snapshot seen;
    gw_backend_snapshot(backend, &seen);
    gw_json_member_str(out, "name", name);
    append_breaker(out, &seen.breaker);
    gw_json_member_int(out, "in_flight", seen.in_flight);
    gw_json_member_int(out, "waiting", counted.waiting);
    gw_json_member_int(out, "max_concurrent", seen.max_concurrent);
    gw_json_member_str_or_null(out, "last_error",
                               gw_str_from(seen.last_error ? seen.last_error : ""));
    append_counts(out, &counted);
    append_hosts(out, &seen);
}

/* --- As text --- */

static void append_stamp(struct gw_buf *out, int64_t monotonic_ms) {
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(wall_ms(monotonic_ms), text);
    gw_buf_printf(out, "%.19sZ", text);
}

static void append_row(struct gw_buf *out, struct gw_backend *backend) {
    struct gw_meter_reading counted =
        gw_reading_of(GW_METER_BACKEND, gw_str_from(gw_backend_name(backend)));
    struct gw_backend_snapshot seen;
    gw_backend_snapshot(backend, &seen);
    gw_buf_printf(out, "%-20s  %-11s  ", gw_backend_name(backend),
                  gw_breaker_state_name(seen.breaker.state));
    if (seen.breaker.since_ms)
        append_stamp(out, seen.breaker.since_ms);
    else
        gw_buf_printf(out, "%-20s", "-");
    gw_buf_printf(out, "  %9u  %7" PRId64 "  ", seen.in_flight, counted.waiting);
    gw_reading_append_columns(out, &counted);
    gw_buf_printf(out, "  %s\n", seen.breaker.reason);
}

static void append_state(struct gw_buf *out, const struct gw_breaker_snapshot *breaker) {
    gw_buf_printf(out, "state       %s", gw_breaker_state_name(breaker->state));
    if (breaker->since_ms) {
        gw_buf_printf(out, ", %s, since ", breaker->reason);
        append_stamp(out, breaker->since_ms);
    }
    if (breaker->next_trial_ms) {
        gw_buf_printf(out, "; next trial ");
        append_stamp(out, breaker->next_trial_ms);
    }
    gw_buf_printf(out, "\n");
}

static void append_details(struct gw_buf *out, struct gw_backend *backend) {
    struct gw_meter_reading counted =
        gw_reading_of(GW_METER_BACKEND, gw_str_from(gw_backend_name(backend)));
    struct gw_backend_snapshot seen;
    gw_backend_snapshot(backend, &seen);
    const struct gw_window_counts *window = &seen.breaker.window;
    gw_buf_printf(out, "backend     %s\n", gw_backend_name(backend));
    append_state(out, &seen.breaker);
    if (seen.last_error)
        gw_buf_printf(out, "last error  %s\n", seen.last_error);
    gw_buf_printf(out, "failures    %u in a row; window: %u calls, %u failed, %u slow\n",
                  seen.breaker.failures_in_a_row, window->calls, window->failures, window->slow);
    gw_buf_printf(
        out, "calls       %" PRIu64 ", %" PRIu64 " failed; %u in flight, %" PRId64 " waiting\n",
        counted.count, counted.errors, seen.in_flight, counted.waiting);
    for (unsigned i = 0; i < seen.n_hosts; i++)
        gw_buf_printf(out, "host        %s  %s, %u in flight%s\n", seen.hosts[i].url,
                      gw_breaker_state_name(seen.hosts[i].state), seen.hosts[i].in_flight,
                      seen.hosts[i].is_out ? ", out: its health checks fail" : "");
}

/* --- GET /admin/backends --- */

static void append_list(struct gw_buf *out, struct gw_backend **all, unsigned n) {
    gw_json_open(out, '{');
    gw_json_key(out, "backends");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n; i++) {
        gw_json_open(out, '{');
        gw_admin_append_backend(out, all[i]);
        gw_json_close(out, '}');
    }
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

static void append_table(struct gw_buf *out, struct gw_backend **all, unsigned n) {
    gw_buf_printf(out, "%-20s  %-11s  %-20s  %9s  %7s  %s  %s\n", "BACKEND", "STATE", "SINCE",
                  "IN FLIGHT", "WAITING", GW_READING_TITLES, "REASON");
    for (unsigned i = 0; i < n; i++)
        append_row(out, all[i]);
}

void gw_admin_backends(const struct gw_admin_question *question) {
    struct gw_buf out = {0};
    unsigned n;
    struct gw_backend **all = gw_admin_sorted_backends(question->admin, &n);
    bool text = gw_admin_wants_text(question->exchange);
    (text ? append_table : append_list)(&out, all, n);
    free(all);
    gw_admin_reply(question->exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

/* --- One of them, and the operator's hand --- */

/* NULL: it is refused. */
static struct gw_backend *wanted(const struct gw_admin_question *question) {
    struct gw_backend *backend = find(question->admin, question->param);
    if (!backend)
        gw_admin_refuse(question->exchange, 404, "the live scripts have no such backend");
    return backend;
}

static void reply_one(const struct gw_admin_question *question, struct gw_backend *backend) {
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(question->exchange);
    if (text) {
        append_details(&out, backend);
    } else {
        gw_json_open(&out, '{');
        gw_admin_append_backend(&out, backend);
        gw_json_close(&out, '}');
    }
    gw_admin_reply(question->exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

void gw_admin_backend(const struct gw_admin_question *question) {
    struct gw_backend *backend = wanted(question);
    if (backend)
        reply_one(question, backend);
}

/* Also where it changes nothing: that somebody wanted it is worth knowing. */
static void log_act(const struct gw_admin_question *question, const struct gw_backend *backend,
                    const char *what, enum gw_breaker_state from, enum gw_breaker_state to) {
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "an operator steers a breaker");
    gw_log_str(line, "who", GW_STR("admin"));
    gw_log_str(line, "client", gw_exchange_client(question->exchange));
    gw_log_str(line, "correlation_id", gw_exchange_id(question->exchange));
    gw_log_str(line, "what", gw_str_from(what));
    gw_log_str(line, "backend", gw_str_from(gw_backend_name(backend)));
    gw_log_str(line, "from", gw_str_from(gw_breaker_state_name(from)));
    gw_log_str(line, "to", gw_str_from(gw_breaker_state_name(to)));
    gw_log_end(line);
}

static void steer(const struct gw_admin_question *question, const char *what,
                  void (*act)(struct gw_backend *backend)) {
    struct gw_backend *backend = wanted(question);
    if (!backend)
        return;
    enum gw_breaker_state from = gw_backend_state(backend);
    act(backend);
    if (gw_log_enabled(GW_LOG_WARN))
        log_act(question, backend, what, from, gw_backend_state(backend));
    reply_one(question, backend);
}

void gw_admin_force_open(const struct gw_admin_question *question) {
    steer(question, "force-open", gw_backend_force_open);
}

void gw_admin_close(const struct gw_admin_question *question) {
    steer(question, "close", gw_backend_close);
}

void gw_admin_reset(const struct gw_admin_question *question) {
    steer(question, "reset", gw_backend_reset);
}

void gw_admin_disable(const struct gw_admin_question *question) {
    steer(question, "disable", gw_backend_disable);
}
