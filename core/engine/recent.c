#include "engine/recent.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const char *const gw_recent_list_names[] = {"error", "recent", "slow"};

#define PLACES  (2 * GW_RECENT_ROUTES)
#define PROBES  64
#define TAKEN   64 /* records that are read while the worker may have to wait */
#define TIDY_US (INT64_C(60) * 1000000)

struct ring {
    struct gw_trace **items; /* owned, as a reader of each; of the k-th ever: items[k % size] */
    size_t size, n;
    uint64_t put; /* ever */
    size_t bytes; /* of the records */
};

/* The slowest of one route; free places are at the end. */
struct slowest {
    uint32_t hash;
    struct gw_trace *items[GW_RECENT_SLOWEST];
    char route[];
};

struct gw_recent {
    pthread_mutex_t mutex; /* guards what follows */
    struct ring last, failed;
    struct slowest *routes[PLACES]; /* owned; within PROBES places from where its hash says */
    unsigned n_routes;
    size_t slow_bytes;
    int64_t tidied_us;
};

/* --- A ring --- */

static void ring_init(struct ring *ring, size_t size) {
    *ring =
        (struct ring){.size = size, .items = size ? gw_calloc(size, sizeof *ring->items) : NULL};
}

static uint64_t ring_oldest(const struct ring *ring) {
    return ring->put - ring->n;
}

static void ring_drop_oldest(struct ring *ring) {
    struct gw_trace *oldest = ring->items[ring_oldest(ring) % ring->size];
    ring->n--;
    ring->bytes -= oldest->size;
    gw_trace_unref(oldest);
}

static void ring_put(struct ring *ring, struct gw_trace *trace) {
    while (ring->n == ring->size || (ring->n && ring->bytes + trace->size > GW_RECENT_MAX_BYTES))
        ring_drop_oldest(ring);
    ring->items[ring->put++ % ring->size] = trace;
    ring->n++;
    ring->bytes += trace->size;
    gw_trace_ref(trace);
}

static void ring_fini(struct ring *ring) {
    while (ring->n)
        ring_drop_oldest(ring);
    free(ring->items);
}

/* --- The slowest --- */

static bool is_old(const struct gw_trace *trace, int64_t now_us) {
    return now_us - trace->started_us > GW_RECENT_SLOW_FOR_US;
}

/* An outlier of long ago gives way to anything. */
static uint64_t weight_of(const struct gw_trace *trace, int64_t now_us) {
    return !trace ? 0 : is_old(trace, now_us) ? 1 : (uint64_t)gw_trace_duration_us(trace) + 2;
}

/* True: none is left. */
static bool drop_old(struct gw_recent *recent, struct slowest *slowest, int64_t now_us) {
    unsigned n = 0;
    for (unsigned i = 0; i < GW_RECENT_SLOWEST; i++) {
        struct gw_trace *trace = slowest->items[i];
        slowest->items[i] = NULL;
        if (trace && is_old(trace, now_us)) {
            recent->slow_bytes -= trace->size;
            gw_trace_unref(trace);
        } else if (trace) {
            slowest->items[n++] = trace;
        }
    }
    return n == 0;
}

/* Where there is no room any more: routes of earlier scripts have some. Not at each request. */
static bool tidy(struct gw_recent *recent, int64_t now_us) {
    if (now_us - recent->tidied_us < TIDY_US)
        return false;
    recent->tidied_us = now_us;
    for (unsigned i = 0; i < PLACES; i++) {
        if (recent->routes[i] && drop_old(recent, recent->routes[i], now_us)) {
            free(recent->routes[i]);
            recent->routes[i] = NULL;
            recent->n_routes--;
        }
    }
    return true;
}

/* FNV-1a. */
static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619;
    return hash;
}

static struct slowest *new_slowest(const char *route, uint32_t hash) {
    size_t len = strlen(route);
    struct slowest *slowest = gw_calloc(1, sizeof *slowest + len + 1);
    slowest->hash = hash;
    memcpy(slowest->route, route, len);
    return slowest;
}

/* The route's, new or not; NULL if there are too many. */
static struct slowest *slowest_of(struct gw_recent *recent, const char *route, int64_t now_us) {
    uint32_t hash = hash_of(route);
    struct slowest **room = NULL;
    for (unsigned i = 0; i < PROBES; i++) {
        struct slowest **at = &recent->routes[(hash + i) % PLACES];
        if (*at && (*at)->hash == hash && strcmp((*at)->route, route) == 0)
            return *at;
        if (!*at && !room)
            room = at;
    }
    if (recent->n_routes >= GW_RECENT_ROUTES || !room)
        return tidy(recent, now_us) ? slowest_of(recent, route, now_us) : NULL;
    recent->n_routes++;
    return *room = new_slowest(route, hash);
}

static struct gw_trace **least_of(struct slowest *slowest, int64_t now_us) {
    struct gw_trace **least = &slowest->items[0];
    for (unsigned i = 1; i < GW_RECENT_SLOWEST; i++)
        if (weight_of(slowest->items[i], now_us) < weight_of(*least, now_us))
            least = &slowest->items[i];
    return least;
}

