/* A call takes the connection of its host that was used last, or has one made.
 *
 * Connecting is libcurl's (CURLOPT_CONNECT_ONLY): it looks names up in a thread, so that the loop
 * never waits, asks again after a few seconds, so that addresses may change, tries IPv6 and IPv4
 * side by side, and tells a name from a connection that failed. libevent's evdns would look names
 * up by rules of its own instead of the system's, is one more library, and leaves the rest to us.
 */
#include "http/client_internal.h"

#include "base/clock.h"

#include <event2/event.h>

static void leave_wire(struct gw_wire *wire) {
    if (wire->call) {
        wire->call->place = GW_CALL_NOWHERE;
        wire->call->wire = NULL;
    }
    wire->call = NULL;
}

void gw_pool_drop(struct gw_wire *wire) {
    leave_wire(wire);
    gw_wire_free(wire);
}

static void unidle(struct gw_wire *wire) {
    TAILQ_REMOVE(&wire->host->idle, wire, link);
    wire->host->n_idle--;
}

static bool is_old(const struct gw_wire *wire) {
    return gw_clock_us() - wire->opened_us > wire->host->client->lifetime_us;
}

/* --- A call gets a connection --- */

static void carry(struct gw_wire *wire, struct gw_call *call) {
    call->place = GW_CALL_ON_WIRE;
    call->wire = wire;
    call->response.times.is_reused = wire->is_reused;
    call->sent_us = wire->is_reused ? call->started_us : wire->opened_us;
    gw_wire_carry(wire, call);
}

static void connect_for(struct gw_call *call) {
    call->place = GW_CALL_CONNECTING;
    call->sent_us = 0;
    gw_curl_connect(call);
}

/* A request that could not be repeated wants a look at the connection first: its end may have come
 * in this turn of the loop. */
static struct gw_wire *take_idle(const struct gw_call *call) {
    struct gw_wire *wire;
    while ((wire = TAILQ_FIRST(&call->host->idle))) {
        unidle(wire);
        if (call->outgoing.is_idempotent || gw_wire_is_quiet(wire))
            return wire;
        gw_pool_drop(wire);
    }
    return NULL;
}

void gw_pool_start(struct gw_call *call) {
    struct gw_wire *wire = take_idle(call);
    if (wire)
        carry(wire, call);
    else
        connect_for(call);
}

void gw_pool_connected(struct gw_call *call, evutil_socket_t fd) {
    carry(gw_wire_new(call->host, fd), call);
}

void gw_pool_repeat(struct gw_call *call) {
    call->response.was_repeated = call->wire->sent > 0;
    gw_pool_drop(call->wire);
    connect_for(call);
}

/* --- A call ends --- */

void gw_pool_stop(struct gw_call *call) {
    enum gw_call_place place = call->place;
    call->place = GW_CALL_NOWHERE;
    if (place == GW_CALL_ON_WIRE)
        gw_pool_drop(call->wire);
    else if (place == GW_CALL_CONNECTING)
        gw_curl_stop(call);
}

/* --- Idle connections --- */

static void reap_later(struct gw_client *client) {
    int64_t us = client->lifetime_us / 4;
    struct timeval pause = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    event_add(&client->reaper, &pause);
}

static void make_idle(struct gw_wire *wire) {
    struct gw_client_host *host = wire->host;
    TAILQ_INSERT_HEAD(&host->idle, wire, link);
    if (++host->n_idle > host->client->max_idle)
        gw_pool_close_idle(TAILQ_LAST(&host->idle, gw_wire_list));
    if (!evtimer_pending(&host->client->reaper, NULL))
        reap_later(host->client);
}

void gw_pool_keep(struct gw_wire *wire) {
    leave_wire(wire);
    if (is_old(wire))
        gw_pool_drop(wire);
    else
        make_idle(wire);
}

void gw_pool_close_idle(struct gw_wire *wire) {
    unidle(wire);
    gw_pool_drop(wire);
}

static void reap_host(struct gw_client_host *host) {
    struct gw_wire *wire, *next;
    for (wire = TAILQ_FIRST(&host->idle); wire; wire = next) {
        next = TAILQ_NEXT(wire, link);
        if (is_old(wire))
            gw_pool_close_idle(wire);
    }
}

void gw_pool_reap(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_client *client = user;
    unsigned n_idle = 0;
    for (unsigned i = 0; i < client->n_hosts; i++) {
        reap_host(client->hosts[i]);
        n_idle += client->hosts[i]->n_idle;
    }
    if (n_idle > 0)
        reap_later(client);
}

void gw_pool_fini(struct gw_client_host *host) {
    while (!TAILQ_EMPTY(&host->idle))
        gw_pool_close_idle(TAILQ_FIRST(&host->idle));
}
