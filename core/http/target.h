/* The request target (RFC 9112, 3.2): which of its forms it has, and where its parts are. */
#ifndef GW_HTTP_TARGET_H
#define GW_HTTP_TARGET_H

#include "http/parser.h"

/* The message's method and target are known; fills path, query and, in absolute-form, host. False
 * with the error for a target that does not go with the method or is malformed. */
bool gw_target_parse(struct gw_message *message, struct gw_parser_error *error);

#endif
