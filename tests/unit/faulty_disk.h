/* A disk that fails as it is told to, and whose power can be cut: an SQLite VFS in front of the
 * real one, for every store that is opened after use_faulty_disk(). */
#ifndef TESTS_UNIT_FAULTY_DISK_H
#define TESTS_UNIT_FAULTY_DISK_H

#include "random.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum disk_fault {
    DISK_IS_WELL,
    DISK_IS_FULL,      /* no file can grow */
    DISK_WRITES_SHORT, /* likewise, and half of what was to be written is */
    DISK_FAILS,        /* nothing can be written */
    DISK_CANNOT_SYNC,  /* what is written is lost, though it can be read: see fsync on Linux */
    DISK_HAS_BAD_PART, /* where the database is, but not its log */
    DISK_IS_GONE,      /* nothing can be read either */
};

static _Atomic int disk_fault;      /* set by the test, at any time */
static atomic_int disk_fault_after; /* so many operations of the kind succeed before */
static atomic_uint disk_syncs;

/* --- what is written and not yet synced --- */

#define SECTOR 512

struct unsynced {
    struct unsynced *next;
    sqlite3_int64 at;
    int n; /* -1: cut off at `at` */
    char bytes[];
};

/* One for the database, one for its log. */
static struct image {
    char *bytes; /* as the disk has it for certain */
    sqlite3_int64 size, room;
    struct unsynced *first, **last;
} images[2];

static bool disk_is_recorded;
static bool disk_syncs_really; /* else it is only counted: there is no power to be cut */

static void image_resize(struct image *image, sqlite3_int64 size) {
    if (size > image->room) {
        image->room = size * 2;
        image->bytes = realloc(image->bytes, (size_t)image->room);
    }
    if (size > image->size)
        memset(image->bytes + image->size, 0, (size_t)(size - image->size));
    image->size = size;
}

static void image_apply(struct image *image, const struct unsynced *write) {
    if (write->n < 0 || write->at + write->n > image->size)
        image_resize(image, write->n < 0 ? write->at : write->at + write->n);
    if (write->n > 0)
        memcpy(image->bytes + write->at, write->bytes, (size_t)write->n);
}

static void image_note(struct image *image, const void *bytes, int n, sqlite3_int64 at) {
    struct unsynced *write = malloc(sizeof *write + (size_t)(n > 0 ? n : 0));
    *write = (struct unsynced){.at = at, .n = n};
    if (n > 0)
        memcpy(write->bytes, bytes, (size_t)n);
    if (!image->first)
        image->last = &image->first;
    *image->last = write;
    image->last = &write->next;
}

static void image_drop_first(struct image *image) {
    struct unsynced *write = image->first;
    image->first = write->next;
    free(write);
}

static void image_lose(struct image *image) {
    while (image->first)
        image_drop_first(image);
}

static void image_sync(struct image *image) {
    for (; image->first; image_drop_first(image))
        image_apply(image, image->first);
}

/* Of what was not synced each sector is there or not, as it pleases the disk. */
static void image_tear(struct image *image, uint64_t *random) {
    for (; image->first; image_drop_first(image)) {
        const struct unsynced *whole = image->first;
        for (int from = 0; from < whole->n; from += SECTOR) {
            int n = whole->n - from < SECTOR ? whole->n - from : SECTOR;
            struct unsynced *part = malloc(sizeof *part + SECTOR);
            *part = (struct unsynced){.at = whole->at + from, .n = n};
            memcpy(part->bytes, whole->bytes + from, (size_t)n);
            if (next_random(random) & 1)
                image_apply(image, part);
            free(part);
        }
        if (whole->n < 0 && next_random(random) & 1)
            image_apply(image, whole);
    }
}

static char *in_wal(const char *path) {
    static char wal[600];
    snprintf(wal, sizeof wal, "%s-wal", path);
    return wal;
}

/* From here on, of a database that is closed. */
static inline void record_disk(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY);
    if (file >= 0 && fstat(file, &about) == 0) {
        image_resize(&images[0], about.st_size);
        images[0].size = read(file, images[0].bytes, (size_t)about.st_size);
        close(file);
    }
    disk_is_recorded = true;
}

static void image_write(struct image *image, const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (sqlite3_int64 at = 0, n; at < image->size; at += n)
        n = write(file, image->bytes + at, (size_t)(image->size - at));
    close(file);
    free(image->bytes);
    *image = (struct image){0};
}

/* What is found when the power is back. */
static inline void restore_disk(const char *path, uint64_t *random) {
    image_tear(&images[0], random);
    image_tear(&images[1], random);
    image_write(&images[0], path);
    image_write(&images[1], in_wal(path));
    disk_is_recorded = false;
}

/* --- the files --- */

struct disk_file {
    sqlite3_file file;
    bool is_database;
    struct image *image; /* NULL: not recorded */
    sqlite3_file *real;  /* behind it in the same block */
};

static sqlite3_vfs disk_vfs, *disk_real_vfs;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct disk_file *)file)->real;
}

/* Whether a fault of one of these kinds is due. */
static bool disk_has(enum disk_fault fault) {
    return atomic_load(&disk_fault) == (int)fault && atomic_fetch_sub(&disk_fault_after, 1) <= 0;
}

