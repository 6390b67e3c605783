/* What is remembered of the last generations, also when they have been freed: their sources, so
 * that the gateway can go back to them, and who made them live, and when. For the control thread.
 */
#ifndef GW_LUA_HISTORY_H
#define GW_LUA_HISTORY_H

#include "lua/sources.h"

#define GW_HISTORY_SIZE 10

struct gw_record {
    unsigned number;
    int64_t live_at_ms;         /* wall clock */
    char origin[40];            /* "start", "file change", "rollback to 3", ... */
    struct gw_sources *sources; /* kept */
    unsigned n_routes;
};

/* All zero is an empty one. */
struct gw_history {
    struct gw_record records[GW_HISTORY_SIZE]; /* oldest first */
    unsigned n;
};

/* Keeps the sources; forgets the oldest where there is no room. */
void gw_history_add(struct gw_history *history, const struct gw_record *record);

/* NULL if there is none of that number, or not any more. */
const struct gw_record *gw_history_find(const struct gw_history *history, unsigned number);

/* The last one before the newest that has other scripts; NULL if there is none. */
const struct gw_record *gw_history_previous(const struct gw_history *history);
void gw_history_fini(struct gw_history *history);

#endif
