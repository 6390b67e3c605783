/* A set of sources as one file: what `serve --last-good` starts from.
 *
 *     moongate scripts 1 LF, sha256 LF, then for each: length of the path, space, length of the
 * text, LF, path, text, LF
 */
#ifndef GW_LUA_ARCHIVE_H
#define GW_LUA_ARCHIVE_H

#include "lua/sources.h"

void gw_archive_write(struct gw_buf *out, const struct gw_sources *sources);

/* NULL if it is not such a file, or not whole. */
struct gw_sources *gw_archive_read(struct gw_str text);

/* folder/last-good.scripts: written beside it, synced, and renamed, so that there is a whole one at
 * any time. False with the reason in `error`. */
bool gw_archive_save(const char *folder, const struct gw_sources *sources, struct gw_buf *error);
struct gw_sources *gw_archive_load(const char *folder, struct gw_buf *error);

#endif
