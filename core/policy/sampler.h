/* Which traces are recorded for export: the standard samplers of OpenTelemetry, by the names that
 * OTEL_TRACES_SAMPLER has for them. Pure. */
#ifndef GW_POLICY_SAMPLER_H
#define GW_POLICY_SAMPLER_H

#include "policy/traceparent.h"

struct gw_sampler {
    bool heeds_parent;  /* where the caller is traced, its decision is ours */
    uint64_t threshold; /* a trace is sampled if its randomness is no less; see gw_sampler_set() */
};

/* "always_on", "always_off", "traceidratio" and each of them after "parentbased_". The ratio, from
 * 0 to 1, is that of OTEL_TRACES_SAMPLER_ARG. False: there is none of this name. */
bool gw_sampler_set(struct gw_sampler *sampler, struct gw_str name, double ratio);

/* `trace_low` is the second half of the trace id; `parent` is NULL for a trace that begins here. */
bool gw_sampler_decide(const struct gw_sampler *sampler, uint64_t trace_low,
                       const struct gw_traceparent *parent);

#endif
