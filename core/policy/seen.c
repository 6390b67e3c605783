#include "policy/seen.h"

#include "base/alloc.h"

#include <stdlib.h>

#define N_BITS   (UINT64_C(1) << 24) /* of a half: 2 MiB, which the system gives when it is used */
#define N_PROBES 4

static uint64_t *new_half(void) {
    return gw_calloc(N_BITS / 64, sizeof(uint64_t));
}

void gw_seen_init(struct gw_seen *seen, int64_t keep_ms, int64_t now_ms) {
    *seen = (struct gw_seen){
        .young = new_half(), .old = new_half(), .keep_ms = keep_ms, .turned_ms = now_ms};
}

void gw_seen_fini(struct gw_seen *seen) {
    free(seen->young);
    free(seen->old);
}

static void turn(struct gw_seen *seen, int64_t now_ms) {
    if (now_ms - seen->turned_ms <= seen->keep_ms)
        return;
    free(seen->old);
    seen->old = seen->young;
    seen->young = new_half();
    seen->turned_ms = now_ms;
}

static uint64_t probe(uint64_t sum, unsigned i) {
    uint64_t stride = sum >> 32 | 1;
    return (sum + i * stride) % N_BITS;
}

static bool has(const uint64_t *bits, uint64_t sum) {
    for (unsigned i = 0; i < N_PROBES; i++) {
        uint64_t at = probe(sum, i);
        if (!(bits[at / 64] >> at % 64 & 1))
            return false;
    }
    return true;
}

void gw_seen_add(struct gw_seen *seen, uint64_t sum, int64_t now_ms) {
    turn(seen, now_ms);
    for (unsigned i = 0; i < N_PROBES; i++) {
        uint64_t at = probe(sum, i);
        seen->young[at / 64] |= UINT64_C(1) << at % 64;
    }
}

bool gw_seen_perhaps(struct gw_seen *seen, uint64_t sum, int64_t now_ms) {
    turn(seen, now_ms);
    return has(seen->young, sum) || has(seen->old, sum);
}
