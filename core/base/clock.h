/* Time. Deadlines and durations use the monotonic clock in milliseconds or microseconds; only what
 * people read uses the wall clock. Policy code never calls these: it is given `now`. */
#ifndef GW_BASE_CLOCK_H
#define GW_BASE_CLOCK_H

#include <stdint.h>

#define GW_CLOCK_TEXT_SIZE 25 /* "2026-01-31T23:59:59.999Z" and its NUL */

int64_t gw_clock_ms(void);      /* monotonic, milliseconds */
int64_t gw_clock_us(void);      /* monotonic, microseconds */
int64_t gw_clock_wall_ms(void); /* since 1970-01-01 UTC, milliseconds */
int64_t gw_clock_wall_us(void); /* the same in microseconds */

/* Wall-clock milliseconds as RFC 3339 in UTC. */
void gw_clock_text(int64_t wall_ms, char out[GW_CLOCK_TEXT_SIZE]);

#endif
