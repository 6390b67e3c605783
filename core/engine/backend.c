/* A call from its start to its end: a place, attempts, pauses, the hedge, the one result. */
#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash.h"
#include "http/server.h"
#include "http/timer.h"

#include <stdlib.h>

#define REFUSED_FOR_MS 1000 /* what a caller is told when there is no place even in line */
#define LISTEN_MS      100  /* how often a long pause asks whether the breaker has opened */

static void on_timer(evutil_socket_t fd, short what, void *user);

const char *gw_failure_name(enum gw_failure failure) {
    static const char *const names[] = {
        [GW_FAILURE_NONE] = "none",
        [GW_FAILURE_CONNECT] = "connect",
        [GW_FAILURE_DNS] = "dns",
        [GW_FAILURE_TLS] = "tls",
        [GW_FAILURE_TIMEOUT] = "timeout",
        [GW_FAILURE_DEADLINE] = "deadline",
        [GW_FAILURE_OPEN] = "open",
        [GW_FAILURE_REFUSED] = "refused",
        [GW_FAILURE_STATUS] = "status",
        [GW_FAILURE_DECODE] = "decode",
        [GW_FAILURE_TOO_LARGE] = "too_large",
        [GW_FAILURE_CANCELLED] = "cancelled",
    };
    return names[failure];
}

/* --- The end of a call --- */

static void give_hedges_place_back(struct gw_backend_call *call) {
    if (call->attempts[1].has_place)
        gw_bulkhead_leave(&call->backend->bulkhead);
    call->attempts[1].has_place = false;
}

_Static_assert(GW_METER_CALL_CANCELLED == GW_FAILURE_CANCELLED, "meters know it by its number");

static void count(const struct gw_backend_call *call, enum gw_failure failure,
                  int64_t duration_us) {
    const char *name = failure == GW_FAILURE_NONE ? "success" : gw_failure_name(failure);
    gw_meter_count_call(call->backend->meter, failure, name, call->result.status, duration_us);
}

static void release(struct gw_backend_call *call) {
    event_del(&call->timer);
    gw_line_give_place_back(call);
    give_hedges_place_back(call);
    gw_buf_fini(&call->result.fields);
    gw_buf_fini(&call->result.body);
    free(call);
}

/* `done` may start the next call, which is to find the place free. */
static void deliver(struct gw_backend_call *call) {
    gw_note_waited(call);
    gw_line_give_place_back(call);
    call->result.duration_us = gw_clock_us() - call->started_us;
    count(call, call->result.failure, call->result.duration_us);
    GW_CRASH_POINT("after_answer");
    call->done(call->user, &call->result);
    release(call);
}

void gw_backend_answer(struct gw_backend_call *call, enum gw_failure failure, const char *error) {
    call->phase = GW_BACKEND_ANSWERED;
    gw_note_waited(call);
    call->result.failure = failure;
    call->result.error = error;
    event_active(&call->timer, EV_TIMEOUT, 1);
}

void gw_backend_answer_open(struct gw_backend_call *call, int64_t retry_after_ms) {
    call->result.retry_after_ms = retry_after_ms;
    gw_note_open(call);
    gw_backend_answer(call, GW_FAILURE_OPEN, "the circuit breaker is open");
}

void gw_backend_cancel(struct gw_backend_call *call) {
    if (call->phase == GW_BACKEND_IN_LINE)
        gw_line_leave(call);
    gw_note_waited(call);
    gw_attempt_cancel(&call->attempts[0]);
    gw_attempt_cancel(&call->attempts[1]);
    call->result.status = 0; /* of an attempt before, if there was one */
    count(call, GW_FAILURE_CANCELLED, gw_clock_us() - call->started_us);
    release(call);
}

unsigned gw_backend_attempts(const struct gw_backend_call *call) {
    return call->result.attempts;
}

/* --- After an attempt --- */

const char *gw_backend_error(enum gw_failure failure, const struct gw_call_response *response) {
    switch (failure) {
    case GW_FAILURE_STATUS:
        return gw_status_text(response->status);
    case GW_FAILURE_DEADLINE:
        return "the request's deadline came first";
    default:
        return response->error;
    }
}

static void take_result(struct gw_backend_call *call, enum gw_failure failure,
                        struct gw_call_response *response) {
    struct gw_backend_result *result = &call->result;
    gw_buf_fini(&result->fields); /* of an attempt before */
    gw_buf_fini(&result->body);
    result->failure = failure;
    result->status = response->status;
    result->error = gw_backend_error(failure, response);
    gw_buf_move(&result->fields, &response->fields);
    gw_buf_move(&result->body, &response->body);
}

