#include "policy/sampler.h"

/* The last seven bytes of a trace id are random (W3C Trace Context, Level 2), so all who trace it
 * and sample by ratio agree: what 1 in 100 keeps, 1 in 10 keeps too. */
#define ALL (UINT64_C(1) << 56)

static bool take_prefix(struct gw_str *s, struct gw_str prefix) {
    struct gw_str front = {s->data, prefix.len};
    if (s->len < prefix.len || !gw_str_equal(front, prefix))
        return false;
    s->data += prefix.len;
    s->len -= prefix.len;
    return true;
}

bool gw_sampler_set(struct gw_sampler *sampler, struct gw_str name, double ratio) {
    sampler->heeds_parent = take_prefix(&name, GW_STR("parentbased_"));
    if (gw_str_equal(name, GW_STR("always_on")))
        sampler->threshold = 0;
    else if (gw_str_equal(name, GW_STR("always_off")))
        sampler->threshold = ALL;
    else if (gw_str_equal(name, GW_STR("traceidratio")))
        sampler->threshold = ALL - (uint64_t)(ratio * (double)ALL);
    else
        return false;
    return true;
}

bool gw_sampler_decide(const struct gw_sampler *sampler, uint64_t trace_low,
                       const struct gw_traceparent *parent) {
    if (parent && sampler->heeds_parent)
        return parent->flags & GW_TRACEPARENT_SAMPLED;
    return (trace_low & (ALL - 1)) >= sampler->threshold;
}
