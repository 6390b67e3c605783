/* What the header fields say about the message as a whole: where its body ends, whether the
 * connection outlives it, for whom it is, what it expects (RFC 9112, 3.2, 6 and 9; RFC 9110,
 * 10.1.1). This is where smuggling is refused: everything that two readers could take differently
 * is an error. */
#ifndef GW_HTTP_FRAMING_H
#define GW_HTTP_FRAMING_H

#include "http/parser.h"

/* All fields are in; fills what is derived from them. False with the error. */
bool gw_framing_derive(struct gw_message *message, struct gw_parser_error *error);

#endif
