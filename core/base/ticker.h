/* A tick for every few milliseconds of CPU that a thread uses: the clock of what runs on it. It
 * costs nothing while the thread sleeps, and no system call to whoever looks at it.
 *
 * The callback runs in a signal handler, on the thread itself, between any two instructions: it may
 * touch no more than volatile fields of the thread's own, and call what is safe there. The timer
 * belongs to the thread and ends with it. */
#ifndef GW_BASE_TICKER_H
#define GW_BASE_TICKER_H

#include <stdint.h>

/* What the thread has used of the CPU since the tick before, in microseconds. It is charged to what
 * runs as the tick comes: wrong by one tick at most for a long run, right on average for short
 * ones. */
typedef void (*gw_tick_fn)(int64_t spent_us);

/* Starts the calling thread's ticks, unless it has them. */
void gw_ticker_start(gw_tick_fn on_tick);

#endif
