/* The copy of what a call sends, in one block that does not move while the call runs: either the
 * whole request as it goes over the wire, or, for a library that writes it, its fields as text
 * lines and its body. Embedded in the call; all zero is valid; reused for the next one. */
#ifndef GW_HTTP_OUTGOING_H
#define GW_HTTP_OUTGOING_H

#include "http/client.h"

struct gw_outgoing {
    struct gw_buf text; /* owned; the request, if it was written */
    char **lines;       /* owned array; "name: value", terminated, in `text` */
    unsigned n_lines, cap_lines;
    struct gw_str body; /* in `text` */
    bool sends_body;    /* perhaps an empty one */
    bool is_head;       /* its response has no body */
    bool is_idempotent; /* to be sent twice is the same as once (RFC 9110, 9.2.2) */
};

/* False, from both, if it cannot be sent: the method is no token, a field is malformed, or is one
 * of those that frame the body. */
bool gw_outgoing_copy(struct gw_outgoing *outgoing, const struct gw_call_request *request);

/* `authority` is for Host, unless a field says it; `target` is well-formed. */
bool gw_outgoing_write(struct gw_outgoing *outgoing, const struct gw_call_request *request,
                       struct gw_str authority, const char *target);

void gw_outgoing_trim(struct gw_outgoing *outgoing); /* gives back what was unusually much */
void gw_outgoing_fini(struct gw_outgoing *outgoing);

#endif
