/* The lines around what is wrong with a script, for whoever shows it. */
#ifndef GW_ADMIN_EXCERPT_H
#define GW_ADMIN_EXCERPT_H

#include "base/fault.h"
#include "lua/sources.h"

/* A member "excerpt": { "first_line", "lines" }. Nothing if the fault has no line in a file of
 * these; `sources` may be NULL. No other file is looked at. */
void gw_excerpt_append(struct gw_buf *out, const struct gw_sources *sources,
                       const struct gw_fault *fault);

#endif
