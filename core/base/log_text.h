/* The log for people: a finished JSON line as one line of text, in colour if wanted. Who logs needs
 * not know of it.
 *
 *     12:04:05.123   200 GET /api/v1/products/TEST-001  3.2 ms  inventory 200, pricing timeout
 *     12:04:06.480  warn breaker  backend=pricing from=closed to=open reason="5 failures in a row"
 *
 * Tracebacks and further lines of a message follow it, indented. Control characters, which a
 * terminal would obey, are escaped. */
#ifndef GW_BASE_LOG_TEXT_H
#define GW_BASE_LOG_TEXT_H

#include "base/buf.h"

/* `record` is the JSON object without its line feed. The time is shown as local time. */
void gw_log_text(struct gw_str record, bool colour, struct gw_buf *out);

#endif
