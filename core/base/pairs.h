/* Lists of "key=value, key=value", as OpenTelemetry's variables have them: white space around keys
 * and values does not count, values are percent-encoded, and what comes after a ";" is left out
 * (W3C Baggage). */
#ifndef GW_BASE_PAIRS_H
#define GW_BASE_PAIRS_H

#include "base/buf.h"

/* Takes the next pair off `rest`; the value is decoded into `value`, which it overwrites. False at
 * the end and at a fault: then `rest` is not empty. Empty members are skipped. */
bool gw_pairs_next(struct gw_str *rest, struct gw_str *key, struct gw_buf *value);

#endif
