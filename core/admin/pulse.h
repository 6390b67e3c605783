/* The pulse: what each of the last five minutes' seconds was like, of all requests, of each route
 * and of each backend. It is taken from the meters once a second by the control thread, also while
 * nobody looks, so that a look at the dashboard begins with what came before it.
 *
 * A beat is an average over the last few seconds: one alone has too few requests to tell a
 * percentile from. What had no traffic yet costs no memory but its entry. */
#ifndef GW_ADMIN_PULSE_H
#define GW_ADMIN_PULSE_H

#include "admin/spell.h"
#include "policy/metric_meter.h"

#define GW_PULSE_SECONDS 300
#define GW_PULSE_WINDOW  5 /* seconds that a beat looks back */

/* NAN: there were no requests to tell it from. */
struct gw_beat {
    float per_s, errors_per_s;
    float p50_ms, p90_ms, p99_ms;
};

struct gw_pulse;

struct gw_pulse *gw_pulse_new(void);
void gw_pulse_free(struct gw_pulse *pulse);

/* One beat more. `now_ms` is monotonic, of the clock of all calls; `wall_ms` names the second. */
void gw_pulse_take(struct gw_pulse *pulse, int64_t now_ms, int64_t wall_ms, unsigned in_flight);

/* --- Reading. Beats are counted from the newest, which is 0, and there are so many. --- */

unsigned gw_pulse_length(const struct gw_pulse *pulse);
int64_t gw_pulse_wall_ms(const struct gw_pulse *pulse, unsigned ago);
unsigned gw_pulse_in_flight(const struct gw_pulse *pulse, unsigned ago);

/* One thing that has a pulse; it lives as long as the pulse. */
struct gw_pulse_series;
const struct gw_pulse_series *gw_pulse_total(const struct gw_pulse *pulse);
/* NULL if it had no traffic yet. */
const struct gw_pulse_series *gw_pulse_backend(const struct gw_pulse *pulse, struct gw_str name);
/* Those routes that had traffic in the time that is remembered, by name; at most `max`, the busiest
 * of the last seconds where there are more. Returns how many. */
unsigned gw_pulse_routes(const struct gw_pulse *pulse, const struct gw_pulse_series **out,
                         unsigned max);

/* How many there are, also beyond such a `max`. */
unsigned gw_pulse_busy_routes(const struct gw_pulse *pulse);

struct gw_str gw_pulse_name(const struct gw_pulse_series *series);
/* Of NULL it is that of what has no traffic. */
struct gw_beat gw_pulse_beat(const struct gw_pulse_series *series, unsigned ago);

/* Since when it fails; of a backend also, since when it is slow. Never NULL, also of NULL. */
const struct gw_spell *gw_pulse_spell(const struct gw_pulse_series *series);

#endif
