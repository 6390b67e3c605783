#include "engine/watch.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS   100  /* since the last change, until it is told */
#define PATIENT_MS 500  /* since the first one, at most */
#define LOOK_MS    500  /* whether the names stand for the same folders */
#define POLL_MS    1000 /* without inotify */
#define MAX_DEPTH  16   /* of folders, as lua/sources.c has it; it takes no more of them either: */
#define MAX_PLACES 1000

#define EVENTS                                                                          \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY | \
     IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* One folder that is watched, by the name it was found under. */
struct place {
    char *path; /* owned */
    int wd;
    dev_t device;
    ino_t inode;
    bool is_found, is_scanned; /* by the scan that is going on */
};

struct gw_watch {
    struct event_base *base;
    char *folder; /* owned */
    gw_watch_fn changed;
    void *user;
    int fd; /* of inotify; -1: polling */
    struct event readable;
    struct event due;     /* to tell */
    struct event look;    /* every LOOK_MS or POLL_MS */
    int64_t first_ms;     /* of the changes that are not told yet; 0: none */
    struct place *places; /* owned */
    unsigned n_places;
};

static struct timeval after_ms(int64_t ms) {
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

/* --- Without inotify --- */

static void poll_instead(struct gw_watch *watch, const char *reason) {
    gw_log(GW_LOG_WARN, "%s cannot be watched (%s): it is read once a second", watch->folder,
           reason);
    event_del(&watch->readable);
    close(watch->fd);
    watch->fd = -1;
}

/* --- Which folders there are --- */

static void forget(struct gw_watch *watch, unsigned i) {
    free(watch->places[i].path);
    watch->places[i] = watch->places[--watch->n_places];
}

static struct place *place_of(struct gw_watch *watch, int wd) {
    for (unsigned i = 0; i < watch->n_places; i++)
        if (watch->places[i].wd == wd)
            return &watch->places[i];
    return NULL;
}

static struct place *add_place(struct gw_watch *watch, int wd) {
    size_t n = watch->n_places + 1;
    watch->places = gw_realloc(watch->places, n * sizeof *watch->places);
    watch->places[watch->n_places] = (struct place){.wd = wd};
    return &watch->places[watch->n_places++];
}

/* A folder that was found. One that is watched already, maybe under another name, has the same
 * descriptor. NULL if it cannot be watched: it has just gone, or must not be read, and whoever
 * reads the scripts will say so. The pointer is good until the next one is added. */
static struct place *add(struct gw_watch *watch, const char *path, const struct stat *status) {
    if (watch->n_places == MAX_PLACES)
        return NULL;
    int wd = inotify_add_watch(watch->fd, path, EVENTS);
    if (wd < 0 && (errno == ENOSPC || errno == ENOMEM))
        poll_instead(watch, strerror(errno));
    if (wd < 0)
        return NULL;
    struct place *place = place_of(watch, wd);
    if (!place)
        place = add_place(watch, wd);
    if (!place->is_found) {
        free(place->path);
        *place = (struct place){gw_strdup(path), wd, status->st_dev, status->st_ino, true, false};
    }
    return place;
}

/* The folder that a file behind a link is in: it is there that it changes. */
static void add_home(struct gw_watch *watch, const char *path) {
    char real[PATH_MAX];
    struct stat status;
    if (watch->fd < 0 || !realpath(path, real) || !strrchr(real, '/'))
        return;
    *strrchr(real, '/') = '\0';
    if (stat(*real ? real : "/", &status) == 0)
        add(watch, *real ? real : "/", &status);
}

static void scan(struct gw_watch *watch, const char *path, int depth);

static void scan_entry(struct gw_watch *watch, const char *folder, const char *name, int depth) {
    struct gw_buf path = {0};
    struct stat status, link;
    gw_buf_printf(&path, "%s/%s", folder, name);
    gw_buf_append_char(&path, '\0');
    if (stat(path.data, &status) != 0)
        ;
    else if (S_ISDIR(status.st_mode))
        scan(watch, path.data, depth + 1);
    else if (lstat(path.data, &link) == 0 && S_ISLNK(link.st_mode))
        add_home(watch, path.data);
    gw_buf_fini(&path);
}

/* False if it cannot be, or has been scanned before: links may lead round. */
static bool begin_scan(struct gw_watch *watch, const char *path) {
    struct stat status;
    struct place *place = stat(path, &status) == 0 ? add(watch, path, &status) : NULL;
    bool is_new = place && !place->is_scanned;
    if (is_new)
        place->is_scanned = true;
    return is_new;
}

/* Watches it first and reads it then, so that nothing comes in between. */
static void scan(struct gw_watch *watch, const char *path, int depth) {
    if (watch->fd < 0 || depth > MAX_DEPTH || !begin_scan(watch, path))
        return;
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; watch->fd >= 0 && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            scan_entry(watch, path, entry->d_name, depth);
    closedir(dir);
}

static void scan_all(struct gw_watch *watch) {
    for (unsigned i = 0; i < watch->n_places; i++)
        watch->places[i].is_found = watch->places[i].is_scanned = false;
    scan(watch, watch->folder, 0);
    for (unsigned i = 0; i < watch->n_places;) {
        if (watch->places[i].is_found) {
            i++;
            continue;
        }
        if (watch->fd >= 0)
            inotify_rm_watch(watch->fd, watch->places[i].wd);
        forget(watch, i);
    }
}

/* --- Telling --- */

static void notice(struct gw_watch *watch) {
    int64_t now_ms = gw_clock_ms();
    if (!watch->first_ms)
        watch->first_ms = now_ms;
    int64_t left_ms = watch->first_ms + PATIENT_MS - now_ms;
    struct timeval after = after_ms(left_ms < 0 ? 0 : left_ms < QUIET_MS ? left_ms : QUIET_MS);
    event_add(&watch->due, &after);
}

static void on_due(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_watch *watch = user;
    watch->first_ms = 0;
    scan_all(watch);
    watch->changed(watch->user);
}

/* What happened matters little, a full queue included: all is looked at anew. Only the end of a
 * watch by the system's own hand must be known, or its number would mislead. */
static void on_readable(evutil_socket_t fd, short what, void *user) {
    (void)what;
    struct gw_watch *watch = user;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool is_news = false;
    for (ssize_t n; (n = read(fd, events, sizeof events)) > 0;)
        for (char *at = events; at < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            struct place *place = place_of(watch, event->wd);
            if ((event->mask & IN_IGNORED) && place)
                forget(watch, (unsigned)(place - watch->places));
            is_news = is_news || place || event->mask & IN_Q_OVERFLOW;
            at += sizeof *event + event->len;
        }
    if (is_news)
        notice(watch);
}

static bool is_same(const struct place *place) {
    struct stat status;
    return stat(place->path, &status) == 0 && status.st_dev == place->device &&
           status.st_ino == place->inode;
}

static bool has_moved(const struct gw_watch *watch) {
    struct stat status;
    for (unsigned i = 0; i < watch->n_places; i++)
        if (!is_same(&watch->places[i]))
            return true;
    return watch->n_places == 0 && stat(watch->folder, &status) == 0; /* it is back */
}

static void on_look(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_watch *watch = user;
    if (watch->fd < 0)
        watch->changed(watch->user);
    else if (!watch->first_ms && has_moved(watch))
        notice(watch);
    struct timeval after = after_ms(watch->fd < 0 ? POLL_MS : LOOK_MS);
    event_add(&watch->look, &after);
}

/* --- Life --- */

struct gw_watch *gw_watch_new(struct event_base *base, const char *folder, gw_watch_fn changed,
                              void *user) {
    struct gw_watch *watch = gw_calloc(1, sizeof *watch);
    struct timeval after = after_ms(LOOK_MS);
    watch->base = base;
    watch->folder = gw_strdup(folder);
    watch->changed = changed;
    watch->user = user;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    event_assign(&watch->readable, base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
    evtimer_assign(&watch->due, base, on_due, watch);
    evtimer_assign(&watch->look, base, on_look, watch);
    event_add(&watch->look, &after);
    if (watch->fd < 0) {
        poll_instead(watch, strerror(errno));
        return watch;
    }
    event_add(&watch->readable, NULL);
    scan_all(watch);
    return watch;
}

void gw_watch_free(struct gw_watch *watch) {
    if (!watch)
        return;
    event_del(&watch->readable);
    event_del(&watch->due);
    event_del(&watch->look);
    if (watch->fd >= 0)
        close(watch->fd);
    while (watch->n_places > 0)
        forget(watch, 0);
    free(watch->places);
    free(watch->folder);
    free(watch);
}

bool gw_watch_is_polling(const struct gw_watch *watch) {
    return watch->fd < 0;
}
