/* How a record of what happened to a request is told: as JSON and as text. Not for others. */
#ifndef GW_ADMIN_REQUESTS_H
#define GW_ADMIN_REQUESTS_H

#include "engine/recent.h"

/* The call that took longest, or NULL. */
const struct gw_span *gw_request_slowest_call(const struct gw_trace *trace);

/* What a span is about, and what else there is to say of it; either may stay empty. */
void gw_span_describe(const struct gw_trace *trace, const struct gw_span *span, struct gw_buf *name,
                      struct gw_buf *note);

/* An object of the members that a list shows, and one of all there are. */
void gw_request_row_json(const struct gw_recent_entry *entry, struct gw_buf *out);
void gw_request_json(const struct gw_recent_entry *entry, struct gw_buf *out);

/* One line, and a waterfall. */
void gw_request_row_text(const struct gw_recent_entry *entry, struct gw_buf *out);
void gw_request_text(const struct gw_recent_entry *entry, struct gw_buf *out);

#endif
