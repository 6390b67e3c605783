#include "lua/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "last-good.scripts"
#define MAX_BYTES (2 * (size_t)GW_SOURCES_MAX_BYTES) /* of the file */

static const struct gw_str first_line = {"moongate scripts 1", 18};

/* --- as text --- */

void gw_archive_write(struct gw_buf *out, const struct gw_sources *sources) {
    gw_buf_printf(out, "%.*s\n%s\n", GW_STR_ARG(first_line), sources->sha256);
    for (size_t i = 0; i < sources->n; i++) {
        const struct gw_source *source = &sources->items[i];
        gw_buf_printf(out, "%zu %zu\n%s", strlen(source->path), source->text.len, source->path);
        gw_buf_append_str(out, gw_buf_str(&source->text));
        gw_buf_append_char(out, '\n');
    }
}

/* Takes `n` bytes off the front. */
static bool take(struct gw_str *rest, uint64_t n, struct gw_str *out) {
    if (n > rest->len)
        return false;
    *out = (struct gw_str){rest->data, (size_t)n};
    *rest = (struct gw_str){rest->data + n, rest->len - (size_t)n};
    return true;
}

static bool take_line(struct gw_str *rest, struct gw_str *line) {
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct gw_str feed;
    return end && take(rest, (uint64_t)(end - rest->data), line) && take(rest, 1, &feed);
}

static bool take_source(struct gw_str *rest, struct gw_sources *sources) {
    struct gw_str line, path_len, text_len, path, text, end;
    uint64_t n_path, n_text;
    if (!take_line(rest, &line) || !gw_str_split(line, ' ', &path_len, &text_len) ||
        !gw_str_to_u64(path_len, MAX_BYTES, &n_path) ||
        !gw_str_to_u64(text_len, MAX_BYTES, &n_text) || !take(rest, n_path, &path) ||
        !take(rest, n_text, &text) || !take(rest, 1, &end) || *end.data != '\n' ||
        memchr(path.data, '\0', path.len))
        return false;
    gw_buf_append_str(&gw_sources_add(sources, path)->text, text);
    return true;
}

struct gw_sources *gw_archive_read(struct gw_str text) {
    struct gw_str line, sum, rest = text;
    if (!take_line(&rest, &line) || !gw_str_equal(line, first_line) || !take_line(&rest, &sum))
        return NULL;
    struct gw_sources *sources = gw_sources_new();
    bool ok = true;
    while (ok && rest.len > 0)
        ok = take_source(&rest, sources);
    if (ok)
        gw_sources_seal(sources);
    if (ok && gw_str_equal(sum, gw_str_from(sources->sha256)))
        return sources;
    gw_sources_free(sources);
    return NULL;
}

/* --- as a file --- */

static bool complain(struct gw_buf *error, const char *path) {
    gw_buf_printf(error, "%s: %s", path, strerror(errno));
    return false;
}

static bool write_all(int fd, struct gw_str text) {
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text = (struct gw_str){text.data + n, text.len - (size_t)n};
    }
    return fsync(fd) == 0;
}

static bool write_file(const char *path, struct gw_str text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text);
    int reason = errno;
    ok = close(fd) == 0 && ok;
    if (!ok)
        unlink(path);
    errno = ok ? 0 : reason;
    return ok;
}

/* The new name is on the disk, too. */
static void sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static void path_in(struct gw_buf *path, const char *folder, const char *ending) {
    gw_buf_printf(path, "%s/%s%s", folder, FILE_NAME, ending);
    gw_buf_append_char(path, '\0');
}

bool gw_archive_save(const char *folder, const struct gw_sources *sources, struct gw_buf *error) {
    struct gw_buf path = {0}, aside = {0}, text = {0};
    path_in(&path, folder, "");
    path_in(&aside, folder, ".new");
    gw_archive_write(&text, sources);
    bool ok = (write_file(aside.data, gw_buf_str(&text)) && rename(aside.data, path.data) == 0) ||
              complain(error, path.data);
    if (ok)
        sync_folder(folder);
    gw_buf_fini(&path);
    gw_buf_fini(&aside);
    gw_buf_fini(&text);
    return ok;
}

static bool read_file(const char *path, struct gw_buf *text) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t n;
    do {
        n = fread(gw_buf_reserve(text, 65536), 1, 65536, file);
        text->len += n;
    } while (n > 0 && text->len <= MAX_BYTES);
    bool ok = !ferror(file);
    fclose(file);
    return ok;
}

struct gw_sources *gw_archive_load(const char *folder, struct gw_buf *error) {
    struct gw_buf path = {0}, text = {0};
    struct gw_sources *sources = NULL;
    path_in(&path, folder, "");
    if (!read_file(path.data, &text))
        complain(error, path.data);
    else if (!(sources = gw_archive_read(gw_buf_str(&text))))
        gw_buf_printf(error, "%s: not a whole set of scripts", path.data);
    gw_buf_fini(&path);
    gw_buf_fini(&text);
    return sources;
}
