/* Undoing: rounds over the steps, newest first. In the first round each undo is tried three times;
 * what then still fails is parked and tried again in later rounds, further and further apart, for
 * ever. Nothing here waits for the journal, since to undo twice does no harm; but see
 * waits_to_undo. */
#include "engine/saga_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES       3 /* in the first round */
#define GONE        404
#define MAX_DOUBLED 20 /* what is doubled more often is the longest pause anyway */

static void go_on(struct gw_saga *saga);

/* --- what is said of it --- */

static struct gw_buf *log_begin(const struct gw_saga *saga, enum gw_log_level level,
                                const char *message) {
    struct gw_buf *line = gw_log_begin(level, message);
    gw_log_str(line, "correlation_id", saga->record.correlation_id);
    gw_log_str(line, "saga", saga->record.kind);
    gw_log_str(line, "saga_id", saga->record.id);
    return line;
}

void gw_saga_log_undone(const struct gw_saga *saga) {
    unsigned n = 0;
    for (unsigned i = 0; i < saga->n_steps; i++)
        n += saga->steps[i]->record.undo_state != GW_UNDO_NONE;
    if (n == 0 || !gw_log_enabled(GW_LOG_WARN))
        return;
    struct gw_buf *line = log_begin(saga, GW_LOG_WARN, "a saga is undone");
    gw_log_int(line, "steps", n);
    gw_log_str(line, "reason", saga->record.reason);
    gw_log_end(line);
}

static void log_finished(const struct gw_saga *saga) {
    if (gw_log_enabled(GW_LOG_INFO))
        gw_log_end(log_begin(saga, GW_LOG_INFO, "a saga has been undone"));
}

static void log_failed(const struct gw_saga *saga, const struct gw_saga_step *step) {
    const struct gw_stored_request *undo = &step->record.undo;
    if (!gw_log_enabled(GW_LOG_ERROR))
        return;
    struct gw_buf *line = log_begin(saga, GW_LOG_ERROR, "an undo failed");
    gw_log_str(line, "backend", undo->backend);
    gw_log_str(line, "method", undo->method);
    gw_log_safe(line, "path", undo->path);
    gw_log_int(line, "attempts", step->record.undo_attempts);
    gw_log_safe(line, "error", step->record.undo_error);
    gw_log_end(line);
}

/* --- one undo --- */

static void note_error(struct gw_saga_step *step, const char *format, const char *kind,
                       const char *detail, unsigned status) {
    int n = status ? snprintf(step->error, sizeof step->error, "status %u", status)
                   : snprintf(step->error, sizeof step->error, format, kind, detail);
    size_t len = (size_t)n < sizeof step->error ? (size_t)n : sizeof step->error - 1;
    step->record.undo_error = (struct gw_str){step->error, len};
}

static void note_result(struct gw_saga_step *step, const struct gw_backend_result *result) {
    bool is_status = result->failure == GW_FAILURE_STATUS;
    note_error(step, "%s (%s)", gw_failure_name(result->failure), result->error,
               is_status ? result->status : 0);
}

static void mark_undone(struct gw_saga *saga, struct gw_saga_step *step) {
    step->record.undo_state = GW_UNDO_DONE;
    step->record.undo_next_ms = 0;
    step->record.undo_error = (struct gw_str){step->error, 0};
    gw_saga_touch_step(saga, step);
}

static void set_timer(struct gw_saga *saga, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(&saga->timer, &after);
}

static void give_up(struct gw_saga *saga, struct gw_saga_step *step) {
    step->is_tried = true;
    gw_saga_touch_step(saga, step);
    log_failed(saga, step);
}

/* --- what is recorded --- */

static void note_undo(struct gw_saga *saga, const struct gw_saga_step *step,
                      const struct gw_backend *backend) {
    struct gw_trace *trace = saga->trace;
    if (!trace)
        return;
    saga->span = gw_span_begin(trace, GW_SPAN_UNDO, GW_SPAN_ROOT, gw_clock_us());
    struct gw_span *span = gw_trace_span(trace, saga->span);
    if (!span)
        return;
    span->name = gw_backend_name(backend);
    span->count = (uint16_t)(step->record.undo_attempts + 1);
    gw_span_set_target(trace, saga->span, step->method, step->record.undo.path);
    trace->spans[saga->span].text2 = gw_trace_add_text(trace, saga->record.id);
}

