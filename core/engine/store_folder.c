#include "base/alloc.h"
#include "engine/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *join(const char *folder, const char *name) {
    struct gw_buf path = {0};
    gw_buf_printf(&path, "%s/%s", folder, name);
    gw_buf_append_char(&path, '\0');
    return path.data;
}

static bool complain(struct gw_buf *error, const char *path, const char *what) {
    gw_buf_printf(error, "%s: %s", path, what);
    return false;
}

static bool is_folder(const char *folder, struct gw_buf *error) {
    struct stat about;
    if (stat(folder, &about) != 0)
        return complain(error, folder, errno == ENOENT ? "no such folder" : strerror(errno));
    return S_ISDIR(about.st_mode) || complain(error, folder, "it is not a folder");
}

/* The file is of no use but to be locked; its text is for the one who finds it locked. */
static void write_pid(int lock) {
    char text[24];
    struct gw_buf buf = {.data = text, .cap = sizeof text};
    gw_buf_append_int(&buf, getpid());
    gw_buf_append_char(&buf, '\n');
    if (ftruncate(lock, 0) != 0 || pwrite(lock, buf.data, buf.len, 0) < 0) {
        /* Then it stays empty, on a full disk. The lock counts. */
    }
}

static bool complain_of_other(struct gw_sqlite *sqlite, const char *folder, struct gw_buf *error) {
    char pid[24] = "";
    ssize_t n = pread(sqlite->lock, pid, sizeof pid - 1, 0);
    sqlite->is_others = true;
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    gw_buf_printf(error, "%s: another gateway uses this folder%s%s%s", folder,
                  *pid ? " (process " : "", pid, *pid ? ")" : "");
    return false;
}

/* An flock: it ends with the process, whatever ends that. */
static bool take_lock(struct gw_sqlite *sqlite, const char *folder, struct gw_buf *error) {
    char *path = join(folder, "moongate.lock");
    sqlite->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool is_open = sqlite->lock >= 0;
    if (!is_open)
        gw_buf_printf(error, "%s: cannot be written: %s", path, strerror(errno));
    free(path);
    if (!is_open)
        return false;
    if (flock(sqlite->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? complain_of_other(sqlite, folder, error)
                                    : complain(error, folder, strerror(errno));
    write_pid(sqlite->lock);
    return true;
}

/* SQLite would make it as the umask says; the log beside it gets the mode that it has. */
bool gw_store_make_file(const char *path, struct gw_buf *error) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return complain(error, path, errno == EISDIR ? "it is a folder" : strerror(errno));
    close(file);
    return true;
}

bool gw_store_take_folder(struct gw_sqlite *sqlite, const char *folder, struct gw_buf *error) {
    if (!sqlite->path)
        sqlite->path = join(folder, "moongate.db");
    return is_folder(folder, error) && take_lock(sqlite, folder, error) &&
           gw_store_make_file(sqlite->path, error);
}
