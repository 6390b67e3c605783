/* What a backend's callers may spend on further attempts together, so that an outage is not
 * multiplied: retries and hedges of the last ten seconds stay below a share of the calls of the
 * last ten seconds; but so many are granted in each second in any case. Shared by all workers under
 * a short mutex of its own; the time is an argument, in monotonic milliseconds. */
#ifndef GW_POLICY_RETRY_BUDGET_H
#define GW_POLICY_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct gw_retry_budget_options {
    double ratio;        /* of calls; 0.2 */
    unsigned per_second; /* in any case, of each second of the clock; 3 */
};

struct gw_retry_budget;

struct gw_retry_budget *gw_retry_budget_new(struct gw_retry_budget_options options);
void gw_retry_budget_free(struct gw_retry_budget *budget);
void gw_retry_budget_configure(struct gw_retry_budget *budget,
                               struct gw_retry_budget_options options);

void gw_retry_budget_deposit(struct gw_retry_budget *budget, int64_t now_ms);  /* a first attempt */
bool gw_retry_budget_withdraw(struct gw_retry_budget *budget, int64_t now_ms); /* a further one */

#endif
