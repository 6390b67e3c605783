/* Files that travel inside the binary, so that they can never disagree with it. A table of them is
 * made from a folder by embed.sh when the binary is built; the Makefile names the tables. */
#ifndef GW_BASE_EMBEDDED_H
#define GW_BASE_EMBEDDED_H

#include "base/str.h"

struct gw_embedded {
    const char *name; /* the path below the folder; NULL ends the table */
    struct gw_str text;
};

/* NULL if the table has no such file. */
const struct gw_embedded *gw_embedded_find(const struct gw_embedded *table, struct gw_str name);

#endif
