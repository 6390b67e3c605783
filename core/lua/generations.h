/* The generations of a process: which one is live, those that still have requests in work, and what
 * is remembered of the last ones; how scripts become live, and why they did not. It belongs to the
 * gateway and to the control thread; workers see single generations only.
 *
 * A load that fails changes nothing but what is known of it: `failure`. */
#ifndef GW_LUA_GENERATIONS_H
#define GW_LUA_GENERATIONS_H

#include "lua/generation.h"
#include "lua/history.h"

#define GW_MAX_RETIRED 16 /* with requests in work; then scripts are not loaded anew */

struct gw_generations {
    const struct gw_settings *settings;
    struct gw_host *hosts; /* owned; one per worker */
    unsigned n_hosts;
    void (*on_live)(void *user); /* the live one has changed: tell the workers */
    void *user;

    struct gw_generation *live;                    /* owned */
    struct gw_generation *retired[GW_MAX_RETIRED]; /* owned; oldest first */
    unsigned n_retired;
    unsigned last_number;
    struct gw_history history; /* the newest is the live one */
    bool is_closed;            /* the shutdown has begun */

    char disk[GW_SHA256_TEXT_SIZE]; /* sum of the scripts folder when last read; "": unreadable */
    char held[GW_SHA256_TEXT_SIZE]; /* of the folder at the time of a rollback, which holds while
                                       the folder is as it was then */
    bool is_held;
    bool is_last_good;               /* the live one is not of the folder, but of DATA_DIR */
    char saved[GW_SHA256_TEXT_SIZE]; /* what DATA_DIR has */

    /* The folder's scripts as they are cannot be loaded. */
    struct {
        bool is_set;
        int64_t since_ms;                 /* wall clock; of the first in a row */
        char sha256[GW_SHA256_TEXT_SIZE]; /* as `disk` */
        struct gw_buf errors;             /* as gw_generation_build() tells them */
        struct gw_sources *sources;       /* kept; NULL: the folder could not be read */
    } failure;
};

enum gw_reload {
    GW_RELOAD_DONE,
    GW_RELOAD_UNCHANGED, /* the folder is as it was */
    GW_RELOAD_BROKEN,    /* `errors` has "file:line: message" lines */
    GW_RELOAD_BUSY,      /* `errors` says why it cannot be done now */
    GW_RELOAD_UNKNOWN,   /* no such generation to go back to */
};

/* Hosts are copied. */
void gw_generations_init(struct gw_generations *generations, const struct gw_settings *settings,
                         const struct gw_host *hosts, unsigned n_hosts, void (*on_live)(void *user),
                         void *user);

/* The first one: the folder's, or with LAST_GOOD that of DATA_DIR where the folder's fail. */
bool gw_generations_start(struct gw_generations *generations, struct gw_buf *errors);

/* Loads the folder, whatever is live. `origin` says who asked for it. */
enum gw_reload gw_generations_reload(struct gw_generations *generations, const char *origin,
                                     struct gw_buf *errors);

/* The folder may have changed: loads it if it is neither what is live nor what failed, and not what
 * a rollback holds. */
enum gw_reload gw_generations_look(struct gw_generations *generations);

/* Loads the sources of an earlier one; 0: the last that differ from the live ones. */
enum gw_reload gw_generations_roll_back(struct gw_generations *generations, unsigned number,
                                        struct gw_buf *errors);

/* While the last good scripts are live instead of the folder's: an error in the log that says so.
 */
void gw_generations_complain(const struct gw_generations *generations);

/* Frees what no worker holds any more. */
void gw_generations_reap(struct gw_generations *generations);

/* NULL if it is freed. */
const struct gw_generation *gw_generations_find(const struct gw_generations *generations,
                                                unsigned number);

/* No worker runs any more. */
void gw_generations_fini(struct gw_generations *generations);

#endif
