/* Watches a folder, all folders below it, and what its symbolic links lead to, and says that
 * something has changed: not what, and not whether it matters. Whoever is told reads the folder. It
 * lives on one event loop and is used by that thread only.
 *
 * Told is 100 ms after the last change, or half a second after the first one while there is no end
 * of them. By then the folders that have come are watched, so that what is read then, and changes
 * later, is told again. What inotify cannot see - the folder itself replaced, or what a link leads
 * to, or gone and back again - is found by looking twice a second which folders the names stand
 * for. Where the system gives no inotify, or not enough of it, everything is told once a second. */
#ifndef GW_ENGINE_WATCH_H
#define GW_ENGINE_WATCH_H

#include <stdbool.h>

struct event_base;
struct gw_watch;

typedef void (*gw_watch_fn)(void *user);

struct gw_watch *gw_watch_new(struct event_base *base, const char *folder, gw_watch_fn changed,
                              void *user);
void gw_watch_free(struct gw_watch *watch);

/* It does without inotify, and why is in the log. */
bool gw_watch_is_polling(const struct gw_watch *watch);

#endif
