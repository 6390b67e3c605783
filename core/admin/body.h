/* The body of a request to the admin listener: nothing, or a JSON object with members that are
 * known. What cannot be read, or has no sense, leaves a complaint that begins with the member. */
#ifndef GW_ADMIN_BODY_H
#define GW_ADMIN_BODY_H

#include "base/buf.h"

#define GW_BODY_MAX_MEMBERS 16

/* All zero to start with. */
struct gw_body {
    unsigned n_members;
    struct {
        struct gw_str name;         /* as it stands between its quotes */
        struct gw_str value;        /* as it stands: "text" with its quotes, 12, ... */
    } members[GW_BODY_MAX_MEMBERS]; /* they point into the text that was read */
    bool is_object;                 /* it was read as one: what there is to complain of is inside */
    struct gw_buf complaint;        /* owned: "level: must be debug, info, warn or error" */
};

/* An empty text is an empty object. `known` has the names with spaces between them. False for what
 * is no JSON or no object, and for a member that is not known or is there twice. */
bool gw_body_read(struct gw_body *body, struct gw_str text, const char *known);
void gw_body_fini(struct gw_body *body);

/* A text must be there, and not be empty or longer than `max` bytes. It is appended to `out`. */
bool gw_body_text(struct gw_body *body, const char *name, size_t max, struct gw_buf *out);

/* Leaves *out alone if it is not there, but not for null. */
bool gw_body_number(struct gw_body *body, const char *name, uint64_t min, uint64_t max,
                    uint64_t *out);

/* For what only the caller can judge; false. */
bool gw_body_complain(struct gw_body *body, const char *name, const char *reason);

#endif
