/* Timers that count from now. libevent counts from the time at which the loop's turn began, which
 * what a script has computed since would be taken off: a call could be late before it is sent. */
#ifndef GW_HTTP_TIMER_H
#define GW_HTTP_TIMER_H

#include <event2/event.h>
#include <stdint.h>

static inline void gw_timer_set(struct event *timer, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_update_cache_time(event_get_base(timer));
    event_add(timer, &after);
}

#endif
