/* A generation: one loaded and checked set of scripts, as one state per worker, all built from the
 * same bytes by the control thread. It owns its sources and its states.
 *
 * Each generation knows the one that replaced it, and that link is the switch: setting it, one
 * atomic store, makes the other one live for all workers, which look when the head of a request is
 * in. Requests in flight end on the generation they began on. A worker that has no flow left in one
 * that was replaced releases it; when all have, the control thread frees it. A worker follows the
 * links one by one and releases only what it has passed, so that what a link leads to is there as
 * long as somebody may follow it. */
#ifndef GW_LUA_GENERATION_H
#define GW_LUA_GENERATION_H

#include "lua/state.h"

struct gw_generation {
    unsigned number; /* 1, 2, ... */
    struct gw_sources *sources;
    unsigned n_states;
    struct gw_state **states;           /* by worker */
    struct gw_generation *_Atomic next; /* what replaced it; NULL: it is live */
    atomic_uint n_holders;              /* workers that have not released it */
    atomic_bool is_to_end;              /* what is still in work there is to be cancelled */
    int64_t retired_ms;                 /* monotonic; the control thread's */
};

/* Loads `take_sources` once for each of the hosts. NULL if anything fails, with "file:line:
 * message" in `error`, one line for each thing that is wrong; nothing is changed then. */
struct gw_generation *gw_generation_build(struct gw_sources *take_sources, unsigned number,
                                          const struct gw_host *hosts, unsigned n_hosts,
                                          struct gw_buf *error);

/* The same, of what is in `folder`. */
struct gw_generation *gw_generation_load(const char *folder, unsigned number,
                                         const struct gw_host *hosts, unsigned n_hosts,
                                         struct gw_buf *error);

/* Gives its backends and breakers the options that its scripts declare. Then, but for the first,
 * gw_generation_replace(). */
void gw_generation_configure(const struct gw_generation *generation);

/* `generation` is live from now on, instead of `old`. */
void gw_generation_replace(struct gw_generation *old, struct gw_generation *generation);

/* A worker's side; NULL: it is live. */
struct gw_generation *gw_generation_next(const struct gw_generation *generation);

/* The worker has no flow in it and will start none. True if it was the last. */
bool gw_generation_release(struct gw_generation *generation);

/* Any thread. */
void gw_generation_end(struct gw_generation *generation);
bool gw_generation_is_to_end(const struct gw_generation *generation);
unsigned gw_generation_flows(const struct gw_generation *generation); /* in work, of all workers */

/* All workers have released it, or do not run. */
void gw_generation_free(struct gw_generation *generation);

#endif
