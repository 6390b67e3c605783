#include "http/client_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/timer.h"

#include <event2/event.h>
#include <stdlib.h>

#define KEPT_BUF_SIZE (16 * 1024) /* bytes; a spare call's larger buffer is given back */

static void on_timeout(evutil_socket_t fd, short what, void *user);

static struct gw_call *call_new(struct gw_client *client) {
    struct gw_call *call = gw_calloc(1, sizeof *call);
    call->client = client;
    evtimer_assign(&call->timeout, client->base, on_timeout, call);
    return call;
}

static void call_free(struct gw_call *call) {
    gw_transfer_fini(call);
    gw_buf_fini(&call->response.fields);
    gw_buf_fini(&call->response.body);
    free(call);
}

static void enlist(struct gw_call_list *list, struct gw_call *call, enum gw_call_state state) {
    call->state = state;
    TAILQ_INSERT_TAIL(list, call, link);
}

/* The one used last is the one whose memory is still in the cache. */
static struct gw_call *take_spare(struct gw_client *client) {
    struct gw_call *call = TAILQ_LAST(&client->spare, gw_call_list);
    if (!call)
        return call_new(client);
    TAILQ_REMOVE(&client->spare, call, link);
    client->n_spare--;
    return call;
}

static void run(struct gw_call *call, int64_t timeout_ms) {
    enlist(&call->client->running, call, GW_CALL_RUNNING);
    gw_timer_set(&call->timeout, timeout_ms);
    gw_transfer_start(call);
}

/* Of a call on a wire; libcurl knows the rest. */
static void note_times(struct gw_call *call, int64_t now_us) {
    struct gw_call_times *times = &call->response.times;
    if (call->response.outcome == GW_CALL_TLS) { /* libcurl knows no end of connecting then */
        times->tls_us += times->connect_us;
        times->connect_us = 0;
    }
    int64_t first_us = call->first_byte_us ? call->first_byte_us : now_us;
    if (!call->sent_us)
        return;
    times->wait_us = first_us - call->sent_us;
    times->transfer_us = now_us - first_us;
}

static void end(struct gw_call *call, enum gw_call_outcome outcome, const char *error) {
    int64_t now_us = gw_clock_us();
    call->response.outcome = outcome;
    call->response.error = error;
    call->response.duration_us = now_us - call->started_us;
    note_times(call, now_us);
    enlist(&call->client->finished, call, GW_CALL_FINISHED);
}

struct gw_call *gw_client_start(struct gw_client *client, const struct gw_call_request *request,
                                gw_call_done_fn done, void *user) {
    struct gw_call *call = take_spare(client);
    call->done = done;
    call->user = user;
    call->takes_no_room = request->takes_no_room;
    call->started_us = gw_clock_us();
    call->sent_us = call->first_byte_us = 0;
    call->response.times = (struct gw_call_times){0};
    call->response.was_repeated = false;
    gw_collector_begin(&call->collector, &call->response, request->max_response);
    if (gw_transfer_prepare(call, request)) {
        run(call, request->timeout_ms);
    } else {
        end(call, GW_CALL_INVALID, "the request cannot be sent as it is");
        event_active(&client->turn, EV_TIMEOUT, 1);
    }
    return call;
}

static void stop(struct gw_call *call) {
    event_del(&call->timeout);
    TAILQ_REMOVE(&call->client->running, call, link);
    gw_transfer_stop(call);
}

void gw_call_finish(struct gw_call *call, enum gw_call_outcome outcome, const char *error) {
    stop(call);
    end(call, outcome, error);
}

static void on_timeout(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_call *call = user;
    struct gw_client *client = call->client;
    gw_call_finish(call, GW_CALL_TIMEOUT, "no complete response in time");
    gw_client_deliver(client);
}

static void trim(struct gw_buf *buf) {
    if (buf->cap > KEPT_BUF_SIZE)
        gw_buf_fini(buf);
}

static void recycle(struct gw_call *call) {
    struct gw_client *client = call->client;
    if (client->n_spare >= client->max_connections) {
        call_free(call);
        return;
    }
    trim(&call->response.fields);
    trim(&call->response.body);
    gw_outgoing_trim(&call->outgoing);
    enlist(&client->spare, call, GW_CALL_SPARE);
    client->n_spare++;
}

/* A `done` may start calls and cancel others, also those that wait here: take one at a time. */
void gw_client_deliver(struct gw_client *client) {
    struct gw_call *call;
    while ((call = TAILQ_FIRST(&client->finished))) {
        TAILQ_REMOVE(&client->finished, call, link);
        call->done(call->user, &call->response);
        recycle(call);
    }
}

void gw_call_cancel(struct gw_call *call) {
    if (call->state == GW_CALL_RUNNING)
        stop(call);
    else
        TAILQ_REMOVE(&call->client->finished, call, link);
    recycle(call);
}

void gw_client_free_calls(struct gw_client *client) {
    while (!TAILQ_EMPTY(&client->running))
        gw_call_cancel(TAILQ_FIRST(&client->running));
    while (!TAILQ_EMPTY(&client->finished))
        gw_call_cancel(TAILQ_FIRST(&client->finished));
    while (!TAILQ_EMPTY(&client->spare))
        call_free(take_spare(client));
}
