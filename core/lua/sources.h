/* The scripts folder, read once into memory, so that everything that is built from it is built from
 * the same bytes, whatever an editor does meanwhile. Immutable once read; shared by the states of a
 * generation, which must not outlive it. */
#ifndef GW_LUA_SOURCES_H
#define GW_LUA_SOURCES_H

#include "base/buf.h"

struct gw_source {
    char *path; /* owned; below the folder: "routes/products.lua" */
    struct gw_buf text;
};

struct gw_sources {
    struct gw_source *items; /* owned; sorted by path */
    size_t n;
};

/* Reads each *.lua below `folder`, following symbolic links, but no name that begins with a dot and
 * not folder/spec, which is for `moongate test`.
 * NULL, with one line in `error`, if the folder or a file cannot be read. */
struct gw_sources *gw_sources_read(const char *folder, struct gw_buf *error);
void gw_sources_free(struct gw_sources *sources);

/* The file of module "routes.products": routes/products.lua or routes/products/init.lua. */
const struct gw_source *gw_sources_find(const struct gw_sources *sources, struct gw_str module);

#endif
