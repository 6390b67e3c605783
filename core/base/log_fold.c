#include "base/log_fold.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

#define MAX_BYTES 8192 /* a longer line is written as it comes */

struct gw_log_fold_entry {
    enum gw_log_level level;
    struct gw_buf same;
    struct gw_buf line; /* the last one */
    uint64_t n;         /* not told yet */
    int64_t first_us, last_us;
    int64_t due_ms;
};

static void free_entry(struct gw_log_fold_entry *entry) {
    gw_buf_fini(&entry->same);
    gw_buf_fini(&entry->line);
    free(entry);
}

void gw_log_fold_fini(struct gw_log_fold *fold) {
    for (size_t i = 0; i < fold->n; i++)
        free_entry(fold->entries[i]);
    fold->n = 0;
}

static void forget(struct gw_log_fold *fold, size_t i) {
    free_entry(fold->entries[i]);
    fold->entries[i] = fold->entries[--fold->n];
}

static struct gw_log_fold_entry *find(const struct gw_log_fold *fold,
                                      const struct gw_log_record *record) {
    for (size_t i = 0; i < fold->n; i++) {
        struct gw_log_fold_entry *entry = fold->entries[i];
        if (entry->level == record->level && gw_str_equal(gw_buf_str(&entry->same), record->same))
            return entry;
    }
    return NULL;
}

/* What had no repetition in its minute is no longer known. */
static void forget_old(struct gw_log_fold *fold, int64_t now_ms) {
    for (size_t i = fold->n; i-- > 0;)
        if (fold->entries[i]->n == 0 && fold->entries[i]->due_ms <= now_ms)
            forget(fold, i);
}

static void keep(struct gw_log_fold_entry *entry, struct gw_str line) {
    gw_buf_clear(&entry->line);
    gw_buf_append_str(&entry->line, line);
}

static void add(struct gw_log_fold *fold, const struct gw_log_record *record, int64_t now_ms) {
    if (fold->n == GW_LOG_FOLD_KINDS)
        return;
    struct gw_log_fold_entry *entry = gw_calloc(1, sizeof *entry);
    entry->level = record->level;
    entry->due_ms = now_ms + fold->every_ms;
    gw_buf_append_str(&entry->same, record->same);
    fold->entries[fold->n++] = entry;
}

bool gw_log_fold_holds(struct gw_log_fold *fold, const struct gw_log_record *record,
                       int64_t now_ms) {
    if (fold->every_ms == 0 || record->same.len == 0 || record->same.len > MAX_BYTES ||
        record->line.len > MAX_BYTES)
        return false;
    forget_old(fold, now_ms);
    struct gw_log_fold_entry *entry = find(fold, record);
    if (!entry) {
        add(fold, record, now_ms);
        return false;
    }
    keep(entry, record->line);
    if (entry->n++ == 0)
        entry->first_us = record->time_us;
    entry->last_us = record->time_us;
    return true;
}

static void append_member_time(struct gw_buf *out, const char *key, int64_t us) {
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(us / 1000, text);
    gw_log_str(out, key, gw_str_from(text));
}

/* A line of the log begins with its time, of a fixed length; see gw_log_begin(). */
static void tell(const struct gw_log_fold_entry *entry, int64_t wall_us, struct gw_buf *out) {
    static const struct gw_str start = GW_STR("{\"time\":\"");
    struct gw_str line = gw_buf_str(&entry->line);
    size_t skip = start.len + GW_CLOCK_TEXT_SIZE - 1;
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(wall_us / 1000, text);
    gw_buf_append_str(out, start);
    gw_buf_append_str(out, gw_str_from(text));
    if (line.len > skip)
        gw_buf_append(out, line.data + skip, line.len - skip - 1);
    gw_log_int(out, "repeated", (int64_t)entry->n);
    append_member_time(out, "first_at", entry->first_us);
    append_member_time(out, "last_at", entry->last_us);
    gw_buf_append_char(out, '}');
}

bool gw_log_fold_next(struct gw_log_fold *fold, int64_t now_ms, int64_t wall_us,
                      struct gw_buf *out) {
    forget_old(fold, now_ms);
    for (size_t i = 0; i < fold->n; i++) {
        struct gw_log_fold_entry *entry = fold->entries[i];
        if (entry->n == 0 || entry->due_ms > now_ms)
            continue;
        tell(entry, wall_us, out);
        entry->n = 0;
        entry->due_ms = now_ms == INT64_MAX ? now_ms : now_ms + fold->every_ms;
        return true;
    }
    return false;
}

int64_t gw_log_fold_due_ms(const struct gw_log_fold *fold) {
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < fold->n; i++)
        if (fold->entries[i]->n && fold->entries[i]->due_ms < due_ms)
            due_ms = fold->entries[i]->due_ms;
    return due_ms;
}
