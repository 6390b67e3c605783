#include "engine/backend_internal.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <sys/random.h>

struct gw_caller *gw_caller_new(struct event_base *base, struct gw_client *client) {
    struct gw_caller *caller = gw_calloc(1, sizeof *caller);
    caller->base = base;
    caller->client = client;
    if (getrandom(&caller->random, sizeof caller->random, 0) != sizeof caller->random)
        abort(); /* up to 256 bytes never fail */
    gw_lines_init(caller);
    return caller;
}

void gw_caller_free(struct gw_caller *caller) {
    if (!caller)
        return;
    gw_health_forget_all(caller);
    gw_lines_fini(caller);
    gw_buf_fini(&caller->url);
    free(caller);
}

/* SplitMix64 (Steele, Lea, Flood 2014): good enough to spread calls and pauses, and no system call
 * for each. */
uint64_t gw_caller_random(struct gw_caller *caller) {
    uint64_t z = caller->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
