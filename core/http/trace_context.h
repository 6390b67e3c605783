/* The trace a request belongs to, as its fields say it (W3C Trace Context): the one traceparent it
 * has, and all tracestate fields joined. Where that is missing, malformed or there twice the trace
 * begins anew; a tracestate that breaks a rule is left out as a whole. */
#ifndef GW_HTTP_TRACE_CONTEXT_H
#define GW_HTTP_TRACE_CONTEXT_H

#include "http/message.h"
#include "policy/traceparent.h"

struct gw_trace_context {
    bool is_given; /* if not, the rest is empty */
    struct gw_traceparent parent;
    struct gw_buf state; /* owned; as it is passed on */
};

void gw_trace_context_read(struct gw_trace_context *context, const struct gw_message *message);
void gw_trace_context_fini(struct gw_trace_context *context);

#endif
