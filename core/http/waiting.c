/* When a connection gets its next turn other than by an event of its socket.
 *
 * Each phase keeps its connections in a list. All of a phase have the same time limit, so the one
 * that entered first is due first: entering is moving to the tail, and one timer for the first of
 * all lists serves every connection. A libevent timeout of its own for each would cost a heap
 * operation per request.
 *
 * A connection that has more to read than one turn allows comes back at the next turn of the loop,
 * after the events of others: one timer of no delay for all of them. */
#include "base/clock.h"
#include "http/server_internal.h"

static void wake_at(struct gw_server *server, int64_t at_ms, int64_t now_ms) {
    if (at_ms >= server->wake_ms)
        return;
    int64_t delay_ms = at_ms > now_ms ? at_ms - now_ms : 1;
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    server->wake_ms = at_ms;
    event_add(&server->timer, &delay);
}

void gw_connection_enter(struct gw_connection *connection, enum gw_phase phase) {
    struct gw_server *server = connection->server;
    TAILQ_REMOVE(&server->phases[connection->phase], connection, link);
    TAILQ_INSERT_TAIL(&server->phases[phase], connection, link);
    connection->phase = phase;
    if (server->limit_ms[phase] == 0)
        return;
    int64_t now_ms = gw_clock_ms();
    connection->deadline_ms = now_ms + server->limit_ms[phase];
    wake_at(server, connection->deadline_ms, now_ms);
}

/* An expired connection is closed or enters a phase anew, with a later deadline, so this ends. */
static void expire_phase(struct gw_server *server, enum gw_phase phase, int64_t now_ms) {
    struct gw_connection *first;
    while ((first = TAILQ_FIRST(&server->phases[phase])) && first->deadline_ms <= now_ms)
        gw_connection_expire(first);
    if (first)
        wake_at(server, first->deadline_ms, now_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_server *server = user;
    int64_t now_ms = gw_clock_ms();
    server->wake_ms = INT64_MAX;
    for (enum gw_phase phase = GW_PHASE_IDLE; phase < GW_PHASE_CLOSED; phase++)
        if (server->limit_ms[phase] != 0)
            expire_phase(server, phase, now_ms);
}

void gw_connection_come_back(struct gw_connection *connection) {
    struct gw_server *server = connection->server;
    if (connection->is_coming_back)
        return;
    connection->is_coming_back = true;
    if (TAILQ_EMPTY(&server->coming_back))
        event_add(&server->next_turn, &(struct timeval){0, 0});
    TAILQ_INSERT_TAIL(&server->coming_back, connection, turn);
    server->n_coming_back++;
}

static void stop_coming_back(struct gw_connection *connection) {
    if (!connection->is_coming_back)
        return;
    connection->is_coming_back = false;
    TAILQ_REMOVE(&connection->server->coming_back, connection, turn);
    connection->server->n_coming_back--;
}

/* Those that come back again meanwhile are not of this turn. */
static void on_next_turn(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_server *server = user;
    struct gw_connection *connection;
    unsigned n = server->n_coming_back;
    while (n-- > 0 && (connection = TAILQ_FIRST(&server->coming_back))) {
        stop_coming_back(connection);
        gw_connection_wake(connection, 0);
    }
    if (!TAILQ_EMPTY(&server->coming_back))
        event_add(&server->next_turn, &(struct timeval){0, 0});
}

void gw_waiting_forget(struct gw_connection *connection) {
    stop_coming_back(connection);
    TAILQ_REMOVE(&connection->server->phases[connection->phase], connection, link);
}

void gw_waiting_init(struct gw_server *server) {
    for (enum gw_phase phase = GW_PHASE_IDLE; phase < GW_PHASES; phase++)
        TAILQ_INIT(&server->phases[phase]);
    server->limit_ms[GW_PHASE_IDLE] = server->options.idle_ms;
    server->limit_ms[GW_PHASE_HEAD] = server->options.head_ms;
    server->limit_ms[GW_PHASE_BODY] = server->options.body_idle_ms;
    server->limit_ms[GW_PHASE_WRITE] = server->options.write_stalled_ms;
    server->limit_ms[GW_PHASE_LINGER] = GW_SERVER_LINGER_MS;
    server->wake_ms = INT64_MAX;
    TAILQ_INIT(&server->coming_back);
    evtimer_assign(&server->next_turn, server->base, on_next_turn, server);
    evtimer_assign(&server->timer, server->base, on_timer, server);
}

void gw_waiting_fini(struct gw_server *server) {
    event_del(&server->timer);
    event_del(&server->next_turn);
}
