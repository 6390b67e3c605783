/* The listener and the list of connections. */
#include "http/server.h"

#include "base/alloc.h"
#include "base/log.h"
#include "http/server_internal.h"
#include "policy/metric_core.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  4096 /* the system cuts it to net.core.somaxconn */
#define RETRY_MS 100  /* after accepting was paused for what this server does not see end */

/* --- Accepting --- */

static void pause_accept(struct gw_server *server) {
    server->is_paused = true;
    evconnlistener_disable(server->listener);
}

static bool is_full(const struct gw_server *server) {
    const struct gw_server_options *options = &server->options;
    unsigned n = options->n_shared ? atomic_load(options->n_shared) : server->n_connections;
    return n >= options->max_connections;
}

static void retry_later(struct gw_server *server) {
    if (!evtimer_pending(&server->retry_accept, NULL))
        event_add(&server->retry_accept, &(struct timeval){.tv_usec = RETRY_MS * 1000});
}

static void resume_accept(struct gw_server *server) {
    if (!server->is_paused || server->is_draining)
        return;
    if (is_full(server)) {
        retry_later(server); /* another server's connection may be the next to end */
        return;
    }
    server->is_paused = false;
    evconnlistener_enable(server->listener);
}

void gw_server_count_connection(struct gw_server *server) {
    server->n_connections++;
    if (!server->options.n_shared)
        return; /* not of clients: the admin listener's */
    atomic_fetch_add(server->options.n_shared, 1);
    gw_metric_add(gw_count.connections_accepted, 1);
}

void gw_server_release_connection(struct gw_server *server) {
    server->n_connections--;
    if (server->options.n_shared)
        atomic_fetch_sub(server->options.n_shared, 1);
    resume_accept(server);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int length, void *user) {
    (void)listener, (void)length;
    struct gw_server *server = user;
    gw_connection_open(server, fd, peer);
    if (!is_full(server))
        return;
    pause_accept(server);
    retry_later(server);
}

static void log_not_accepting(const char *why) {
    if (!gw_log_enabled(GW_LOG_WARN))
        return;
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "cannot accept connections");
    gw_log_str(line, "error", gw_str_from(why));
    gw_log_same(line, GW_STR("accept"));
    gw_log_same(line, gw_str_from(why));
    gw_log_end(line);
}

/* Out of descriptors, most likely. The waiting connection keeps the listener readable, so to go on
 * would be to spin. One line of log for each retry, folded. */
static void on_accept_error(struct evconnlistener *listener, void *user) {
    (void)listener;
    struct gw_server *server = user;
    pause_accept(server);
    if (evtimer_pending(&server->retry_accept, NULL))
        return;
    log_not_accepting(strerror(errno));
    retry_later(server);
}

static void on_retry_accept(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    resume_accept(user);
}

/* --- Listening --- */

/* SO_REUSEPORT lets a second process of the same user share the port in silence; binding without it
 * for a moment tells whether somebody else is there. */
static bool is_taken(const struct addrinfo *address) {
    int on = 1, fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool taken = bind(fd, address->ai_addr, address->ai_addrlen) != 0 && errno == EADDRINUSE;
    close(fd);
    if (taken)
        errno = EADDRINUSE;
    return taken;
}

static struct evconnlistener *listen_at(struct gw_server *server, const struct addrinfo *address) {
    if (server->options.exclusive && is_taken(address))
        return NULL;
    const unsigned flags =
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT;
    return evconnlistener_new_bind(server->base, on_accept, server, flags, BACKLOG,
                                   address->ai_addr, (int)address->ai_addrlen);
}

/* Resolves the host and listens at the first of its addresses that can be bound. */
static bool start_listening(struct gw_server *server, const char **reason) {
    struct addrinfo *addresses;
    char service[8];
    snprintf(service, sizeof service, "%u", server->options.port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int status = getaddrinfo(server->options.host, service, &hints, &addresses);
    if (status != 0) {
        *reason = gai_strerror(status);
        return false;
    }
    for (struct addrinfo *at = addresses; at && !server->listener; at = at->ai_next)
        server->listener = listen_at(server, at);
    *reason = strerror(errno);
    freeaddrinfo(addresses);
    return server->listener != NULL;
}

static uint16_t port_of(evutil_socket_t fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* Accepted sockets inherit the option, so that it costs them no call. */
static void set_up_listener(struct gw_server *server) {
    evutil_socket_t fd = evconnlistener_get_fd(server->listener);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    server->port = port_of(fd);
}

/* --- Life --- */

struct gw_server *gw_server_new(struct event_base *base, const struct gw_server_options *options,
                                const struct gw_server_handler *handler, void *user, char *error,
                                size_t error_size) {
    struct gw_server *server = gw_calloc(1, sizeof *server);
    const char *reason;
    struct gw_str origins = gw_str_trim(options->cors_allow_origins);
    server->base = base;
    server->handler = handler;
    server->user = user;
    server->options = *options;
    server->options.cors_allow_origins =
        (struct gw_str){gw_strndup(origins.len ? origins.data : "", origins.len), origins.len};
    gw_waiting_init(server);
    evtimer_assign(&server->retry_accept, base, on_retry_accept, server);
    if (!start_listening(server, &reason)) {
        snprintf(error, error_size, "cannot listen on %s:%u: %s", options->host, options->port,
                 reason);
        gw_server_free(server);
        return NULL;
    }
    server->options.host = NULL; /* the caller's */
    set_up_listener(server);
    return server;
}

static void stop_listening(struct gw_server *server) {
    server->is_draining = true;
    event_del(&server->retry_accept);
    if (server->listener)
        evconnlistener_free(server->listener);
    server->listener = NULL;
}

static void close_all(struct gw_server *server, enum gw_phase phase) {
    struct gw_connection *connection;
    while ((connection = TAILQ_FIRST(&server->phases[phase]))) {
        gw_connection_close(connection);
        gw_connection_settle(connection);
    }
}

void gw_server_free(struct gw_server *server) {
    if (!server)
        return;
    stop_listening(server);
    for (enum gw_phase phase = GW_PHASE_IDLE; phase < GW_PHASE_CLOSED; phase++)
        close_all(server, phase);
    gw_exchange_free_spare(server);
    gw_waiting_fini(server);
    gw_buf_fini(&server->head);
    free((char *)server->options.cors_allow_origins.data);
    free(server);
}

void gw_server_leave(struct gw_server *server) {
    server->is_leaving = true;
}

/* What the system has accepted for us would be reset with the listener. */
static void accept_waiting(struct gw_server *server) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int fd, listener = evconnlistener_get_fd(server->listener);
    while ((fd = accept4(listener, (struct sockaddr *)&peer, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        gw_connection_open(server, fd, (struct sockaddr *)&peer);
        length = sizeof peer;
    }
}

static void limit_idle(struct gw_server *server) {
    struct gw_connection_list *idle = &server->phases[GW_PHASE_IDLE];
    struct gw_connection *at, *last = TAILQ_LAST(idle, gw_connection_list);
    server->limit_ms[GW_PHASE_IDLE] = GW_SERVER_GRACE_MS;
    while (last && (at = TAILQ_FIRST(idle))) {
        gw_connection_enter(at, GW_PHASE_IDLE); /* goes to the end */
        if (at == last)
            break;
    }
}

void gw_server_drain(struct gw_server *server) {
    if (server->is_draining)
        return;
    gw_server_leave(server);
    accept_waiting(server);
    stop_listening(server);
    limit_idle(server);
}

uint16_t gw_server_port(const struct gw_server *server) {
    return server->port;
}

unsigned gw_server_connections(const struct gw_server *server) {
    return server->n_connections;
}