static enum gw_retry_cause cause_of(enum gw_failure failure) {
    switch (failure) {
    case GW_FAILURE_CONNECT:
    case GW_FAILURE_DNS:
    case GW_FAILURE_TLS:
        return GW_RETRY_NEVER_LEFT;
    case GW_FAILURE_TIMEOUT:
        return GW_RETRY_TIMEOUT;
    case GW_FAILURE_STATUS:
        return GW_RETRY_STATUS;
    default:
        return GW_RETRY_OTHER;
    }
}

static bool lets_calls_in(struct gw_backend *backend) {
    enum gw_breaker_state state = gw_backend_state(backend);
    return state != GW_BREAKER_OPEN && state != GW_BREAKER_FORCED_OPEN;
}

/* Through a breaker that has just opened nothing is sent: that need not be waited for. */
static bool may_retry(struct gw_backend_call *call, int64_t now_ms, int64_t *pause_ms) {
    struct gw_retry_options options = call->target->retry;
    if (call->request.attempts)
        options.attempts = call->request.attempts;
    struct gw_retry_question question = {
        .idempotent = call->idempotent,
        .cause = cause_of(call->result.failure),
        .status = call->result.status,
        .attempts = call->result.attempts,
        .now_ms = now_ms,
        .deadline_ms = call->until_ms,
        .retry_after_ms = gw_retry_after_in(gw_buf_str(&call->result.fields), gw_clock_wall_ms()),
        .random = gw_caller_random(call->caller),
    };
    return gw_retry_decide(&options, &question, pause_ms) == GW_RETRY_YES &&
           lets_calls_in(call->backend) && gw_retry_budget_withdraw(call->backend->budget, now_ms);
}

static void pause_or_deliver(struct gw_backend_call *call) {
    int64_t pause_ms;
    event_del(&call->timer);
    if (!may_retry(call, gw_clock_ms(), &pause_ms)) {
        deliver(call);
        return;
    }
    call->phase = GW_BACKEND_PAUSING;
    gw_note_waiting(call, GW_SPAN_PAUSE);
    call->pause_until_ms = gw_clock_ms() + pause_ms;
    gw_timer_set(&call->timer, pause_ms < LISTEN_MS ? pause_ms : LISTEN_MS);
}

/* What another attempt would not better: a success, and what the request itself is to blame for. */
static bool is_answer(const struct gw_backend_call *call, enum gw_failure failure,
                      unsigned status) {
    return failure == GW_FAILURE_NONE || (failure == GW_FAILURE_STATUS && status < 500 &&
                                          !gw_retry_is_listed(&call->target->retry, status));
}

/* The call's own time has passed, by this attempt's timer if not yet by the clock. */
static bool is_over(const struct gw_attempt *attempt, enum gw_failure failure) {
    return attempt->ends_call && (failure == GW_FAILURE_TIMEOUT || failure == GW_FAILURE_DEADLINE);
}

/* Of two attempts the first answer wins, and a failure waits for the other one. */
void gw_backend_attempt_ended(struct gw_attempt *attempt, enum gw_failure failure,
                              struct gw_call_response *response) {
    struct gw_backend_call *call = attempt->call;
    struct gw_attempt *other = &call->attempts[attempt == &call->attempts[0]];
    bool answered = is_answer(call, failure, response->status) || is_over(attempt, failure);
    take_result(call, failure, response);
    give_hedges_place_back(call);
    if (!answered && other->sent)
        return;
    gw_attempt_cancel(other);
    if (answered)
        deliver(call);
    else
        pause_or_deliver(call);
}

/* --- Attempts --- */

static void await(struct gw_backend_call *call) {
    const struct gw_backend_request *request = &call->request;
    int64_t hedge_ms = request->hedge_ms ? request->hedge_ms : call->target->hedge_ms;
    call->phase = GW_BACKEND_IN_FLIGHT;
    if (hedge_ms && call->idempotent && !call->is_hedged)
        gw_timer_set(&call->timer, hedge_ms);
}

static void wait_in_line(struct gw_backend_call *call);

void gw_backend_begin(struct gw_backend_call *call) {
    int64_t now_ms = gw_clock_ms(), retry_after_ms;
    switch (gw_attempt_start(&call->attempts[0], now_ms, &retry_after_ms)) {
    case GW_START_SENT:
        gw_retry_budget_deposit(call->backend->budget, now_ms);
        await(call);
        break;
    case GW_START_OPEN:
        gw_backend_answer_open(call, retry_after_ms);
        break;
    case GW_START_NO_ROOM:
        wait_in_line(call);
        break;
    }
}

/* A retry into an open breaker is none: what the last attempt got is the result. One that finds no
 * connection free looks again, as long as there is time. */
static void retry(struct gw_backend_call *call, int64_t now_ms) {
    int64_t ignored;
    enum gw_start start = GW_START_NO_ROOM;
    if (gw_hosts_have_room(call, now_ms))
        start = gw_attempt_start(&call->attempts[0], now_ms, &ignored);
    if (start == GW_START_SENT)
        gw_metric_add(call->backend->meter->retries, 1);
    if (start == GW_START_SENT)
        await(call);
    else if (start == GW_START_NO_ROOM)
        gw_timer_set(&call->timer, GW_LOOK_MS);
    else
        deliver(call);
}

