/* Entries: values by key, in a file of their own beside the journal's, with the journal's care for
 * transactions and failing disks. What is said here of a store is what engine/store.h says, but its
 * table has only the functions that the journal's thread calls by itself: records are those below.
 * Used by that thread only, within a transaction. */
#ifndef GW_ENGINE_ENTRIES_H
#define GW_ENGINE_ENTRIES_H

#include "engine/store.h"

/* Opens store-NAME.db in the folder, which the journal has taken, or makes it; `folder` NULL: in
 * memory. Whatever is wrong with it, with one line in `error`, each begin() fails until it has been
 * put right. `name` stays as long as the store. */
struct gw_store *gw_entries_open(const char *folder, const char *name, struct gw_buf *error);

/* A version is never the same again, also of a key that was deleted in between. */
struct gw_entry {
    struct gw_str key, value;
    int64_t version; /* 0: there is no such entry */
};

bool gw_entries_put(struct gw_store *store, struct gw_str key, struct gw_str value);
bool gw_entries_delete(struct gw_store *store, struct gw_str key, bool *found);

/* Appends the value to `value`. */
bool gw_entries_find(struct gw_store *store, struct gw_str key, struct gw_buf *value,
                     int64_t *version);

/* Those that begin with `prefix`, in the order of their bytes, without `after` and what comes
 * before it; the visitor returns false to stop. */
typedef bool (*gw_entry_visitor)(void *user, const struct gw_entry *entry);
bool gw_entries_list(struct gw_store *store, struct gw_str prefix, struct gw_str after,
                     gw_entry_visitor visit, void *user);

/* What is put and deleted between hold() and drop() never happened; keep() leaves it. They do not
 * nest. */
bool gw_entries_hold(struct gw_store *store);
bool gw_entries_keep(struct gw_store *store);
bool gw_entries_drop(struct gw_store *store);

#endif
