/* Whether a call is tried again, and when. Pure: the time and the random number are arguments. What
 * all calls of a backend may spend on retries together is policy/retry_budget.h. */
#ifndef GW_POLICY_RETRY_H
#define GW_POLICY_RETRY_H

#include "base/str.h"

#define GW_RETRY_MAX_STATUSES 16

struct gw_retry_options {
    unsigned attempts;       /* in all, with the first; 0 and 1: no retries */
    int64_t base_ms, cap_ms; /* the pause before retry n is random, up to base * 2^(n-1) or cap */
    unsigned n_statuses;
    unsigned statuses[GW_RETRY_MAX_STATUSES]; /* of responses that are worth another attempt */
};

/* 3 attempts, 25 ms, 250 ms, on 502, 503 and 504. */
struct gw_retry_options gw_retry_defaults(void);

/* How the last attempt ended. */
enum gw_retry_cause {
    GW_RETRY_NEVER_LEFT, /* connect, dns, tls: no byte of the request was sent */
    GW_RETRY_TIMEOUT,    /* of the attempt */
    GW_RETRY_STATUS,
    GW_RETRY_OTHER,
};

struct gw_retry_question {
    bool idempotent; /* the request may be carried out twice */
    enum gw_retry_cause cause;
    unsigned status;   /* for GW_RETRY_STATUS */
    unsigned attempts; /* so far, at least 1 */
    int64_t now_ms;
    int64_t deadline_ms;    /* the pause ends before it; INT64_MAX: none */
    int64_t retry_after_ms; /* what the response asked for, or -1 */
    uint64_t random;        /* evenly distributed */
};

enum gw_retry_verdict {
    GW_RETRY_YES,
    GW_RETRY_EXHAUSTED,
    GW_RETRY_NOT_RETRYABLE, /* the status is not in the list, or nobody knows what happened */
    GW_RETRY_NOT_IDEMPOTENT,
    GW_RETRY_TOO_LATE, /* the deadline comes before the pause is over */
};

/* *pause_ms is set for GW_RETRY_YES only. A Retry-After is waited out, and the random pause after
 * it, so that those who were sent away together do not come back together. */
enum gw_retry_verdict gw_retry_decide(const struct gw_retry_options *options,
                                      const struct gw_retry_question *question, int64_t *pause_ms);

bool gw_retry_is_listed(const struct gw_retry_options *options, unsigned status);

/* RFC 9110, 9.2.2, without TRACE and CONNECT, which a gateway does not send. */
bool gw_retry_is_idempotent(const char *method);

/* The value of Retry-After (RFC 9110, 10.2.3), seconds or a date in any of its three forms, as
 * milliseconds from `wall_ms` (since 1970, UTC); 0 for a date that has passed, -1 for neither. */
int64_t gw_retry_after_ms(struct gw_str value, int64_t wall_ms);

/* The same of a response with these fields, lines "name: value" each ended by CR LF or a line feed;
 * -1 if it has none. */
int64_t gw_retry_after_in(struct gw_str fields, int64_t wall_ms);

#endif
