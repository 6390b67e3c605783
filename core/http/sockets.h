/* The sockets of one HTTP client, between a transfer library that says what it waits for and
 * libevent that waits. The library lets go of a connection's socket after every transfer and asks
 * for it again with the next one; here a connection's socket stays registered for reading until it
 * is closed, so that a kept connection costs no epoll_ctl() per call.
 *
 * Owned by the client, used by its thread only. `ready` is called from the loop. */
#ifndef GW_HTTP_SOCKETS_H
#define GW_HTTP_SOCKETS_H

#include <event2/event.h>

struct gw_sockets;

/* `what` is EV_READ or EV_WRITE, and is wanted. */
typedef void (*gw_sockets_ready_fn)(void *user, evutil_socket_t fd, short what);

struct gw_sockets *gw_sockets_new(struct event_base *base, gw_sockets_ready_fn ready, void *user);
void gw_sockets_free(struct gw_sockets *sockets); /* closes nothing */

/* A connection's socket, from the moment it is opened to the moment before it is closed. */
void gw_sockets_opened(struct gw_sockets *sockets, evutil_socket_t fd);
void gw_sockets_closing(struct gw_sockets *sockets, evutil_socket_t fd);

/* `what` is what is waited for from now on: EV_READ, EV_WRITE, both, or 0. A socket that is no
 * connection's is forgotten with 0. */
void gw_sockets_want(struct gw_sockets *sockets, evutil_socket_t fd, short what);

#endif
