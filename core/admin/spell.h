/* Spells: since when something fails, and since when it is slower than usual. A spell may be far
 * longer than the pulse remembers, so each is told by its beginning, and what is usual is learned
 * from calm beats only: else a backend that is slow for some minutes would be well again. */
#ifndef GW_ADMIN_SPELL_H
#define GW_ADMIN_SPELL_H

#include <stdbool.h>
#include <stdint.h>

#define GW_SPELL_CALM    300                         /* beats that tell what is usual */
#define GW_SPELL_LEAST   8                           /* of them, to know it */
#define GW_SPELL_LONGEST ((int64_t)12 * 3600 * 1000) /* ms; then it is what is usual */

struct gw_spell {
    float *calm; /* owned; a ring of medians, ms; NULL before the first */
    unsigned n_calm;
    float usual_ms;            /* meaningless unless it is slow */
    int64_t slow_since_ms;     /* of the wall clock; 0: it is not */
    int64_t failing_since_ms;  /* likewise */
    unsigned n_quick, n_clean; /* beats in a row that are not; one is forgiven */
};

/* One beat with traffic. `p50_ms` may be NAN. */
void gw_spell_take(struct gw_spell *spell, int64_t wall_ms, bool is_failing, float p50_ms);

/* What had been going on is over, since nothing goes on any more. */
void gw_spell_end(struct gw_spell *spell);

void gw_spell_fini(struct gw_spell *spell);

#endif
