/* The lines in which two texts differ, as a unified diff for people: the shortest one (Myers 1986),
 * unless they differ in more than a thousand lines, which then are told as all gone and all new. */
#ifndef GW_BASE_DIFF_H
#define GW_BASE_DIFF_H

#include "base/buf.h"

/* Appends "--- old_name", "+++ new_name" and the hunks, with three lines around each change;
 * nothing where the texts are equal. A text that does not exist is empty, and its name is
 * "/dev/null". */
void gw_diff(struct gw_buf *out, const char *old_name, struct gw_str old_text, const char *new_name,
             struct gw_str new_text);

#endif
