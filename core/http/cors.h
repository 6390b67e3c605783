/* Cross-origin requests (Fetch standard, "CORS protocol"): which fields a response needs so that a
 * browser lets a page of another origin see it. Pure functions of the request and of the origins
 * the operator allows: a comma separated list as in "https://a.example, https://b.example:8443", or
 * "*". Credentials are allowed to listed origins only, never with "*". */
#ifndef GW_HTTP_CORS_H
#define GW_HTTP_CORS_H

#include "http/message.h"

/* An OPTIONS request by which a browser asks before it sends the real one. */
bool gw_cors_is_preflight(const struct gw_message *request);

/* The fields of any response, also to a request without Origin: with a list, each response varies
 * by it. Nothing if `allowed` is empty. */
void gw_cors_append(struct gw_buf *fields, struct gw_str allowed, const struct gw_message *request);

/* What the response to a preflight says besides; nothing to an origin that is not allowed. */
void gw_cors_append_preflight(struct gw_buf *fields, struct gw_str allowed,
                              const struct gw_message *request);

#endif
