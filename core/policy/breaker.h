/* The circuit breaker of one backend or host. A pure state machine shared by all workers under a
 * short mutex of its own; the time is an argument, in monotonic milliseconds.
 *
 * It opens when calls fail in a row, or when too large a part of a window of them failed or was
 * slow. After the recovery time it is half-open: a few trials at once, whose successes close it and
 * whose first failure opens it again, for twice as long. An operator may force it open, switch it
 * off, and end either.
 *
 * A caller asks gw_breaker_admit() and, if let in, reports exactly once with the permit it got. A
 * trial's permit is a lease: one that is never reported expires, so half-open cannot get stuck, and
 * a report that arrives after the state has moved on is ignored. */
#ifndef GW_POLICY_BREAKER_H
#define GW_POLICY_BREAKER_H

#include "policy/window.h"

#define GW_BREAKER_MAX_TRIALS  64
#define GW_BREAKER_REASON_SIZE 64

enum gw_breaker_state {
    GW_BREAKER_CLOSED,
    GW_BREAKER_OPEN,
    GW_BREAKER_HALF_OPEN,
    GW_BREAKER_FORCED_OPEN, /* lets nothing in until an operator says otherwise */
    GW_BREAKER_DISABLED,    /* lets everything in and counts nothing */
};
enum gw_breaker_report { GW_BREAKER_SUCCESS, GW_BREAKER_FAILURE, GW_BREAKER_IGNORED };

/* Values out of range are brought into it. */
struct gw_breaker_options {
    unsigned threshold;              /* failures in a row that open it; 0: they do not */
    struct gw_window_options window; /* of what the rates below are measured; none: they are not */
    double failure_rate;             /* of its calls, above 0 to 1, that opens it; 0: none does */
    int64_t slow_call_ms;            /* a call of this duration or longer is slow; 0: none is */
    double slow_rate;                /* of its calls, above 0 to 1, that opens it; 0: none does */
    unsigned minimum_calls;          /* in the window before a rate means anything; at least 1 */
    int64_t recovery_ms;             /* how long it stays open before trials are let in */
    int64_t recovery_max_ms;         /* failed trials double it up to this; 0: 8 times */
    unsigned trials;  /* at once while half-open, and successes needed to close; 1 to the max */
    int64_t lease_ms; /* a trial not reported after this long counts as ignored */
};

struct gw_breaker_permit {
    uint64_t epoch; /* the state's number at admission: reports of an older one are ignored */
    bool trial;
    int64_t lease_until_ms; /* identifies a trial's lease */
};

struct gw_breaker_change {
    enum gw_breaker_state from, to;
    char reason[GW_BREAKER_REASON_SIZE]; /* for people: "5 failures in a row" */
};

/* Told of each transition, outside the mutex, on the thread whose call caused it. */
typedef void (*gw_breaker_changed_fn)(void *user, const struct gw_breaker_change *change);

/* What there is to see of a breaker at one moment. */
struct gw_breaker_snapshot {
    enum gw_breaker_state state;         /* as of gw_breaker_state() */
    int64_t since_ms;                    /* when it was entered; 0: it is as it was made */
    char reason[GW_BREAKER_REASON_SIZE]; /* for that; "" if it is as it was made */
    unsigned failures_in_a_row;
    struct gw_window_counts window;
    double failure_rate, slow_rate; /* of the window; 0 if it is empty */
    unsigned leases;                /* half-open: trials in flight */
    unsigned successes;             /* half-open: of the `trials` needed */
    unsigned trials;
    int64_t next_trial_ms; /* open: when a trial is let in; else 0 */
};

struct gw_breaker;

struct gw_breaker *gw_breaker_new(struct gw_breaker_options options, gw_breaker_changed_fn changed,
                                  void *user);
void gw_breaker_free(struct gw_breaker *breaker);

/* New options for a living breaker (a reload); its state and counts stay, but those of a window of
 * another size. */
void gw_breaker_configure(struct gw_breaker *breaker, struct gw_breaker_options options);

/* True: *permit is filled and must be reported. False: *retry_after_ms says how long until the next
 * trial may be let in at the latest (at least 1; if forced open, the recovery time for want of
 * anything better). */
bool gw_breaker_admit(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_permit *permit,
                      int64_t *retry_after_ms);

/* Whether it would admit a caller now, without asking on his behalf: who has to wait for something
 * else first need not begin to. False sets *retry_after_ms as above. */
bool gw_breaker_lets_in(struct gw_breaker *breaker, int64_t now_ms, int64_t *retry_after_ms);

/* `duration_ms` is the call's: a slow success is still one in a row, but a slow trial fails. */
void gw_breaker_report(struct gw_breaker *breaker, struct gw_breaker_permit permit,
                       enum gw_breaker_report report, int64_t duration_ms, int64_t now_ms);

/* Something else than a call says that it is well again, such as an active check: an open one lets
 * trials in after its first recovery time, however often that was doubled. */
void gw_breaker_expect_recovery(struct gw_breaker *breaker);

/* What the next caller would meet: an open one whose recovery time is over reads half-open. */
enum gw_breaker_state gw_breaker_state(struct gw_breaker *breaker, int64_t now_ms);
void gw_breaker_snapshot(struct gw_breaker *breaker, int64_t now_ms,
                         struct gw_breaker_snapshot *snapshot);
const char *gw_breaker_state_name(enum gw_breaker_state state); /* "closed", "forced_open", ... */

/* --- An operator's hand --- */

void gw_breaker_force_open(struct gw_breaker *breaker, int64_t now_ms);
void gw_breaker_close(struct gw_breaker *breaker, int64_t now_ms); /* if it is not */
void gw_breaker_reset(struct gw_breaker *breaker,
                      int64_t now_ms); /* closed, all counts forgotten */
void gw_breaker_disable(struct gw_breaker *breaker, int64_t now_ms);

#endif
