#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t microseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t gw_clock_ms(void) {
    return microseconds(CLOCK_MONOTONIC) / 1000;
}

int64_t gw_clock_us(void) {
    return microseconds(CLOCK_MONOTONIC);
}

int64_t gw_clock_wall_ms(void) {
    return microseconds(CLOCK_REALTIME) / 1000;
}

int64_t gw_clock_wall_us(void) {
    return microseconds(CLOCK_REALTIME);
}

void gw_clock_text(int64_t wall_ms, char out[GW_CLOCK_TEXT_SIZE]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t n = strftime(out, GW_CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, GW_CLOCK_TEXT_SIZE - n, ".%03uZ", (unsigned)(wall_ms % 1000) % 1000);
}
