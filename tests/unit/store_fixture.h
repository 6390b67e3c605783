/* A folder for a store, gone at the end; and the store in it. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "engine/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512

static char folder[PATH_SIZE];

static inline const char *in_folder(const char *name) {
    static char path[PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/moongate-store-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    chmod(folder, 0700);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        if (*entry->d_name != '.')
            remove(in_folder(entry->d_name));
    if (entries)
        closedir(entries);
    return rmdir(folder);
}

static inline struct gw_store *open_store(void) {
    struct gw_buf error = {0};
    struct gw_store *store = gw_store_sqlite_open(folder, &error);
    if (!store)
        fail_msg("%.*s", GW_STR_ARG(gw_buf_str(&error)));
    return store;
}

/* It cannot be opened, for a reason with `part` in it. */
static inline void assert_refused(const char *where, const char *part) {
    struct gw_buf error = {0};
    struct gw_store *store = gw_store_sqlite_open(where, &error);
    assert_null(store);
    gw_buf_append_char(&error, '\0');
    if (!strstr(error.data, part) || strchr(error.data, '\n'))
        fail_msg("\"%s\" has no \"%s\", or is no line", error.data, part);
    gw_buf_fini(&error);
}

static inline void begin(struct gw_store *store) {
    if (!store->functions->begin(store))
        fail_msg("begin: %s", gw_store_error(store));
}

static inline void commit(struct gw_store *store) {
    if (!store->functions->commit(store))
        fail_msg("commit: %s", gw_store_error(store));
}

static inline void assert_str(struct gw_str found, struct gw_str wanted) {
    assert_int_equal(found.len, wanted.len);
    if (wanted.len)
        assert_memory_equal(found.data, wanted.data, wanted.len);
}

/* A saga with an id made of a number. */
static inline void put_saga(struct gw_store *store, int n, enum gw_saga_state state,
                            int64_t changed_ms) {
    char id[24];
    snprintf(id, sizeof id, "id-%d", n);
    struct gw_saga_record saga = {
        .kind = GW_STR("order"), .id = gw_str_from(id), .state = state, .changed_ms = changed_ms};
    assert_true(store->functions->put_saga(store, &saga));
}

static inline bool has_saga(struct gw_store *store, int n) {
    char id[24];
    bool found;
    struct gw_saga_record saga;
    snprintf(id, sizeof id, "id-%d", n);
    assert_true(
        store->functions->find_saga(store, GW_STR("order"), gw_str_from(id), &found, &saga));
    gw_buf_fini(&saga.memory);
    return found;
}

#endif
