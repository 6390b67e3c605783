#include "lua/sources.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 16 /* of folders: a link that leads upward must not lead round for ever */
#define MAX_READS 10

struct reading {
    const char *folder;
    struct gw_sources *sources;
    size_t bytes; /* so far */
    unsigned n_folders;
    struct gw_buf *error;
};

static bool refuse(struct reading *reading, const char *path, const char *reason) {
    gw_buf_printf(reading->error, "%s/%s: %s", reading->folder, path, reason);
    return false;
}

static bool complain(struct reading *reading, const char *path) {
    return refuse(reading, path, strerror(errno));
}

static bool read_text(struct reading *reading, const char *path, const char *full) {
    FILE *file = fopen(full, "rb");
    if (!file)
        return complain(reading, path);
    struct gw_source *source = gw_sources_add(reading->sources, gw_str_from(path));
    size_t n;
    do {
        n = fread(gw_buf_reserve(&source->text, 4096), 1, 4096, file);
        source->text.len += n;
        reading->bytes += n;
    } while (n > 0 && source->text.len <= GW_SOURCES_MAX_FILE &&
             reading->bytes <= GW_SOURCES_MAX_BYTES);
    bool ok = !ferror(file) || complain(reading, path);
    fclose(file);
    if (source->text.len > GW_SOURCES_MAX_FILE)
        return refuse(reading, path, "the file is larger than 256 KiB");
    if (reading->bytes <= GW_SOURCES_MAX_BYTES)
        return ok;
    return refuse(reading, path, "the files are larger than 16 MiB together");
}

static bool ends_with_lua(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}

static bool read_folder(struct reading *reading, const char *path, int depth);

static bool read_entry(struct reading *reading, const char *folder, const char *name, int depth) {
    struct gw_buf path = {0}, full = {0};
    gw_buf_printf(&path, "%s%s%s", folder, *folder ? "/" : "", name);
    gw_buf_append_char(&path, '\0');
    gw_buf_printf(&full, "%s/%s", reading->folder, path.data);
    gw_buf_append_char(&full, '\0');
    struct stat status;
    bool ok = true;
    if (stat(full.data, &status) != 0)
        ok = !ends_with_lua(name) || complain(reading, path.data);
    else if (S_ISDIR(status.st_mode))
        ok = read_folder(reading, path.data, depth + 1);
    else if (ends_with_lua(name) && S_ISREG(status.st_mode)) /* a pipe would keep us waiting */
        ok = read_text(reading, path.data, full.data);
    gw_buf_fini(&path);
    gw_buf_fini(&full);
    return ok;
}

static bool read_folder(struct reading *reading, const char *path, int depth) {
    if (++reading->n_folders > GW_SOURCES_MAX_FOLDERS)
        return refuse(reading, path, "there are more than 1000 folders");
    struct gw_buf full = {0};
    gw_buf_printf(&full, "%s/%s", reading->folder, path);
    gw_buf_append_char(&full, '\0');
    if (depth > MAX_DEPTH)
        errno = ELOOP;
    DIR *dir = depth > MAX_DEPTH ? NULL : opendir(full.data);
    gw_buf_fini(&full);
    if (!dir)
        return complain(reading, path);
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && (depth > 0 || strcmp(entry->d_name, "spec") != 0))
            ok = read_entry(reading, path, entry->d_name, depth);
    closedir(dir);
    return ok;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct gw_source *)a)->path, ((const struct gw_source *)b)->path);
}

/* --- the set --- */

struct gw_sources *gw_sources_new(void) {
    return gw_calloc(1, sizeof(struct gw_sources));
}

struct gw_source *gw_sources_add(struct gw_sources *sources, struct gw_str path) {
    sources->items = gw_realloc(sources->items, (sources->n + 1) * sizeof *sources->items);
    struct gw_source *source = &sources->items[sources->n++];
    *source = (struct gw_source){.path = gw_strndup(path.data, path.len)};
    return source;
}

/* Each text is preceded by its path and its length, so that no two sets look alike. */
void gw_sources_seal(struct gw_sources *sources) {
    struct gw_sha256 sum;
    gw_sha256_init(&sum);
    if (sources->n)
        qsort(sources->items, sources->n, sizeof *sources->items, by_path);
    for (size_t i = 0; i < sources->n; i++) {
        const struct gw_source *source = &sources->items[i];
        char length[24];
        int n = snprintf(length, sizeof length, "%zu", source->text.len);
        gw_sha256_add(&sum, source->path, strlen(source->path) + 1);
        gw_sha256_add(&sum, length, (size_t)n + 1);
        gw_sha256_add(&sum, source->text.data, source->text.len);
    }
    gw_sha256_text(&sum, sources->sha256);
}

static struct gw_sources *read_once(const char *folder, struct gw_buf *error) {
    struct gw_sources *sources = gw_sources_new();
    struct reading reading = {.folder = folder, .sources = sources, .error = error};
    if (!read_folder(&reading, "", 0)) {
        gw_sources_free(sources);
        return NULL;
    }
    gw_sources_seal(sources);
    return sources;
}

/* A file that is just being replaced may be missing for a moment. */
static struct gw_sources *read_twice(const char *folder, struct gw_buf *error) {
    size_t len = error->len;
    struct gw_sources *sources = read_once(folder, error);
    if (sources)
        return sources;
    error->len = len;
    return read_once(folder, error);
}

struct gw_sources *gw_sources_read(const char *folder, struct gw_buf *error) {
    struct gw_sources *sources = read_twice(folder, error), *again;
    for (int i = 0; sources && i < MAX_READS; i++, sources = again) {
        again = read_twice(folder, error);
        bool settled = again && strcmp(again->sha256, sources->sha256) == 0;
        gw_sources_free(sources);
        if (settled)
            return again;
    }
    return sources; /* somebody writes without end: whoever watches the folder reads it again */
}

struct gw_sources *gw_sources_keep(struct gw_sources *sources) {
    sources->n_keepers++;
    return sources;
}

void gw_sources_free(struct gw_sources *sources) {
    if (!sources || sources->n_keepers-- > 0)
        return;
    for (size_t i = 0; i < sources->n; i++) {
        free(sources->items[i].path);
        gw_buf_fini(&sources->items[i].text);
    }
    free(sources->items);
    free(sources);
}

/* Whether `path` is the module's name, with slashes for dots or as it is, then `ending`. */
static bool is_module(const char *path, struct gw_str module, const char *ending) {
    if (strlen(path) != module.len + strlen(ending) || strcmp(path + module.len, ending) != 0)
        return false;
    for (size_t i = 0; i < module.len; i++)
        if (path[i] != module.data[i] && !(module.data[i] == '.' && path[i] == '/'))
            return false;
    return true;
}

const struct gw_source *gw_sources_find(const struct gw_sources *sources, struct gw_str module) {
    for (size_t i = 0; i < sources->n; i++)
        if (is_module(sources->items[i].path, module, ".lua") ||
            is_module(sources->items[i].path, module, "/init.lua"))
            return &sources->items[i];
    return NULL;
}
