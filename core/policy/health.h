/* What the active checks of a host have found: it goes out after so many failures in a row, and
 * comes back after so many successes. Embedded in its owner, who guards it; all zero is a host that
 * is up and takes each answer at its word. */
#ifndef GW_POLICY_HEALTH_H
#define GW_POLICY_HEALTH_H

#include <stdbool.h>

struct gw_health {
    unsigned healthy;   /* successes in a row to come back; 0 is 1 */
    unsigned unhealthy; /* failures in a row to go out; 0 is 1 */
    bool is_out;
    unsigned in_a_row; /* answers that speak against the present state */
};

/* Also for one that has been checked before: its state stays. */
void gw_health_configure(struct gw_health *health, unsigned healthy, unsigned unhealthy);

bool gw_health_report(struct gw_health *health, bool ok); /* true if the state changed */
bool gw_health_is_up(const struct gw_health *health);

#endif