static void go_on(struct gw_backend_call *call) {
    int64_t now_ms = gw_clock_ms(), left_ms = call->pause_until_ms - now_ms;
    if (now_ms >= call->until_ms || !lets_calls_in(call->backend))
        deliver(call);
    else if (left_ms > 0)
        gw_timer_set(&call->timer, left_ms < LISTEN_MS ? left_ms : LISTEN_MS);
    else
        retry(call, now_ms);
}

/* A hedge is one more call to the backend: without a place and a connection for it there is none.
 */
static bool has_room_for_hedge(struct gw_backend_call *call, int64_t now_ms) {
    struct gw_attempt *hedge = &call->attempts[1];
    if (!gw_hosts_have_room(call, now_ms))
        return false;
    if (call->needs_place)
        hedge->has_place = gw_bulkhead_try_enter(&call->backend->bulkhead);
    return !call->needs_place || hedge->has_place;
}

static void hedge(struct gw_backend_call *call) {
    int64_t now_ms = gw_clock_ms(), ignored;
    call->is_hedged = true;
    if (!has_room_for_hedge(call, now_ms) ||
        !gw_retry_budget_withdraw(call->backend->budget, now_ms) ||
        gw_attempt_start(&call->attempts[1], now_ms, &ignored) != GW_START_SENT)
        give_hedges_place_back(call);
    else
        gw_metric_add(call->backend->meter->hedges, 1);
}

static void on_timer(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_backend_call *call = user;
    switch (call->phase) {
    case GW_BACKEND_IN_FLIGHT:
        hedge(call);
        break;
    case GW_BACKEND_PAUSING:
        go_on(call);
        break;
    case GW_BACKEND_IN_LINE: /* has no timer of its own */
    case GW_BACKEND_ANSWERED:
        deliver(call);
        break;
    }
}

/* --- The beginning of a call --- */

static bool is_idempotent(const struct gw_backend_request *request) {
    return request->repeat == GW_REPEAT_BY_METHOD ? gw_retry_is_idempotent(request->method)
                                                  : request->repeat == GW_REPEAT_ALLOWED;
}

static void set_limit(struct gw_backend_call *call, int64_t now_ms) {
    const struct gw_backend_request *request = &call->request;
    int64_t timeout = request->timeout_ms ? request->timeout_ms : call->target->timeout_ms;
    call->until_ms = now_ms + timeout;
    call->deadline_first = request->deadline_ms && request->deadline_ms < call->until_ms;
    if (call->deadline_first)
        call->until_ms = request->deadline_ms;
}

static struct gw_backend_call *call_new(struct gw_backend *backend, struct gw_caller *caller,
                                        const struct gw_backend_request *request) {
    struct gw_backend_call *call = gw_calloc(1, sizeof *call);
    call->backend = backend;
    call->target = atomic_load(&backend->target);
    call->caller = caller;
    call->request = *request;
    call->idempotent = is_idempotent(request);
    call->needs_place = call->target->max_concurrent > 0;
    call->started_us = gw_clock_us();
    call->attempts[0].call = call->attempts[1].call = call;
    call->waiting_span = GW_SPAN_NONE;
    evtimer_assign(&call->timer, caller->base, on_timer, call);
    set_limit(call, call->started_us / 1000);
    return call;
}

static void refuse(struct gw_backend_call *call) {
    call->result.retry_after_ms = REFUSED_FOR_MS;
    gw_backend_answer(call, GW_FAILURE_REFUSED, "too many calls of it are in work");
}

/* Not for what would not be let in then. */
static void wait_in_line(struct gw_backend_call *call) {
    int64_t retry_after_ms;
    if (!gw_breaker_lets_in(call->backend->breaker, gw_clock_ms(), &retry_after_ms))
        gw_backend_answer_open(call, retry_after_ms);
    else if (!gw_line_join(call))
        refuse(call);
}

struct gw_backend_call *gw_backend_start(struct gw_backend *backend, struct gw_caller *caller,
                                         const struct gw_backend_request *request,
                                         gw_backend_done_fn done, void *user) {
    struct gw_backend_call *call = call_new(backend, caller, request);
    call->done = done;
    call->user = user;
    GW_CRASH_POINT("before_send");
    if (call->target->health.path)
        gw_health_watch(caller, backend);
    if (call->until_ms <= call->started_us / 1000)
        gw_backend_answer(call, GW_FAILURE_DEADLINE, "the request's deadline has passed");
    else if (gw_line_has_place(call))
        gw_backend_begin(call);
    else
        wait_in_line(call);
    GW_CRASH_POINT("after_send");
    return call;
}
