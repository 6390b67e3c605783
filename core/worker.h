/* A worker: one thread with its event loop, listener, HTTP client and the Lua state of the live
 * generation. Made and listening before its thread starts; told what to do by atomics and a
 * wake-up, so that nothing on the request path takes a lock. It looks which generation is live when
 * the head of a request is in; those before it stay until their last flow has ended, and are then
 * let go. */
#ifndef GW_WORKER_H
#define GW_WORKER_H

#include "engine/exporter.h"
#include "lua/generation.h"

struct gw_worker;

/* Shared by all workers, owned by the gateway. */
struct gw_worker_shared {
    const struct gw_settings *settings;
    struct gw_backends *backends;
    struct gw_jobs *jobs;
    struct gw_journal *journal;
    struct gw_keyspaces *keyspaces;
    struct gw_sagas_shared sagas;
    struct gw_keys *keys;
    struct gw_sampler sampler;      /* of traces */
    struct gw_exporter *exporter;   /* likewise; NULL: none are exported */
    _Atomic int64_t in_flight;      /* requests in work; MAX_IN_FLIGHT */
    _Atomic unsigned n_connections; /* of all workers */
    bool (*ready)(void *user, const char **reason);
    void (*released)(void *user); /* from any thread: no worker holds some generation any more */
    void *user;
};

struct gw_worker *gw_worker_new(struct gw_worker_shared *shared, unsigned index);

/* What a Lua state of this worker needs. */
struct gw_host gw_worker_host(struct gw_worker *worker);

struct gw_sagas *gw_worker_sagas(struct gw_worker *worker);

/* Its last requests; any thread may read them. */
struct gw_recent *gw_worker_recent(struct gw_worker *worker);

/* Binds HOST and `port` (0: any) and returns the port, or 0 with one line in `error`. */
uint16_t gw_worker_listen(struct gw_worker *worker, uint16_t port, struct gw_buf *error);

/* Serves `generation` and those that replace it, which it finds by themselves. */
void gw_worker_start(struct gw_worker *worker, struct gw_generation *generation);

/* Any thread. Another generation is live, or an old one is to end: look now, without waiting for
 * the next request. */
void gw_worker_look(struct gw_worker *worker);

/* Any thread. The shutdown begins: still accepting, but each response ends its connection. */
void gw_worker_leave(struct gw_worker *worker);

/* Any thread. Stops accepting, finishes what is in work within SERVICE_TIMEOUT, cancels the rest,
 * which then has as long again to undo what it did; then the thread ends. */
void gw_worker_drain(struct gw_worker *worker);
void gw_worker_join(struct gw_worker *worker);

/* Not running any more; its states are freed before. */
void gw_worker_free(struct gw_worker *worker);

/* Ends all connections and their exchanges; before its states are freed. */
void gw_worker_close(struct gw_worker *worker);

#endif
