#include "policy/health.h"

void gw_health_configure(struct gw_health *health, unsigned healthy, unsigned unhealthy) {
    health->healthy = healthy;
    health->unhealthy = unhealthy;
}

bool gw_health_report(struct gw_health *health, bool ok) {
    unsigned needed = health->is_out ? health->healthy : health->unhealthy;
    bool against = ok == health->is_out;
    health->in_a_row = against ? health->in_a_row + 1 : 0;
    if (!against || health->in_a_row < needed)
        return false;
    health->is_out = !health->is_out;
    health->in_a_row = 0;
    return true;
}

bool gw_health_is_up(const struct gw_health *health) {
    return !health->is_out;
}
