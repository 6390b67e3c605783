#include "policy/balancer.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

struct gw_balancer {
    unsigned n_hosts;
    atomic_uint in_flight[]; /* by host */
};

struct gw_balancer *gw_balancer_new(unsigned n_hosts) {
    struct gw_balancer *balancer =
        gw_calloc(1, sizeof *balancer + n_hosts * sizeof *balancer->in_flight);
    balancer->n_hosts = n_hosts;
    return balancer;
}

void gw_balancer_free(struct gw_balancer *balancer) {
    free(balancer);
}

static unsigned size(uint64_t set) {
    return (unsigned)__builtin_popcountll(set);
}

static uint64_t without_lowest(uint64_t set) {
    return set & (set - 1);
}

static unsigned member(uint64_t set, unsigned i) {
    while (i--)
        set = without_lowest(set);
    return (unsigned)__builtin_ctzll(set);
}

static uint64_t candidates(const struct gw_balancer *balancer, uint64_t healthy, uint64_t tried) {
    uint64_t all = UINT64_MAX >> (64 - balancer->n_hosts);
    uint64_t well = healthy & all ? healthy & all : all;
    return well & ~tried ? well & ~tried : well;
}

/* The second is one of the others: it is not the first, and each is as likely. */
unsigned gw_balancer_pick(const struct gw_balancer *balancer, uint64_t healthy, uint64_t tried,
                          uint64_t random) {
    uint64_t set = candidates(balancer, healthy, tried);
    unsigned n = size(set), i = (uint32_t)random % n;
    unsigned first = member(set, i);
    if (n == 1)
        return first;
    unsigned second = member(set, (i + 1 + (uint32_t)(random >> 32) % (n - 1)) % n);
    unsigned first_load = atomic_load(&balancer->in_flight[first]);
    return atomic_load(&balancer->in_flight[second]) < first_load ? second : first;
}

void gw_balancer_begin(struct gw_balancer *balancer, unsigned host) {
    atomic_fetch_add(&balancer->in_flight[host], 1);
}

void gw_balancer_end(struct gw_balancer *balancer, unsigned host) {
    atomic_fetch_sub(&balancer->in_flight[host], 1);
}
