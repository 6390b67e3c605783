#include "http/client_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct gw_parser_limits limits = {
    .request_line = 64 * 1024, .head = 256 * 1024, .fields = 1000};

static void on_readable(evutil_socket_t fd, short what, void *user);
static void on_writable(evutil_socket_t fd, short what, void *user);

static evutil_socket_t socket_of(const struct gw_wire *wire) {
    return event_get_fd(&wire->readable);
}

/* Registered once: neither a call nor being idle changes what is waited for. Level-triggered, so
 * that one read per event is enough, and an end that comes with the last bytes is still told. */
struct gw_wire *gw_wire_new(struct gw_client_host *host, evutil_socket_t fd) {
    struct event_base *base = host->client->base;
    struct gw_wire *wire = gw_calloc(1, sizeof *wire);
    wire->host = host;
    wire->opened_us = gw_clock_us();
    gw_parser_init(&wire->parser, GW_PARSER_RESPONSE, &limits);
    event_assign(&wire->readable, base, fd, EV_READ | EV_PERSIST, on_readable, wire);
    event_assign(&wire->writable, base, fd, EV_WRITE, on_writable, wire);
    event_add(&wire->readable, NULL);
    gw_metric_add(host->open, 1);
    gw_metric_add(host->opened, 1);
    return wire;
}

void gw_wire_free(struct gw_wire *wire) {
    gw_metric_add(wire->host->open, -1);
    event_del(&wire->readable);
    event_del(&wire->writable);
    close(socket_of(wire));
    gw_parser_fini(&wire->parser);
    free(wire);
}

bool gw_wire_is_quiet(const struct gw_wire *wire) {
    char byte;
    return recv(socket_of(wire), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

/* --- Writing --- */

static struct gw_str unsent(const struct gw_wire *wire) {
    struct gw_str request = gw_buf_str(&wire->call->outgoing.text);
    return (struct gw_str){request.data + wire->sent, request.len - wire->sent};
}

/* A connection that takes no more may still have a response to be read, to a request it did not
 * want to the end: so whatever it died of is left to the reader to find, in a turn of its own. */
static void flush(struct gw_wire *wire) {
    struct gw_str rest;
    while ((rest = unsent(wire)).len > 0) {
        ssize_t n = send(socket_of(wire), rest.data, rest.len, MSG_NOSIGNAL);
        if (n < 0)
            break;
        wire->sent += (size_t)n;
    }
    if (rest.len > 0 && errno == EAGAIN)
        event_add(&wire->writable, NULL);
    else if (rest.len > 0)
        event_active(&wire->readable, EV_CLOSED, 1);
}

static void on_writable(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    flush(user);
}

void gw_wire_carry(struct gw_wire *wire, struct gw_call *call) {
    wire->call = call;
    wire->sent = 0;
    wire->is_answered = false;
    wire->parser.answers_head = call->outgoing.is_head;
    flush(wire);
}

/* --- Reading --- */

/* The response is whole. Bytes behind it were never asked for, and could pass for the next one's.
 */
static void complete(struct gw_wire *wire, bool is_clean) {
    struct gw_call *call = wire->call;
    bool is_kept = is_clean && wire->parser.message.keep_alive && unsent(wire).len == 0;
    wire->is_reused = true;
    if (is_kept)
        gw_pool_keep(wire);
    else
        gw_pool_drop(wire);
    gw_call_finish(call, GW_CALL_OK, "");
}

/* 101 answers an Upgrade, which is not for this client to send: what follows would not be HTTP. */
static void take_interim(struct gw_wire *wire) {
    if (wire->parser.message.status == 101)
        gw_call_finish(wire->call, GW_CALL_BROKEN, "the server switches protocols unasked");
}

static void take_body(struct gw_wire *wire, struct gw_str piece) {
    if (!gw_collector_body(&wire->call->collector, piece))
        gw_call_finish(wire->call, GW_CALL_TOO_LARGE, "the response is too large");
}

static void fail(struct gw_wire *wire) {
    const struct gw_parser_error *error = &wire->parser.error;
    bool is_too_large = error->status == 414 || error->status == 431;
    if (is_too_large)
        gw_call_finish(wire->call, GW_CALL_TOO_LARGE, "the response's header section is too large");
    else
        gw_call_finish(wire->call, GW_CALL_BROKEN, error->reason);
}

/* Until the bytes or the call end; with the call the wire may be gone. */
static void feed(struct gw_wire *wire, struct gw_str in) {
    const struct gw_call *call = wire->call;
    struct gw_str piece;
    while (call->state == GW_CALL_RUNNING)
        switch (gw_parser_next(&wire->parser, &in, &piece)) {
        case GW_PARSER_MORE:
            return;
        case GW_PARSER_HEAD:
            gw_collector_head(&wire->call->collector, &wire->parser.message);
            break;
        case GW_PARSER_BODY:
            take_body(wire, piece);
            break;
        case GW_PARSER_END:
            if (wire->parser.message.status < 200)
                take_interim(wire);
            else
                complete(wire, in.len == 0 && !wire->is_filled);
            break;
        case GW_PARSER_ERROR:
            fail(wire);
            break;
        }
}

static bool may_repeat(const struct gw_wire *wire) {
    return wire->is_reused && !wire->is_answered &&
           (wire->call->outgoing.is_idempotent || wire->sent == 0);
}

/* The end of the stream, or an error that cut it off. */
static void end(struct gw_wire *wire, bool is_cut) {
    if (may_repeat(wire))
        gw_pool_repeat(wire->call);
    else if (!wire->is_answered)
        gw_call_finish(wire->call, GW_CALL_BROKEN, "the connection ended without a response");
    else if (is_cut || gw_parser_finish(&wire->parser) != GW_PARSER_END)
        gw_call_finish(wire->call, GW_CALL_BROKEN, "the connection ended within the response");
    else
        complete(wire, false);
}

static void receive(struct gw_wire *wire, ssize_t n) {
    if (n > 0) {
        struct gw_call *call = wire->call;
        bool is_first = !wire->is_answered;
        wire->is_answered = true;
        wire->is_filled = (size_t)n == sizeof wire->host->client->input; /* more may wait */
        feed(wire, (struct gw_str){wire->host->client->input, (size_t)n});
        if (is_first && call->state == GW_CALL_RUNNING) /* what comes at once needs no clock */
            call->first_byte_us = gw_clock_us();
    } else {
        end(wire, n < 0);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *user) {
    struct gw_wire *wire = user;
    struct gw_client *client = wire->host->client;
    ssize_t n = recv(fd, client->input, sizeof client->input, 0);
    if (n < 0 && errno == EAGAIN && !(what & EV_CLOSED))
        return;
    if (wire->call)
        receive(wire, n);
    else
        gw_pool_close_idle(wire); /* it ended, or spoke unasked */
    gw_client_deliver(client);
}
