/* The metrics that a state's scripts declare. While they load nothing is registered: a metric of
 * another type or with other labels than one of that name has had is refused; what is new comes
 * into being when the generation goes live. What is counted belongs to the name, and goes on
 * whatever generation counts. Owned by the state. */
#ifndef GW_LUA_METRIC_H
#define GW_LUA_METRIC_H

#include "lua/state.h"

#define GW_MAX_SCRIPT_METRICS 100 /* of a state */

struct gw_state_metric {
    struct gw_metric_options options; /* its texts and bounds are owned */
    struct gw_metric_bounds *bounds;  /* owned */
    struct gw_metric_family *family;  /* the registry's; NULL until the scripts are live */
};

/* From here on they can be counted. */
void gw_state_register_metrics(const struct gw_state *state);
void gw_state_forget_metrics(struct gw_state *state);

#endif