static void keep_if_slow(struct gw_recent *recent, struct gw_trace *trace, const char *route) {
    int64_t now_us = trace->started_us + gw_trace_duration_us(trace);
    struct slowest *slowest = slowest_of(recent, route, now_us);
    if (!slowest)
        return;
    struct gw_trace **least = least_of(slowest, now_us);
    size_t freed = *least ? (*least)->size : 0;
    if (weight_of(*least, now_us) >= weight_of(trace, now_us))
        return;
    if (recent->slow_bytes - freed + trace->size > GW_RECENT_MAX_BYTES) {
        if (tidy(recent, now_us))
            keep_if_slow(recent, trace, route);
        return;
    }
    gw_trace_unref(*least);
    recent->slow_bytes += trace->size - freed;
    gw_trace_ref(trace);
    *least = trace;
}

/* --- Its life --- */

struct gw_recent *gw_recent_new(size_t size) {
    struct gw_recent *recent = gw_calloc(1, sizeof *recent);
    pthread_mutex_init(&recent->mutex, NULL);
    recent->tidied_us = -TIDY_US;
    ring_init(&recent->last, size);
    ring_init(&recent->failed, size);
    return recent;
}

static void free_slowest(struct slowest *slowest) {
    for (unsigned i = 0; slowest && i < GW_RECENT_SLOWEST; i++)
        gw_trace_unref(slowest->items[i]);
    free(slowest);
}

void gw_recent_free(struct gw_recent *recent) {
    if (!recent)
        return;
    ring_fini(&recent->last);
    ring_fini(&recent->failed);
    for (unsigned i = 0; i < PLACES; i++)
        free_slowest(recent->routes[i]);
    pthread_mutex_destroy(&recent->mutex);
    free(recent);
}

void gw_recent_keep(struct gw_recent *recent, struct gw_trace *trace) {
    if (!recent->last.size)
        return;
    const char *route = gw_trace_text(trace, trace->route);
    pthread_mutex_lock(&recent->mutex);
    ring_put(&recent->last, trace);
    if (trace->is_failed)
        ring_put(&recent->failed, trace);
    if (*route)
        keep_if_slow(recent, trace, route);
    pthread_mutex_unlock(&recent->mutex);
}

/* --- Reading --- */

struct reading {
    struct gw_recent_entry *entries;
    size_t n;
};

static void add(struct reading *reading, struct gw_trace *trace, enum gw_recent_list list) {
    gw_trace_ref(trace);
    reading->entries[reading->n++] = (struct gw_recent_entry){trace, list};
}

static void add_ring(struct reading *reading, struct gw_recent *recent, const struct ring *ring,
                     enum gw_recent_list list) {
    uint64_t next = 0, end = UINT64_MAX; /* end: what was there when we began */
    while (next < end) {
        pthread_mutex_lock(&recent->mutex);
        end = end == UINT64_MAX ? ring->put : end;
        next = next > ring_oldest(ring) ? next : ring_oldest(ring);
        for (unsigned i = 0; i < TAKEN && next < end; i++)
            add(reading, ring->items[next++ % ring->size], list);
        pthread_mutex_unlock(&recent->mutex);
    }
}

static void add_slowest_of(struct reading *reading, const struct slowest *slowest, int64_t now_us) {
    for (unsigned i = 0; slowest && i < GW_RECENT_SLOWEST; i++)
        if (slowest->items[i] && !is_old(slowest->items[i], now_us))
            add(reading, slowest->items[i], GW_RECENT_SLOW);
}

static void add_slowest(struct reading *reading, struct gw_recent *recent, int64_t now_us) {
    const unsigned some = TAKEN / GW_RECENT_SLOWEST;
    for (unsigned from = 0; from < PLACES; from += some) {
        pthread_mutex_lock(&recent->mutex);
        for (unsigned i = from; i < from + some && i < PLACES; i++)
            add_slowest_of(reading, recent->routes[i], now_us);
        pthread_mutex_unlock(&recent->mutex);
    }
}

static int compare(const void *a, const void *b) {
    const struct gw_recent_entry *left = a, *right = b;
    uintptr_t l = (uintptr_t)left->trace, r = (uintptr_t)right->trace;
    return l != r ? (l < r ? -1 : 1) : (int)left->list - (int)right->list;
}

/* Of what several lists have, the first entry stays. */
static void leave_each_once(struct reading *reading) {
    size_t kept = 0;
    qsort(reading->entries, reading->n, sizeof *reading->entries, compare);
    for (size_t i = 0; i < reading->n; i++) {
        if (kept && reading->entries[kept - 1].trace == reading->entries[i].trace)
            gw_trace_unref(reading->entries[i].trace);
        else
            reading->entries[kept++] = reading->entries[i];
    }
    reading->n = kept;
}

struct gw_recent_entry *gw_recent_all(struct gw_recent *recent, int64_t now_us, size_t *n) {
    size_t most = 2 * recent->last.size + (size_t)PLACES * GW_RECENT_SLOWEST;
    struct reading reading = {.entries = gw_alloc(most * sizeof *reading.entries)};
    add_ring(&reading, recent, &recent->last, GW_RECENT_LAST);
    add_ring(&reading, recent, &recent->failed, GW_RECENT_FAILED);
    add_slowest(&reading, recent, now_us);
    leave_each_once(&reading);
    *n = reading.n;
    return reading.entries;
}

void gw_recent_release(struct gw_recent_entry *entries, size_t n) {
    for (size_t i = 0; i < n; i++)
        gw_trace_unref(entries[i].trace);
    free(entries);
}