static void note_undone(struct gw_saga *saga, const struct gw_backend_result *result) {
    struct gw_span *span = gw_trace_span(saga->trace, saga->span);
    if (!span)
        return;
    span->failure = (uint8_t)result->failure;
    span->status = (uint16_t)result->status;
    gw_span_end(saga->trace, saga->span, gw_clock_us());
}

/* Of a round that no record of a request has room for: its owner has gone, or never was. */
static void begin_trace(struct gw_saga *saga) {
    char route[128];
    int n = snprintf(route, sizeof route, "saga %.*s", GW_STR_ARG(saga->record.kind));
    struct gw_trace_start start = {
        .kind = GW_TRACE_UNDO,
        .started_us = gw_clock_us(),
        .correlation_id = saga->record.correlation_id,
        .path = saga->record.id,
        .route = {route, (size_t)n < sizeof route ? (size_t)n : sizeof route - 1},
    };
    saga->trace = gw_trace_begin(saga->sagas->tracer, &start);
}

/* --- its answer --- */

static void undo_answered(void *user, struct gw_backend_result *result) {
    struct gw_saga *saga = user;
    struct gw_saga_step *step = saga->current;
    saga->call = NULL;
    step->record.undo_attempts++;
    note_undone(saga, result);
    bool is_done = result->failure == GW_FAILURE_NONE ||
                   (result->failure == GW_FAILURE_STATUS && result->status == GONE);
    gw_metric_add(is_done ? gw_count.undos_done : gw_count.undos_failed, 1);
    if (is_done) {
        mark_undone(saga, step);
    } else {
        note_result(step, result);
        if (saga->round == 1 && ++saga->tries < TRIES) {
            set_timer(saga, saga->sagas->timing->pauses[saga->tries - 1]);
            return;
        }
        give_up(saga, step);
    }
    gw_saga_start_write(saga);
    go_on(saga);
    gw_saga_free_if_over(saga);
}

/* False if nobody is called so, which is no reason to try three times. */
static bool send_undo(struct gw_saga *saga, struct gw_saga_step *step) {
    const struct gw_stored_request *undo = &step->record.undo;
    struct gw_sagas *sagas = saga->sagas;
    struct gw_backend *backend = gw_backends_find(sagas->backends, undo->backend);
    if (!backend)
        return false;
    gw_buf_clear(&saga->fields);
    gw_buf_printf(&saga->fields, "x-correlation-id: %.*s\n",
                  GW_STR_ARG(saga->record.correlation_id));
    gw_buf_append_str(&saga->fields, undo->fields);
    struct gw_backend_request request = {
        .method = step->method,
        .path = undo->path,
        .fields = gw_buf_str(&saga->fields),
        .body = undo->body,
        .has_body = undo->has_body,
        .repeat = GW_REPEAT_ALLOWED,
        .attempts = 1,
        .timeout_ms = undo->timeout_ms,
        .trace = saga->trace,
    };
    note_undo(saga, step, backend);
    request.span = saga->span;
    saga->current = step;
    saga->call = gw_backend_start(backend, sagas->caller, &request, undo_answered, saga);
    return true;
}

/* --- a round --- */

static struct gw_saga_step *next_step(const struct gw_saga *saga) {
    for (unsigned i = saga->n_steps; i > 0; i--) {
        struct gw_saga_step *step = saga->steps[i - 1];
        if (step->record.undo_state == GW_UNDO_PENDING && !step->is_tried)
            return step;
    }
    return NULL;
}

static bool is_undone(const struct gw_saga *saga) {
    for (unsigned i = 0; i < saga->n_steps; i++)
        if (saga->steps[i]->record.undo_state == GW_UNDO_PENDING)
            return false;
    return true;
}

/* Half of it is chance, so that what failed together is not tried together. */
static int64_t parked_ms(const struct gw_saga *saga) {
    const struct gw_saga_timing *timing = saga->sagas->timing;
    unsigned doubled = saga->round - 1 < MAX_DOUBLED ? saga->round - 1 : MAX_DOUBLED;
    int64_t ms = timing->park_least << doubled;
    ms = ms < timing->park_most ? ms : timing->park_most;
    return ms - (int64_t)arc4random_uniform((uint32_t)(ms / 2 + 1));
}

