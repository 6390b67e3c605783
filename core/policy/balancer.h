/* Which of a backend's hosts is asked next: of two chosen at random the one with fewer requests in
 * flight ("the power of two choices": almost as even as asking all, without the herd that follows
 * the least busy one). Hosts are numbers; what is in flight is counted over all workers,
 * atomically. A set of hosts is a mask, host 0 being its lowest bit. */
#ifndef GW_POLICY_BALANCER_H
#define GW_POLICY_BALANCER_H

#include <stdint.h>

#define GW_BALANCER_MAX_HOSTS 64

struct gw_balancer;

struct gw_balancer *gw_balancer_new(unsigned n_hosts); /* 1 to the maximum */
void gw_balancer_free(struct gw_balancer *balancer);

/* A healthy host that was not tried; if all were, any healthy one; and if none is healthy, one of
 * all as if all were: some answer is better than none. */
unsigned gw_balancer_pick(const struct gw_balancer *balancer, uint64_t healthy, uint64_t tried,
                          uint64_t random);

void gw_balancer_begin(struct gw_balancer *balancer, unsigned host);
void gw_balancer_end(struct gw_balancer *balancer, unsigned host);

#endif
