/* The scripts folder, read once into memory, so that everything that is built from it is built from
 * the same bytes, whatever an editor does meanwhile. Immutable once sealed; shared by the states of
 * a generation and by what is remembered of it. */
#ifndef GW_LUA_SOURCES_H
#define GW_LUA_SOURCES_H

#include "base/buf.h"
#include "base/sha256.h"

struct gw_source {
    char *path; /* owned; below the folder: "routes/products.lua" */
    struct gw_buf text;
};

struct gw_sources {
    struct gw_source *items; /* owned; sorted by path */
    size_t n;
    char sha256[GW_SHA256_TEXT_SIZE]; /* of all paths and texts, in that order */
    unsigned n_keepers;               /* besides the first; the control thread's only */
};

/* What is larger is not a folder of scripts, but somebody's home. */
#define GW_SOURCES_MAX_BYTES   (16 << 20)   /* of all texts */
#define GW_SOURCES_MAX_FILE    (256 * 1024) /* bytes of one: compiling cannot be interrupted */
#define GW_SOURCES_MAX_FOLDERS 1000

/* Reads each *.lua below `folder`, following symbolic links, but no name that begins with a dot and
 * not folder/spec, which is for `moongate test`; once more, until nothing has changed in between,
 * so that what is half written or half replaced is not taken for a whole. NULL, with one line in
 * `error`, if the folder or a file cannot be read. */
struct gw_sources *gw_sources_read(const char *folder, struct gw_buf *error);

/* Made of parts: gw_sources_add() in any order, then gw_sources_seal(). */
struct gw_sources *gw_sources_new(void);
struct gw_source *gw_sources_add(struct gw_sources *sources, struct gw_str path); /* text empty */
void gw_sources_seal(struct gw_sources *sources); /* sorts them and takes their sum */

/* One more owner; each calls gw_sources_free(), which frees with the last. */
struct gw_sources *gw_sources_keep(struct gw_sources *sources);
void gw_sources_free(struct gw_sources *sources);

/* The file of module "routes.products": routes/products.lua or routes/products/init.lua; or, where
 * there can be no folders, as in a Kubernetes ConfigMap, routes.products.lua. */
const struct gw_source *gw_sources_find(const struct gw_sources *sources, struct gw_str module);

#endif
