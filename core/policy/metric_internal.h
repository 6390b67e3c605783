/* What metric.c and metric_text.c share. Lists only grow at their end, and what is on them never
 * changes: so they are read without the mutex. Not for others. */
#ifndef GW_POLICY_METRIC_INTERNAL_H
#define GW_POLICY_METRIC_INTERNAL_H

#include "policy/metric.h"

struct gw_metric_row {
    _Atomic(struct gw_metric_row *) next;
    struct gw_metric metric;
    uint32_t hash;
    struct gw_str labels; /* owned: `route="GET /",code="200"`, escaped as both formats want it */
};

struct gw_metric_help {
    struct gw_metric_help *before; /* may be being read still */
    char *text;
};

struct gw_metric_family {
    _Atomic(struct gw_metric_family *) next;
    char *name; /* owned, as all texts here */
    _Atomic(struct gw_metric_help *) help;
    char *unit;
    enum gw_metric_type type;
    enum gw_metric_number number;
    char *labels[GW_METRIC_MAX_LABELS + 1];
    unsigned n_labels;
    const struct gw_metric_bounds *bounds;
    unsigned max_series;
    _Atomic(struct gw_metric_row *) rows;
    struct gw_metric_row *last; /* guarded, as what follows */
    unsigned n_rows;
    struct gw_metric_row *overflow; /* among the rows; NULL until there is more than may be */
};

/* All families, the first to be declared first. */
struct gw_metric_family *gw_metric_families(void);

/* The cells of all threads, added up. */
uint64_t gw_metric_sum(uint32_t at);
double gw_metric_sum_doubles(uint32_t at);

#endif
