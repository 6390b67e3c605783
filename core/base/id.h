/* Correlation ids: UUID version 7 (RFC 9562, 5.7), so that they sort by time. */
#ifndef GW_BASE_ID_H
#define GW_BASE_ID_H

#include "base/str.h"

#define GW_ID_SIZE 37  /* a UUID in text, and its NUL */
#define GW_ID_MAX  128 /* the longest id taken from a caller, bytes */

void gw_id_new(char out[GW_ID_SIZE]);

/* Whether a caller's id may be kept: 1 to 128 of A-Z a-z 0-9 . _ - */
bool gw_id_valid(struct gw_str id);

#endif
