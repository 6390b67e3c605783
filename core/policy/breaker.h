/* The circuit breaker of one backend: closed, open, half-open. A pure state machine shared by all
 * workers under a short mutex of its own; the time is an argument, in monotonic milliseconds.
 *
 * A caller asks gw_breaker_admit() and, if let in, reports exactly once with the permit it got. A
 * trial's permit is a lease: one that is never reported expires, so half-open cannot get stuck, and
 * a report that arrives after the state has moved on is ignored. */
#ifndef GW_POLICY_BREAKER_H
#define GW_POLICY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define GW_BREAKER_MAX_TRIALS 64

enum gw_breaker_state { GW_BREAKER_CLOSED, GW_BREAKER_OPEN, GW_BREAKER_HALF_OPEN };
enum gw_breaker_report { GW_BREAKER_SUCCESS, GW_BREAKER_FAILURE, GW_BREAKER_IGNORED };

/* Counts out of range are brought into it. */
struct gw_breaker_options {
    unsigned threshold;  /* consecutive failures that open it, at least 1 */
    int64_t recovery_ms; /* how long it stays open before trials are let in */
    unsigned trials;     /* at once while half-open, and successes needed to close; 1 to the max */
    int64_t lease_ms;    /* a trial not reported after this long counts as ignored */
};

struct gw_breaker_permit {
    uint64_t epoch; /* the state's number at admission: reports of an older one are ignored */
    bool trial;
    int64_t lease_until_ms; /* identifies a trial's lease */
};

/* Told of each transition, outside the mutex, on the thread whose call caused it. */
typedef void (*gw_breaker_changed_fn)(void *user, enum gw_breaker_state from,
                                      enum gw_breaker_state to);

struct gw_breaker;

struct gw_breaker *gw_breaker_new(struct gw_breaker_options options, gw_breaker_changed_fn changed,
                                  void *user);
void gw_breaker_free(struct gw_breaker *breaker);

/* New options for a living breaker (a reload); its state and counts stay. */
void gw_breaker_configure(struct gw_breaker *breaker, struct gw_breaker_options options);

/* True: *permit is filled and must be reported. False: *retry_after_ms says how long until the next
 * trial may be let in at the latest (at least 1). */
bool gw_breaker_admit(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_permit *permit,
                      int64_t *retry_after_ms);
void gw_breaker_report(struct gw_breaker *breaker, struct gw_breaker_permit permit,
                       enum gw_breaker_report report, int64_t now_ms);

/* What the next caller would meet: an open one whose recovery time is over reads half-open. */
enum gw_breaker_state gw_breaker_state(struct gw_breaker *breaker, int64_t now_ms);
const char *gw_breaker_state_name(enum gw_breaker_state state); /* "closed", "open", "half_open" */

#endif
