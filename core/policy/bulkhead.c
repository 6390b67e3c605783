#include "policy/bulkhead.h"

#include <limits.h>

void gw_bulkhead_configure(struct gw_bulkhead *bulkhead, unsigned max_concurrent,
                           unsigned max_waiting) {
    atomic_store(&bulkhead->max_concurrent, max_concurrent);
    atomic_store(&bulkhead->max_waiting, max_waiting);
}

static bool add_below(atomic_uint *count, unsigned max) {
    unsigned n = atomic_load(count);
    while (n < max)
        if (atomic_compare_exchange_weak(count, &n, n + 1))
            return true;
    return false;
}

bool gw_bulkhead_try_enter(struct gw_bulkhead *bulkhead) {
    unsigned max = atomic_load(&bulkhead->max_concurrent);
    return add_below(&bulkhead->running, max ? max : UINT_MAX);
}

void gw_bulkhead_leave(struct gw_bulkhead *bulkhead) {
    atomic_fetch_sub(&bulkhead->running, 1);
}

bool gw_bulkhead_try_wait(struct gw_bulkhead *bulkhead) {
    return add_below(&bulkhead->waiting, atomic_load(&bulkhead->max_waiting));
}

void gw_bulkhead_stop_waiting(struct gw_bulkhead *bulkhead) {
    atomic_fetch_sub(&bulkhead->waiting, 1);
}