static bool grows(sqlite3_file *real, int n, sqlite3_int64 at) {
    sqlite3_int64 size = 0;
    return real->pMethods->xFileSize(real, &size) == SQLITE_OK && at + n > size;
}

static int disk_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at) {
    sqlite3_file *real = real_of(file);
    struct image *image = ((struct disk_file *)file)->image;
    if (disk_has(DISK_FAILS) || disk_has(DISK_IS_GONE))
        return SQLITE_IOERR_WRITE;
    if (((struct disk_file *)file)->is_database && disk_has(DISK_HAS_BAD_PART))
        return SQLITE_IOERR_WRITE;
    if (grows(real, n, at) && disk_has(DISK_IS_FULL))
        return SQLITE_FULL;
    if (grows(real, n, at) && disk_has(DISK_WRITES_SHORT)) {
        real->pMethods->xWrite(real, bytes, n / 2, at);
        return SQLITE_FULL;
    }
    if (image)
        image_note(image, bytes, n, at);
    return real->pMethods->xWrite(real, bytes, n, at);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct image *image = ((struct disk_file *)file)->image;
    if (disk_has(DISK_FAILS) || disk_has(DISK_IS_GONE))
        return SQLITE_IOERR_TRUNCATE;
    if (image)
        image_note(image, NULL, -1, size);
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int disk_sync(sqlite3_file *file, int flags) {
    struct image *image = ((struct disk_file *)file)->image;
    bool is_lost = disk_has(DISK_CANNOT_SYNC);
    if (is_lost && image)
        image_lose(image);
    if (is_lost || disk_has(DISK_IS_GONE))
        return SQLITE_IOERR_FSYNC;
    atomic_fetch_add(&disk_syncs, 1);
    if (image)
        image_sync(image);
    return disk_syncs_really ? real_of(file)->pMethods->xSync(real_of(file), flags) : SQLITE_OK;
}

static int disk_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at) {
    if (disk_has(DISK_IS_GONE))
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), bytes, n, at);
}

#define PASS(name, parameters, ...)                                         \
    static int disk_##name parameters {                                     \
        return real_of(file)->pMethods->name(real_of(file), ##__VA_ARGS__); \
    }
PASS(xClose, (sqlite3_file * file))
PASS(xFileSize, (sqlite3_file * file, sqlite3_int64 *size), size)
PASS(xLock, (sqlite3_file * file, int lock), lock)
PASS(xUnlock, (sqlite3_file * file, int lock), lock)
PASS(xCheckReservedLock, (sqlite3_file * file, int *out), out)
PASS(xFileControl, (sqlite3_file * file, int op, void *arg), op, arg)
PASS(xSectorSize, (sqlite3_file * file))
PASS(xDeviceCharacteristics, (sqlite3_file * file))
PASS(xShmMap, (sqlite3_file * file, int region, int size, int extend, void volatile **out), region,
     size, extend, out)
PASS(xShmLock, (sqlite3_file * file, int offset, int n, int flags), offset, n, flags)
PASS(xShmUnmap, (sqlite3_file * file, int delete_it), delete_it)

static void disk_xShmBarrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

/* Version 2: no xFetch, so all is read by xRead. */
static const sqlite3_io_methods disk_methods = {
    .iVersion = 2,
    .xClose = disk_xClose,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_xFileSize,
    .xLock = disk_xLock,
    .xUnlock = disk_xUnlock,
    .xCheckReservedLock = disk_xCheckReservedLock,
    .xFileControl = disk_xFileControl,
    .xSectorSize = disk_xSectorSize,
    .xDeviceCharacteristics = disk_xDeviceCharacteristics,
    .xShmMap = disk_xShmMap,
    .xShmLock = disk_xShmLock,
    .xShmBarrier = disk_xShmBarrier,
    .xShmUnmap = disk_xShmUnmap,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    (void)vfs;
    struct disk_file *disk = (struct disk_file *)file;
    *disk = (struct disk_file){.real = (sqlite3_file *)(disk + 1)};
    if (disk_has(DISK_IS_GONE))
        return SQLITE_CANTOPEN;
    disk->is_database = flags & SQLITE_OPEN_MAIN_DB;
    if (disk_is_recorded && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))
        disk->image = &images[flags & SQLITE_OPEN_WAL ? 1 : 0];
    int code = disk_real_vfs->xOpen(disk_real_vfs, name, disk->real, flags, out);
    file->pMethods = code == SQLITE_OK ? &disk_methods : NULL;
    return code;
}

static inline void use_faulty_disk(void) {
    disk_real_vfs = sqlite3_vfs_find(NULL);
    disk_vfs = *disk_real_vfs;
    disk_vfs.zName = "faulty";
    disk_vfs.szOsFile = (int)sizeof(struct disk_file) + disk_real_vfs->szOsFile;
    disk_vfs.xOpen = disk_open;
    sqlite3_vfs_register(&disk_vfs, 1);
}

/* `after` so many operations of the kind that it concerns. */
static inline void set_disk(enum disk_fault fault, int after) {
    atomic_store(&disk_fault_after, after);
    atomic_store(&disk_fault, (int)fault);
}

#endif
