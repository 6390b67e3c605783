#include "admin/spell.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORGIVEN    1
#define SLOW_FACTOR 3.0F
#define SLOW_LEAST  50.0F /* ms; what is less than this above the usual is noise */

static int by_value(const void *a, const void *b) {
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

static unsigned n_known(const struct gw_spell *spell) {
    return spell->n_calm < GW_SPELL_CALM ? spell->n_calm : GW_SPELL_CALM;
}

/* The lowest tenth, so that a wobble does not count. */
static float find_usual(const struct gw_spell *spell) {
    float sorted[GW_SPELL_CALM];
    unsigned n = n_known(spell);
    memcpy(sorted, spell->calm, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return sorted[n / 10];
}

static void remember(struct gw_spell *spell, float p50_ms) {
    if (!spell->calm)
        spell->calm = gw_calloc(GW_SPELL_CALM, sizeof *spell->calm);
    spell->calm[spell->n_calm++ % GW_SPELL_CALM] = p50_ms;
    if (spell->n_calm == 2 * GW_SPELL_CALM)
        spell->n_calm = GW_SPELL_CALM;
}

static bool is_slow(const struct gw_spell *spell, float p50_ms) {
    return p50_ms > fmaxf(SLOW_FACTOR * spell->usual_ms, spell->usual_ms + SLOW_LEAST);
}

static void forget(struct gw_spell *spell) {
    spell->slow_since_ms = 0;
    spell->n_calm = 0;
}

static void take_speed(struct gw_spell *spell, int64_t wall_ms, float p50_ms) {
    if (spell->slow_since_ms && wall_ms - spell->slow_since_ms > GW_SPELL_LONGEST)
        forget(spell);
    if (!spell->slow_since_ms && n_known(spell) >= GW_SPELL_LEAST)
        spell->usual_ms = find_usual(spell);
    if (n_known(spell) >= GW_SPELL_LEAST && is_slow(spell, p50_ms)) {
        spell->n_quick = 0;
        if (!spell->slow_since_ms)
            spell->slow_since_ms = wall_ms;
        return;
    }
    remember(spell, p50_ms);
    if (++spell->n_quick > FORGIVEN)
        spell->slow_since_ms = 0;
}

static void take_failures(struct gw_spell *spell, int64_t wall_ms, bool is_failing) {
    spell->n_clean = is_failing ? 0 : spell->n_clean + 1;
    if (is_failing && !spell->failing_since_ms)
        spell->failing_since_ms = wall_ms;
    else if (spell->n_clean > FORGIVEN)
        spell->failing_since_ms = 0;
}

void gw_spell_take(struct gw_spell *spell, int64_t wall_ms, bool is_failing, float p50_ms) {
    take_failures(spell, wall_ms, is_failing);
    if (!isnan(p50_ms))
        take_speed(spell, wall_ms, p50_ms);
}

void gw_spell_end(struct gw_spell *spell) {
    spell->slow_since_ms = spell->failing_since_ms = 0;
}

void gw_spell_fini(struct gw_spell *spell) {
    free(spell->calm);
}
