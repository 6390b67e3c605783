#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/server.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#define LONG_ENOUGH_US 1000000 /* for a backend to answer, whatever is left of a deadline */

struct gw_backend_call {
    struct gw_backend *backend;
    gw_backend_done_fn done;
    void *user;
    struct gw_call *sent;            /* NULL: answered here */
    struct gw_breaker_permit permit; /* if sent */
    bool deadline_first;             /* the deadline comes before the timeout */
    struct event soon;               /* if answered here: delivers `result` */
    struct gw_backend_result result;
};

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

const char *gw_backend_name(const struct gw_backend *backend) {
    return backend->name;
}

enum gw_breaker_state gw_backend_state(struct gw_backend *backend) {
    return gw_breaker_state(backend->breaker, gw_clock_ms());
}

/* --- The end of a call --- */

static void deliver(struct gw_backend_call *call) {
    call->done(call->user, &call->result);
    gw_buf_fini(&call->result.fields);
    gw_buf_fini(&call->result.body);
    free(call);
}

static void on_soon(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    deliver(user);
}

static void answer(struct gw_backend_call *call, struct event_base *base, enum gw_failure failure,
                   const char *error) {
    call->result.failure = failure;
    call->result.error = error;
    evtimer_assign(&call->soon, base, on_soon, call);
    event_active(&call->soon, EV_TIMEOUT, 1);
}

/* Redirects are not followed, so what was asked for has not happened. 304 is what a conditional
 * request hopes for. */
static bool is_success(unsigned status) {
    return status < 300 || status == 304;
}

static enum gw_failure failure_of(const struct gw_backend_call *call,
                                  const struct gw_call_response *response) {
    switch (response->outcome) {
    case GW_CALL_OK:
        return is_success(response->status) ? GW_FAILURE_NONE : GW_FAILURE_STATUS;
    case GW_CALL_CONNECT:
        return GW_FAILURE_CONNECT;
    case GW_CALL_DNS:
        return GW_FAILURE_DNS;
    case GW_CALL_TLS:
        return GW_FAILURE_TLS;
    case GW_CALL_TIMEOUT:
        return call->deadline_first ? GW_FAILURE_DEADLINE : GW_FAILURE_TIMEOUT;
    case GW_CALL_TOO_LARGE:
        return GW_FAILURE_TOO_LARGE;
    case GW_CALL_INVALID:
        return GW_FAILURE_REFUSED;
    case GW_CALL_BROKEN:
        break;
    }
    return GW_FAILURE_DECODE;
}

static const char *error_of(const struct gw_backend_result *result, const char *error) {
    switch (result->failure) {
    case GW_FAILURE_STATUS:
        return gw_status_text(result->status);
    case GW_FAILURE_DEADLINE:
        return "the request's deadline came first";
    default:
        return error;
    }
}

/* What a call says of its backend's health. One that the caller cut short says nothing, but a
 * deadline that a backend let pass for so long is the backend's fault: else a route whose deadline
 * is below the timeout would never open the breaker of a backend that hangs. */
static enum gw_breaker_report report_of(const struct gw_backend_result *result) {
    switch (result->failure) {
    case GW_FAILURE_NONE:
        return GW_BREAKER_SUCCESS;
    case GW_FAILURE_STATUS:
        return result->status < 500 ? GW_BREAKER_SUCCESS : GW_BREAKER_FAILURE;
    case GW_FAILURE_DEADLINE:
        return result->duration_us < LONG_ENOUGH_US ? GW_BREAKER_IGNORED : GW_BREAKER_FAILURE;
    case GW_FAILURE_REFUSED:
    case GW_FAILURE_CANCELLED:
        return GW_BREAKER_IGNORED;
    default:
        return GW_BREAKER_FAILURE;
    }
}

static void report(struct gw_backend_call *call, enum gw_breaker_report what) {
    struct gw_backend *backend = call->backend;
    if (what == GW_BREAKER_FAILURE)
        atomic_store(&backend->last_error, call->result.error);
    gw_breaker_report(backend->breaker, call->permit, what, gw_clock_ms());
}

static void on_response(void *user, struct gw_call_response *response) {
    struct gw_backend_call *call = user;
    struct gw_backend_result *result = &call->result;
    result->failure = failure_of(call, response);
    result->status = response->status;
    result->attempts = 1;
    result->error = error_of(result, response->error);
    result->duration_us = response->duration_us;
    gw_buf_move(&result->fields, &response->fields);
    gw_buf_move(&result->body, &response->body);
    report(call, report_of(result));
    deliver(call);
}

/* --- Its beginning --- */

static void forward(struct gw_backend_call *call, struct gw_client *client,
                    const struct gw_backend_request *request, int64_t left_ms) {
    const struct gw_target *target = atomic_load(&call->backend->target);
    int64_t timeout_ms = request->timeout_ms ? request->timeout_ms : target->timeout_ms;
    call->deadline_first = left_ms < timeout_ms;
    struct gw_buf url = {0};
    gw_buf_append_str(&url, gw_str_from(target->url));
    gw_buf_append_str(&url, request->path);
    gw_buf_append_char(&url, '\0');
    struct gw_call_request sent = {
        .method = request->method,
        .url = url.data,
        .fields = request->fields,
        .n_fields = request->n_fields,
        .body = request->body,
        .has_body = request->has_body,
        .connect_timeout_ms = target->connect_timeout_ms,
        .timeout_ms = call->deadline_first ? left_ms : timeout_ms,
        .max_response = target->max_response,
    };
    call->sent = gw_client_start(client, &sent, on_response, call);
    gw_buf_fini(&url);
}

struct gw_backend_call *gw_backend_start(struct gw_backend *backend, struct gw_client *client,
                                         struct event_base *base,
                                         const struct gw_backend_request *request,
                                         gw_backend_done_fn done, void *user) {
    struct gw_backend_call *call = gw_calloc(1, sizeof *call);
    call->backend = backend;
    call->done = done;
    call->user = user;
    int64_t now_ms = gw_clock_ms();
    int64_t left_ms = request->deadline_ms ? request->deadline_ms - now_ms : INT64_MAX;
    if (left_ms <= 0)
        answer(call, base, GW_FAILURE_DEADLINE, "the request's deadline has passed");
    else if (!gw_breaker_admit(backend->breaker, now_ms, &call->permit,
                               &call->result.retry_after_ms))
        answer(call, base, GW_FAILURE_OPEN, "the circuit breaker is open");
    else
        forward(call, client, request, left_ms);
    return call;
}

void gw_backend_cancel(struct gw_backend_call *call) {
    if (call->sent) {
        gw_call_cancel(call->sent);
        report(call, GW_BREAKER_IGNORED);
    } else {
        event_del(&call->soon);
    }
    free(call);
}
