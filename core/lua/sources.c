#include "lua/sources.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 16 /* of folders: a link that leads upward must not lead round for ever */

struct reading {
    const char *folder;
    struct gw_sources *sources;
    struct gw_buf *error;
};

static bool complain(struct reading *reading, const char *path) {
    gw_buf_printf(reading->error, "%s/%s: %s", reading->folder, path, strerror(errno));
    return false;
}

static bool read_text(struct reading *reading, const char *path, const char *full) {
    FILE *file = fopen(full, "rb");
    if (!file)
        return complain(reading, path);
    struct gw_sources *s = reading->sources;
    s->items = gw_realloc(s->items, (s->n + 1) * sizeof *s->items);
    struct gw_source *source = &s->items[s->n++];
    *source = (struct gw_source){.path = gw_strdup(path)};
    size_t n;
    do {
        n = fread(gw_buf_reserve(&source->text, 4096), 1, 4096, file);
        source->text.len += n;
    } while (n > 0);
    bool ok = !ferror(file) || complain(reading, path);
    fclose(file);
    return ok;
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
    else if (ends_with_lua(name))
        ok = read_text(reading, path.data, full.data);
    gw_buf_fini(&path);
    gw_buf_fini(&full);
    return ok;
}

static bool read_folder(struct reading *reading, const char *path, int depth) {
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

struct gw_sources *gw_sources_read(const char *folder, struct gw_buf *error) {
    struct gw_sources *sources = gw_calloc(1, sizeof *sources);
    struct reading reading = {folder, sources, error};
    if (!read_folder(&reading, "", 0)) {
        gw_sources_free(sources);
        return NULL;
    }
    if (sources->n)
        qsort(sources->items, sources->n, sizeof *sources->items, by_path);
    return sources;
}

void gw_sources_free(struct gw_sources *sources) {
    if (!sources)
        return;
    for (size_t i = 0; i < sources->n; i++) {
        free(sources->items[i].path);
        gw_buf_fini(&sources->items[i].text);
    }
    free(sources->items);
    free(sources);
}

/* Whether `path` is the module's name with slashes for dots, then `ending`. */
static bool is_module(const char *path, struct gw_str module, const char *ending) {
    if (strlen(path) != module.len + strlen(ending) || strcmp(path + module.len, ending) != 0)
        return false;
    for (size_t i = 0; i < module.len; i++)
        if (path[i] != (module.data[i] == '.' ? '/' : module.data[i]))
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
