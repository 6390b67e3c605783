/* A generation: one loaded and checked set of scripts, as one state per worker, all built from the
 * same bytes. It owns its sources and its states; requests in flight end on the generation they
 * began on. */
#ifndef GW_LUA_GENERATION_H
#define GW_LUA_GENERATION_H

#include "lua/state.h"

struct gw_generation {
    unsigned number; /* 1, 2, ... */
    struct gw_sources *sources;
    unsigned n_states;
    struct gw_state **states; /* by worker */
};

/* Reads `folder` and loads it once for each of the hosts. NULL, with "file:line: message" in
 * `error`, if anything fails; nothing is changed then. */
struct gw_generation *gw_generation_load(const char *folder, unsigned number,
                                         const struct gw_host *hosts, unsigned n_hosts,
                                         struct gw_buf *error);

/* No flow may be in work. */
void gw_generation_free(struct gw_generation *generation);

#endif
