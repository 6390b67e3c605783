/* How many calls to a backend may be in flight at once, and how many more may wait for a place: the
 * first to come is the first to have one, over all workers. A place that is given back is handed to
 * whoever waits longest, so that nobody who comes later, and no worker that is busier, gets past
 * him. Shared under a short mutex of its own; embedded. */
#ifndef GW_POLICY_BULKHEAD_H
#define GW_POLICY_BULKHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

/* Who waits: embedded in what waits, which stays until gw_bulkhead_stop_waiting(). */
struct gw_bulkhead_waiter {
    void (*granted)(
        void *user); /* he has a place now; under the mutex, by any thread: only marks */
    void *user;
    atomic_bool has_place;
    bool is_waiting;
    TAILQ_ENTRY(gw_bulkhead_waiter) link;
};

struct gw_bulkhead {
    pthread_mutex_t mutex;   /* guards all that follows */
    unsigned max_concurrent; /* 0: no limit */
    unsigned max_waiting;
    unsigned running, waiting;
    TAILQ_HEAD(gw_bulkhead_line, gw_bulkhead_waiter)
    line; /* those who wait, the first to come first */
};

void gw_bulkhead_init(struct gw_bulkhead *bulkhead); /* without limits */
void gw_bulkhead_fini(struct gw_bulkhead *bulkhead);

/* For a living one too: who is in stays in, whatever the new limit. */
void gw_bulkhead_configure(struct gw_bulkhead *bulkhead, unsigned max_concurrent,
                           unsigned max_waiting);

/* True: a place is taken, to be given back by gw_bulkhead_leave(). Never past those who wait. */
bool gw_bulkhead_try_enter(struct gw_bulkhead *bulkhead);
void gw_bulkhead_leave(struct gw_bulkhead *bulkhead);

/* True: he waits, until gw_bulkhead_stop_waiting(); false: too many do. */
bool gw_bulkhead_try_wait(struct gw_bulkhead *bulkhead, struct gw_bulkhead_waiter *waiter);

/* True: he has a place, and is to give it back. */
bool gw_bulkhead_stop_waiting(struct gw_bulkhead *bulkhead, struct gw_bulkhead_waiter *waiter);

#endif