void gw_saga_leave_parking(struct gw_saga *saga) {
    if (saga->phase == GW_SAGA_PARKED)
        gw_metric_add(gw_count.sagas_parked, -1);
}

static void park(struct gw_saga *saga) {
    int64_t ms = parked_ms(saga), next_ms = gw_clock_wall_ms() + ms;
    saga->phase = GW_SAGA_PARKED;
    gw_metric_add(gw_count.sagas_parked, 1);
    for (unsigned i = 0; i < saga->n_steps; i++) {
        struct gw_saga_step *step = saga->steps[i];
        step->is_tried = false;
        if (step->record.undo_state != GW_UNDO_PENDING)
            continue;
        step->record.undo_next_ms = next_ms;
        gw_saga_touch_step(saga, step);
    }
    set_timer(saga, ms);
}

static void finish(struct gw_saga *saga) {
    saga->phase = GW_SAGA_OVER;
    saga->record.state = GW_SAGA_UNDONE;
    gw_metric_add(gw_count.sagas_undone, 1);
    gw_saga_touch(saga);
    if (saga->round > 1 || saga->is_recovered)
        log_finished(saga);
}

static void end_trace(struct gw_saga *saga) {
    if (saga->trace && saga->trace->kind == GW_TRACE_UNDO)
        saga->trace->is_failed = saga->phase == GW_SAGA_PARKED;
    if (!saga->has_owner)
        gw_saga_let_go_of_trace(saga);
}

static void end_round(struct gw_saga *saga) {
    if (is_undone(saga))
        finish(saga);
    else
        park(saga);
    end_trace(saga);
    saga->round_version = saga->version;
    gw_saga_start_write(saga);
}

/* It is told when it is written, so that who is told finds it in the journal; or cannot be. */
void gw_saga_tell_round(struct gw_saga *saga, bool ok, uint64_t version) {
    if (!saga->round_version || (ok && version < saga->round_version))
        return;
    saga->round_version = 0;
    gw_saga_answer_end(saga, GW_SAGA_ENDED);
    gw_sagas_first_round_ended(saga);
}

static void go_on(struct gw_saga *saga) {
    struct gw_saga_step *step;
    saga->tries = 0;
    while ((step = next_step(saga)) && !send_undo(saga, step)) {
        note_error(step, "%s (%s)", "undefined", "no backend has this name", 0);
        step->record.undo_attempts++;
        give_up(saga, step);
    }
    if (!step)
        end_round(saga);
}

static void begin_round(struct gw_saga *saga) {
    gw_saga_leave_parking(saga);
    saga->phase = GW_SAGA_UNDOING;
    saga->round++;
    if (!saga->trace)
        begin_trace(saga);
    go_on(saga);
}

/* --- the beginning --- */

static void refuse_steps(struct gw_saga *saga) {
    struct gw_saga_wait *wait = TAILQ_FIRST(&saga->waits), *next;
    for (; wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        gw_saga_outcome(saga, wait->step, GW_STEP_HAD_NO_EFFECT);
        gw_saga_answer(wait, GW_SAGA_ENDED);
    }
}

static bool needs_undo(const struct gw_step_record *record) {
    return record->undo.method.len > 0 && record->outcome != GW_STEP_HAD_NO_EFFECT &&
           record->undo_state != GW_UNDO_DONE;
}

static void plan(struct gw_saga *saga) {
    for (unsigned i = 0; i < saga->n_steps; i++) {
        struct gw_saga_step *step = saga->steps[i];
        if (!needs_undo(&step->record) || step->record.undo_state == GW_UNDO_PENDING)
            continue;
        step->record.undo_state = GW_UNDO_PENDING;
        gw_saga_touch_step(saga, step);
    }
}

static void set_reason(struct gw_saga *saga, struct gw_str reason) {
    if (saga->reason.len)
        return; /* of a saga that was being undone by an earlier process */
    gw_buf_append_str(&saga->reason, reason);
    saga->record.reason = gw_buf_str(&saga->reason);
}

static bool was_nothing(const struct gw_saga *saga) {
    return !saga->was_sent && !saga->record.number && is_undone(saga);
}

