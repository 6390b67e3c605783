/* A walk over JSON that this process has written itself, without a tree and without a copy: for the
 * log's text form. Slices point into the text. What is not JSON ends the walk early and is never
 * read beyond. */
#ifndef GW_BASE_JSON_SCAN_H
#define GW_BASE_JSON_SCAN_H

#include "base/buf.h"

/* An object's member or, without a key, an array's element. */
struct gw_json_item {
    struct gw_str key;   /* as it stands between its quotes */
    struct gw_str value; /* as it stands: "text" with its quotes, 12, {...} */
};

/* The inside of an object or array; empty for any other value. */
struct gw_str gw_json_inside(struct gw_str value);

/* Takes the first item off *inside; false at the end. */
bool gw_json_next(struct gw_str *inside, struct gw_json_item *out);

/* The value that the text starts with. */
struct gw_str gw_json_value(struct gw_str text);

/* The value of the object's member `key`. */
bool gw_json_find(struct gw_str inside, const char *key, struct gw_str *out);

bool gw_json_is_text(struct gw_str value);

/* Appends what a string (with its quotes) says: its escapes undone. Any other value as it is. */
void gw_json_append_text(struct gw_buf *buf, struct gw_str value);

#endif
