#include "http/sockets.h"

#include "base/alloc.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct watch {
    struct gw_sockets *sockets;
    struct event read, write;
    short wanted;    /* by the library */
    short watched;   /* by libevent: all that is wanted, and perhaps reading */
    bool connection; /* else the library's own, a resolver's pipe */
};

struct gw_sockets {
    struct event_base *base;
    gw_sockets_ready_fn ready;
    void *user;
    struct watch **by_fd; /* owned, and each watch; NULL where there is none */
    int n;                /* of by_fd */
};

struct gw_sockets *gw_sockets_new(struct event_base *base, gw_sockets_ready_fn ready, void *user) {
    struct gw_sockets *sockets = gw_calloc(1, sizeof *sockets);
    sockets->base = base;
    sockets->ready = ready;
    sockets->user = user;
    return sockets;
}

static void unwatch(struct watch *watch, short what) {
    if (watch->watched & what & EV_READ)
        event_del(&watch->read);
    if (watch->watched & what & EV_WRITE)
        event_del(&watch->write);
    watch->watched &= ~what;
}

static void forget(struct gw_sockets *sockets, evutil_socket_t fd) {
    if (fd >= sockets->n || !sockets->by_fd[fd])
        return;
    unwatch(sockets->by_fd[fd], EV_READ | EV_WRITE);
    free(sockets->by_fd[fd]);
    sockets->by_fd[fd] = NULL;
}

void gw_sockets_free(struct gw_sockets *sockets) {
    if (!sockets)
        return;
    for (int fd = 0; fd < sockets->n; fd++)
        forget(sockets, fd);
    free(sockets->by_fd);
    free(sockets);
}

static void on_event(evutil_socket_t fd, short what, void *user) {
    struct watch *watch = user;
    if (watch->wanted & what)
        watch->sockets->ready(watch->sockets->user, fd, what);
    else
        unwatch(watch, what); /* a kept connection has ended: epoll would say so without end */
}

static void make_room(struct gw_sockets *sockets, evutil_socket_t fd) {
    if (fd < sockets->n)
        return;
    int n = fd + 64;
    sockets->by_fd = gw_realloc(sockets->by_fd, (size_t)n * sizeof *sockets->by_fd);
    memset(sockets->by_fd + sockets->n, 0, (size_t)(n - sockets->n) * sizeof *sockets->by_fd);
    sockets->n = n;
}

static struct watch *watch_new(struct gw_sockets *sockets, evutil_socket_t fd) {
    struct watch *watch = gw_calloc(1, sizeof *watch);
    watch->sockets = sockets;
    event_assign(&watch->read, sockets->base, fd, EV_READ | EV_PERSIST, on_event, watch);
    event_assign(&watch->write, sockets->base, fd, EV_WRITE | EV_PERSIST, on_event, watch);
    make_room(sockets, fd);
    return sockets->by_fd[fd] = watch;
}

void gw_sockets_opened(struct gw_sockets *sockets, evutil_socket_t fd) {
    forget(sockets, fd);
    watch_new(sockets, fd)->connection = true;
}

void gw_sockets_closing(struct gw_sockets *sockets, evutil_socket_t fd) {
    forget(sockets, fd);
}

void gw_sockets_want(struct gw_sockets *sockets, evutil_socket_t fd, short what) {
    struct watch *watch = fd < sockets->n ? sockets->by_fd[fd] : NULL;
    if (!watch)
        watch = watch_new(sockets, fd);
    short missing = what & ~watch->watched;
    watch->wanted = what;
    watch->watched |= missing;
    if (missing & EV_READ)
        event_add(&watch->read, NULL);
    if (missing & EV_WRITE)
        event_add(&watch->write, NULL);
    unwatch(watch, EV_WRITE & ~what);
    if (what == 0 && !watch->connection)
        forget(sockets, fd);
}
