/* One Lua state: the scripts of one generation as one worker runs them. Built by the control
 * thread, then used by its worker only. It owns the Lua heap, the routes and every flow in work.
 *
 * This header is shared by the files of core/lua; other layers see flow.h and generation.h. */
#ifndef GW_LUA_STATE_H
#define GW_LUA_STATE_H

#include "base/settings.h"
#include "engine/backend.h"
#include "engine/jobs.h"
#include "engine/keyspace.h"
#include "engine/saga.h"
#include "lua/budget.h"
#include "lua/heap.h"
#include "lua/sources.h"
#include "policy/metric_meter.h"
#include "policy/router.h"

#include <lua.h>
#include <stdatomic.h>

struct event;
struct event_base;
struct gw_flow;

/* What a state is given from below and above; nothing of it is owned. */
struct gw_host {
    struct event_base *base;  /* NULL, like caller: loaded only to be checked */
    struct gw_caller *caller; /* the worker's */
    struct gw_tracer *tracer; /* likewise; NULL: nothing is recorded */
    struct gw_backends *backends;
    struct gw_job_runner *jobs;     /* the worker's; NULL as the caller is */
    struct gw_sagas *sagas;         /* likewise */
    struct gw_keys *keys;           /* likewise, but shared by all workers */
    struct gw_keyspaces *keyspaces; /* as the keys are */
    const struct gw_settings *settings;
    unsigned generation;                            /* its number */
    bool (*ready)(void *user, const char **reason); /* for GET /ready */
    void *user;
    bool *load_stopped; /* NULL, or set where loading went beyond its budget of time or memory */
    lua_Alloc alloc;    /* NULL: see heap.h. Tests make it fail */
    void *alloc_user;
};

struct gw_route {
    char *label; /* owned: "GET /api/v1/products/:id" */
    char *where; /* owned: "routes/products.lua:12" */
    int64_t deadline_ms;
    uint64_t max_body;      /* bytes */
    struct gw_meter *meter; /* not owned; until the scripts go live that of no route */
};

struct gw_state {
    lua_State *L;
    struct gw_heap heap; /* L's, where the host has no allocator of its own */
    size_t heap_loaded;  /* bytes of it in use when loading was done */
    size_t trim_at;      /* bytes of its chunks */
    struct gw_run run;   /* what is in Lua right now: see budget.h */
    struct gw_host host;
    const struct gw_sources *sources;
    bool prelude_loading; /* gateway.core can be required */
    bool loading;         /* routes and backends can be declared */

    struct gw_router *router;
    struct gw_route *routes;
    unsigned n_routes;
    struct gw_backend **backends; /* a script's handle is the index + 1 */
    unsigned n_backends;
    struct gw_breaker **breakers;
    unsigned n_breakers;
    struct gw_declared *declared_backends, *declared_breakers; /* by the same index: declared.h */
    struct gw_state_metric *metrics;                           /* see metric.h */
    unsigned n_metrics;
    struct gw_state_store *stores; /* see store.c */
    unsigned n_stores;

    /* References into the Lua registry. */
    int request_entry, job_entry, loaded_entry;
    int request_meta, response_meta, failure_meta;

    /* See flow.c. */
    struct gw_flow *flows;       /* all in work; owned */
    struct gw_flow *idle_flows;  /* kept for reuse */
    struct gw_flow *ready_first; /* to be run at the end of this turn of the loop */
    struct gw_flow *ready_last;
    struct gw_flow *current; /* in Lua right now */
    struct event *ready_event;
    atomic_uint n_flows;       /* written by the worker only, read by anybody */
    atomic_size_t heap_in_use; /* likewise; as it was after the last run */
    unsigned n_idle;
    char generation_field[48]; /* for responses in development mode, else "" */

    /* Set once it is retired: called when the last flow has ended. */
    void (*on_empty)(void *user);
    void *on_empty_user;
};

/* Loads prelude and scripts. NULL, with "file:line: message" in `error`, if that fails. */
struct gw_state *gw_state_new(const struct gw_host *host, const struct gw_sources *sources,
                              struct gw_buf *error);

/* On the worker's thread, with no flow in work: lets go of the worker's loop, which is not safe to
 * touch from another thread. Then the state may be freed anywhere. */
void gw_state_detach(struct gw_state *state);

/* Flows still in work are dropped without running: cancel them and wait for zero before. */
void gw_state_free(struct gw_state *state);

/* The state that L, or any of its coroutines, belongs to. */
static inline struct gw_state *gw_state_of(lua_State *L) {
    return *(struct gw_state **)lua_getextraspace(L);
}

#endif
