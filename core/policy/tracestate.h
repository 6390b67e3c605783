/* The tracestate fields of W3C Trace Context: what the tracing systems a request came through have
 * to tell each other. The gateway has nothing to add and passes them on, as one field in the order
 * they came, without empty members and white space around members.
 *
 * Keys are those of Level 2, with two thoughts of Level 1 that the W3C's own tests ask for: there
 * is at most one "@", and it divides a tenant of up to 241 characters from a system of up to 14,
 * which begins with a letter. */
#ifndef GW_POLICY_TRACESTATE_H
#define GW_POLICY_TRACESTATE_H

#include "base/buf.h"

#define GW_TRACESTATE_MAX_MEMBERS 32
#define GW_TRACESTATE_MAX_LEN     512 /* of what is passed on, bytes */

/* Adds the members of one field's value to those that the fields before it had. False: a member is
 * malformed, its key is there already, or there are too many, and none of them are passed on. */
bool gw_tracestate_append(struct gw_buf *list, struct gw_str value);

/* Takes whole members out until the list is short enough: first those of more than 128 bytes, then
 * from its end. */
void gw_tracestate_shorten(struct gw_buf *list);

#endif
