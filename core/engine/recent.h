/* The last requests of one worker: their records, kept for whoever asks what happened to one. Three
 * lists, each bounded in number and in bytes: all of the last, those of the last that failed, which
 * a busy gateway would have pushed out of the first long ago, and for each route the slowest of the
 * last quarter of an hour.
 *
 * The worker puts records in, the control thread reads: it takes readers of its own, of a few
 * records at a time under the mutex, and looks at them in its own time. So the worker never waits
 * for more than a few pointers; and what it drops meanwhile may be missing. */
#ifndef GW_ENGINE_RECENT_H
#define GW_ENGINE_RECENT_H

#include "engine/trace.h"

#define GW_RECENT_SLOWEST     5          /* per route */
#define GW_RECENT_ROUTES      1024       /* of which the slowest are kept */
#define GW_RECENT_MAX_BYTES   (8u << 20) /* of each list's records; the oldest go first */
#define GW_RECENT_SLOW_FOR_US (INT64_C(900) * 1000000)

enum gw_recent_list { GW_RECENT_FAILED, GW_RECENT_LAST, GW_RECENT_SLOW };
extern const char *const gw_recent_list_names[]; /* "error", "recent", "slow": why it is kept */

struct gw_recent;

/* `size`: how many of the last are kept, and how many that failed; 0: nothing is. */
struct gw_recent *gw_recent_new(size_t size);
void gw_recent_free(struct gw_recent *recent);

/* By the worker: it is finished. */
void gw_recent_keep(struct gw_recent *recent, struct gw_trace *trace);

struct gw_recent_entry {
    struct gw_trace *trace;
    enum gw_recent_list list; /* the first that has it */
};

/* Any thread: all there are, each once, in no order. Release what is returned. */
struct gw_recent_entry *gw_recent_all(struct gw_recent *recent, int64_t now_us, size_t *n);
void gw_recent_release(struct gw_recent_entry *entries, size_t n);

#endif