void gw_saga_begin_undo(struct gw_saga *saga, struct gw_str reason) {
    refuse_steps(saga);
    saga->phase = GW_SAGA_UNDOING;
    saga->record.state = GW_SAGA_COMPENSATING;
    set_reason(saga, reason);
    plan(saga);
    gw_saga_touch(saga);
    saga->undo_version = saga->version;
    if (was_nothing(saga)) { /* to speak of: it is not in the journal either */
        gw_saga_over(saga);
        return;
    }
    if (!saga->is_recovered) {
        saga->sagas->n_first_rounds++;
        saga->is_in_first_round = true;
    }
    if (is_undone(saga)) {
        end_round(saga);
        return;
    }
    gw_saga_start_write(saga);
    if (!saga->waits_to_undo)
        begin_round(saga);
}

bool gw_saga_undo(struct gw_saga *saga, struct gw_str reason, struct gw_saga_wait *wait) {
    if (saga->phase != GW_SAGA_AT_WORK || saga->sagas->is_stopped)
        return false;
    bool had_owner = saga->has_owner;
    saga->has_owner = true; /* lest it is freed in here */
    gw_saga_begin_undo(saga, reason);
    saga->has_owner = had_owner;
    bool is_nothing = saga->phase == GW_SAGA_OVER && !saga->round_version;
    if (is_nothing || !wait)
        return false;
    wait->saga = saga;
    wait->step = 0;
    saga->end_wait = wait;
    return true;
}

/* What the journal cannot take is handed to it again, until it does. */
void gw_saga_may_undo(struct gw_saga *saga, bool ok, uint64_t version) {
    if (!saga->waits_to_undo || saga->phase != GW_SAGA_UNDOING || version < saga->undo_version)
        return;
    if (ok) {
        saga->waits_to_undo = false;
        begin_round(saga);
        return;
    }
    gw_saga_answer_end(saga, GW_SAGA_ENDED);
    gw_sagas_first_round_ended(saga);
}

/* --- later --- */

static void looked(struct gw_saga *saga, bool ok, struct gw_saga_read *read) {
    if (saga->phase != GW_SAGA_PARKED)
        return;
    if (ok && read->is_found && read->state == GW_SAGA_RESOLVED) {
        gw_metric_add(gw_count.sagas_resolved, 1);
        gw_saga_over(saga);
    } else {
        begin_round(saga);
    }
    gw_saga_free_if_over(saga);
}

void gw_saga_undo_now(struct gw_saga *saga) {
    if (saga->phase != GW_SAGA_PARKED)
        return;
    event_del(&saga->timer);
    gw_saga_start_read(saga, false, looked);
}

void gw_saga_stop_undo(struct gw_saga *saga) {
    event_del(&saga->timer);
    if (saga->call)
        gw_backend_cancel(saga->call);
    saga->call = NULL;
    gw_sagas_first_round_ended(saga);
}

/* --- one of an earlier process --- */

static void take_steps(struct gw_saga *saga, struct gw_saga_read *read) {
    saga->steps = read->steps;
    saga->n_steps = read->n_steps;
    read->steps = NULL;
    read->n_steps = 0;
}

static void loaded(struct gw_saga *saga, bool ok, struct gw_saga_read *read) {
    if (!ok) { /* others may have more luck meanwhile */
        gw_sagas_first_round_ended(saga);
        set_timer(saga, saga->sagas->timing->rewrite);
        return;
    }
    take_steps(saga, read);
    gw_saga_begin_undo(saga, GW_STR("the gateway ended before it was committed"));
    gw_saga_log_undone(saga);
    gw_saga_free_if_over(saga);
}

void gw_saga_load(struct gw_saga *saga) {
    saga->phase = GW_SAGA_LOADING;
    gw_saga_start_read(saga, true, loaded);
}

void gw_saga_on_timer(struct gw_saga *saga) {
    if (saga->phase == GW_SAGA_LOADING)
        gw_saga_load(saga);
    else if (saga->phase == GW_SAGA_PARKED)
        gw_saga_undo_now(saga);
    else if (!send_undo(saga, saga->current))
        go_on(saga);
    gw_saga_free_if_over(saga);
}
