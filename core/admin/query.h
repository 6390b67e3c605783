/* The query of a request to the admin listener: names and values, percent-decoded; a plus is a
 * space, as forms write it. It is read against the names that are known, once; what cannot be read,
 * or has no sense, leaves a complaint that begins with the name. */
#ifndef GW_ADMIN_QUERY_H
#define GW_ADMIN_QUERY_H

#include "base/buf.h"

#define GW_QUERY_MAX_ITEMS 16

/* All zero to start with. Slices live until gw_query_fini(). */
struct gw_query {
    unsigned n_items;
    struct {
        struct gw_str name, value;
    } items[GW_QUERY_MAX_ITEMS];
    struct gw_buf decoded;   /* owned; the items point into it */
    struct gw_buf complaint; /* owned: "limit: must be a number from 1 to 1000" */
};

/* `raw` is without the question mark; `known` has the names with spaces between them. False for a
 * broken escape, a NUL, a name that is not known or is there twice. */
bool gw_query_read(struct gw_query *query, struct gw_str raw, const char *known);
void gw_query_fini(struct gw_query *query);

/* Each leaves *out alone if the name is not there or has no value. False: there is a complaint. */
bool gw_query_text(const struct gw_query *query, const char *name, struct gw_str *out);
bool gw_query_number(struct gw_query *query, const char *name, uint64_t min, uint64_t max,
                     uint64_t *out);
/* The index of the value in `words`, which ends with NULL. */
bool gw_query_choice(struct gw_query *query, const char *name, const char *const *words, int *out);
/* True for the name alone, and for "true"; false for "false". */
bool gw_query_flag(struct gw_query *query, const char *name, bool *out);

#endif
