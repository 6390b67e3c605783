/* The traceparent field of W3C Trace Context, Level 2 (which contains Level 1): the trace a request
 * belongs to and the span that sent it. Pure; who reads it decides what to do with what it cannot
 * read, which is to begin a new trace. */
#ifndef GW_POLICY_TRACEPARENT_H
#define GW_POLICY_TRACEPARENT_H

#include "base/str.h"

#define GW_TRACEPARENT_LEN 55 /* of version 00 */

/* Of the flags; no other is defined, and no other is sent. */
#define GW_TRACEPARENT_SAMPLED 1
#define GW_TRACEPARENT_RANDOM  2 /* the last seven bytes of the trace id, at least, are random */

struct gw_traceparent {
    uint64_t trace_high, trace_low; /* never both 0 */
    uint64_t span;                  /* the sender's; never 0 */
    uint8_t flags;                  /* of the two above */
};

/* One field's value, without white space around it. Of a version later than 00 what comes after the
 * flags is left alone, and so are its flags but for "sampled". */
bool gw_traceparent_parse(struct gw_str value, struct gw_traceparent *out);

/* As version 00; no NUL. */
void gw_traceparent_write(const struct gw_traceparent *traceparent, char out[GW_TRACEPARENT_LEN]);

#endif
