/* How many calls to a backend may be in flight at once, and how many more may wait for a place,
 * over all workers. Only the counts: the line itself is kept by those who wait. Embedded; all zero
 * is one without limits. Atomic, nothing locks. */
#ifndef GW_POLICY_BULKHEAD_H
#define GW_POLICY_BULKHEAD_H

#include <stdatomic.h>
#include <stdbool.h>

struct gw_bulkhead {
    atomic_uint max_concurrent; /* 0: no limit */
    atomic_uint max_waiting;
    atomic_uint running, waiting;
};

/* For a living one too: who is in stays in, whatever the new limit. */
void gw_bulkhead_configure(struct gw_bulkhead *bulkhead, unsigned max_concurrent,
                           unsigned max_waiting);

/* True: a place is taken, to be given back by gw_bulkhead_leave(). */
bool gw_bulkhead_try_enter(struct gw_bulkhead *bulkhead);
void gw_bulkhead_leave(struct gw_bulkhead *bulkhead);

/* True: one may wait, until gw_bulkhead_stop_waiting(), which comes with or without a place. */
bool gw_bulkhead_try_wait(struct gw_bulkhead *bulkhead);
void gw_bulkhead_stop_waiting(struct gw_bulkhead *bulkhead);

#endif
