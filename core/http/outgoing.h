/* The copy of what a call sends: its fields as text lines, and its body, in one block that does not
 * move while the call runs. Embedded in the call; all zero is valid; reused for the next one. */
#ifndef GW_HTTP_OUTGOING_H
#define GW_HTTP_OUTGOING_H

#include "http/client.h"

struct gw_outgoing {
    struct gw_buf text; /* owned */
    char **lines;       /* owned array; "name: value", terminated, in `text` */
    unsigned n_lines, cap_lines;
    struct gw_str body; /* in `text` */
};

/* False if it cannot be sent: the method is no token, a field is malformed, or is one of those that
 * frame the body. */
bool gw_outgoing_copy(struct gw_outgoing *outgoing, const struct gw_call_request *request);

void gw_outgoing_trim(struct gw_outgoing *outgoing); /* gives back what was unusually much */
void gw_outgoing_fini(struct gw_outgoing *outgoing);

#endif
