#include "policy/bulkhead.h"

void gw_bulkhead_init(struct gw_bulkhead *bulkhead) {
    *bulkhead = (struct gw_bulkhead){0};
    pthread_mutex_init(&bulkhead->mutex, NULL);
    TAILQ_INIT(&bulkhead->line);
}

void gw_bulkhead_fini(struct gw_bulkhead *bulkhead) {
    pthread_mutex_destroy(&bulkhead->mutex);
}

static bool has_room(const struct gw_bulkhead *bulkhead) {
    return bulkhead->max_concurrent == 0 || bulkhead->running < bulkhead->max_concurrent;
}

static void leave_line(struct gw_bulkhead *bulkhead, struct gw_bulkhead_waiter *waiter) {
    TAILQ_REMOVE(&bulkhead->line, waiter, link);
    bulkhead->waiting--;
    waiter->is_waiting = false;
}

static void hand_out(struct gw_bulkhead *bulkhead) {
    struct gw_bulkhead_waiter *first;
    while (has_room(bulkhead) && (first = TAILQ_FIRST(&bulkhead->line))) {
        leave_line(bulkhead, first);
        bulkhead->running++;
        atomic_store(&first->has_place, true);
        first->granted(first->user);
    }
}

void gw_bulkhead_configure(struct gw_bulkhead *bulkhead, unsigned max_concurrent,
                           unsigned max_waiting) {
    pthread_mutex_lock(&bulkhead->mutex);
    bulkhead->max_concurrent = max_concurrent;
    bulkhead->max_waiting = max_waiting;
    hand_out(bulkhead);
    pthread_mutex_unlock(&bulkhead->mutex);
}

bool gw_bulkhead_try_enter(struct gw_bulkhead *bulkhead) {
    pthread_mutex_lock(&bulkhead->mutex);
    bool enters = has_room(bulkhead) && TAILQ_EMPTY(&bulkhead->line);
    bulkhead->running += enters;
    pthread_mutex_unlock(&bulkhead->mutex);
    return enters;
}

void gw_bulkhead_leave(struct gw_bulkhead *bulkhead) {
    pthread_mutex_lock(&bulkhead->mutex);
    bulkhead->running--;
    hand_out(bulkhead);
    pthread_mutex_unlock(&bulkhead->mutex);
}

bool gw_bulkhead_try_wait(struct gw_bulkhead *bulkhead, struct gw_bulkhead_waiter *waiter) {
    pthread_mutex_lock(&bulkhead->mutex);
    bool waits = bulkhead->waiting < bulkhead->max_waiting;
    if (waits) {
        atomic_store(&waiter->has_place, false);
        waiter->is_waiting = true;
        bulkhead->waiting++;
        TAILQ_INSERT_TAIL(&bulkhead->line, waiter, link);
        hand_out(bulkhead); /* the last place may have been given back a moment ago */
    }
    pthread_mutex_unlock(&bulkhead->mutex);
    return waits;
}

bool gw_bulkhead_stop_waiting(struct gw_bulkhead *bulkhead, struct gw_bulkhead_waiter *waiter) {
    pthread_mutex_lock(&bulkhead->mutex);
    if (waiter->is_waiting)
        leave_line(bulkhead, waiter);
    bool has_place = atomic_load(&waiter->has_place);
    pthread_mutex_unlock(&bulkhead->mutex);
    return has_place;
}
