#include "base/diff.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHANGES 1000 /* memory is its square, 4 MB */
#define CONTEXT     3

struct lines {
    struct gw_str *items; /* owned; each with its line feed */
    int n;
};

/* What becomes of each line: the old ones gone or not, the new ones come or not. */
struct diff {
    struct lines old, new;
    bool *gone, *come; /* owned */
};

static struct lines split(struct gw_str text) {
    struct lines lines = {0};
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t n = end ? (size_t)(end + 1 - text.data) : text.len;
        if (lines.n % 64 == 0)
            lines.items = gw_realloc(lines.items, (size_t)(lines.n + 64) * sizeof *lines.items);
        lines.items[lines.n++] = (struct gw_str){text.data, n};
        text = (struct gw_str){text.data + n, text.len - n};
    }
    return lines;
}

/* --- The shortest way from one to the other --- */

/* The part of the texts that is neither a common beginning nor a common end. */
struct middle {
    const struct gw_str *old, *new;
    int n_old, n_new;
    bool *gone, *come;
};

static struct middle middle_of(struct diff *d) {
    int n = 0, end = 0, least = d->old.n < d->new.n ? d->old.n : d->new.n;
    while (n < least && gw_str_equal(d->old.items[n], d->new.items[n]))
        n++;
    while (end < least - n &&
           gw_str_equal(d->old.items[d->old.n - 1 - end], d->new.items[d->new.n - 1 - end]))
        end++;
    return (struct middle){d->old.items + n,   d->new.items + n, d->old.n - n - end,
                           d->new.n - n - end, d->gone + n,      d->come + n};
}

/* Row `changes` of the table has, for each diagonal k = old - new, how many old lines are passed by
 * the furthest path with so many changes. */
static int *row(int *table, int changes) {
    return table + changes * changes + changes; /* those before it have 1, 3, 5 ... */
}

/* The furthest start on diagonal k, one change on from the row before. */
static int step(const int *before, int changes, int k) {
    if (changes == 0)
        return 0;
    bool down = k == -changes || (k != changes && before[k - 1] < before[k + 1]);
    return down ? before[k + 1] : before[k - 1] + 1;
}

static int follow(const struct middle *m, int old, int k) {
    while (old < m->n_old && old - k < m->n_new && gw_str_equal(m->old[old], m->new[old - k]))
        old++;
    return old;
}

/* Fills the table until a path comes to the end of both; the number of changes, or -1. */
static int search(const struct middle *m, int *table, int max) {
    for (int changes = 0; changes <= max; changes++) {
        int *now = row(table, changes);
        for (int k = -changes; k <= changes; k += 2) {
            now[k] = follow(m, step(changes ? row(table, changes - 1) : NULL, changes, k), k);
            if (now[k] >= m->n_old && now[k] - k >= m->n_new)
                return changes;
        }
    }
    return -1;
}

/* From the end back to the beginning, one change for each row. */
static void mark(const struct middle *m, int *table, int changes) {
    for (int k = m->n_old - m->n_new; changes > 0; changes--) {
        const int *before = row(table, changes - 1);
        bool down = k == -changes || (k != changes && before[k - 1] < before[k + 1]);
        k += down ? 1 : -1;
        if (down)
            m->come[before[k] - k] = true;
        else
            m->gone[before[k]] = true;
    }
}

static void compare(struct diff *d) {
    struct middle m = middle_of(d);
    int max = m.n_old + m.n_new < MAX_CHANGES ? m.n_old + m.n_new : MAX_CHANGES;
    int *table = gw_alloc(((size_t)max + 1) * ((size_t)max + 1) * sizeof *table);
    int changes = search(&m, table, max);
    if (changes >= 0) {
        mark(&m, table, changes);
    } else {
        memset(m.gone, true, (size_t)m.n_old);
        memset(m.come, true, (size_t)m.n_new);
    }
    free(table);
}

/* --- The hunks --- */

struct hunk {
    int old, new; /* where it is: lines before it */
    int n_old, n_new;
};

static bool is_changed(const struct diff *d, int old, int new) {
    return (old < d->old.n && d->gone[old]) || (new < d->new.n && d->come[new]);
}

/* Passes one change, or one line that both have. */
static void pass(const struct diff *d, int *old, int *new) {
    if (*old < d->old.n && d->gone[*old]) {
        ++*old;
    } else if (*new < d->new.n && d->come[*new]) {
        ++*new;
    } else {
        ++*old;
        ++*new;
    }
}

/* The changes from `old` and `new` on, which are at one, with what lies around; those that are less
 * than twice the context apart are one hunk. */
static struct hunk hunk_at(const struct diff *d, int old, int new) {
    int before = old < new ? old : new;
    before = before < CONTEXT ? before : CONTEXT;
    struct hunk hunk = {.old = old - before, .new = new - before};
    int end_old = old, end_new = new, same = 0;
    while ((old < d->old.n || new < d->new.n) && same <= 2 * CONTEXT) {
        bool changed = is_changed(d, old, new);
        pass(d, &old, &new);
        same = changed ? 0 : same + 1;
        if (same <= CONTEXT) {
            end_old = old;
            end_new = new;
        }
    }
    hunk.n_old = end_old - hunk.old;
    hunk.n_new = end_new - hunk.new;
    return hunk;
}

static void print_line(struct gw_buf *out, char sign, struct gw_str line) {
    gw_buf_append_char(out, sign);
    gw_buf_append_str(out, line);
    if (line.len == 0 || line.data[line.len - 1] != '\n')
        gw_buf_append_str(out, GW_STR("\n\\ No newline at end of file\n"));
}

/* A range without lines is placed after the line before it. */
static void print_range(struct gw_buf *out, char sign, int at, int n) {
    gw_buf_printf(out, "%c%d", sign, n ? at + 1 : at);
    if (n != 1)
        gw_buf_printf(out, ",%d", n);
}

static void print_hunk(struct gw_buf *out, const struct diff *d, struct hunk hunk) {
    int old = hunk.old, new = hunk.new;
    gw_buf_append_str(out, GW_STR("@@ "));
    print_range(out, '-', hunk.old, hunk.n_old);
    gw_buf_append_char(out, ' ');
    print_range(out, '+', hunk.new, hunk.n_new);
    gw_buf_append_str(out, GW_STR(" @@\n"));
    while (old < hunk.old + hunk.n_old || new < hunk.new + hunk.n_new) {
        bool is_gone = old < d->old.n && d->gone[old];
        bool is_come = !is_gone && new < d->new.n && d->come[new];
        print_line(out,
                   is_gone   ? '-'
                   : is_come ? '+'
                             : ' ',
                   is_come ? d->new.items[new] : d->old.items[old]);
        pass(d, &old, &new);
    }
}

static void print(struct gw_buf *out, const struct diff *d) {
    int old = 0, new = 0;
    while (old < d->old.n || new < d->new.n) {
        if (!is_changed(d, old, new)) {
            pass(d, &old, &new);
            continue;
        }
        struct hunk hunk = hunk_at(d, old, new);
        print_hunk(out, d, hunk);
        old = hunk.old + hunk.n_old;
        new = hunk.new + hunk.n_new;
    }
}

void gw_diff(struct gw_buf *out, const char *old_name, struct gw_str old_text, const char *new_name,
             struct gw_str new_text) {
    if (gw_str_equal(old_text, new_text))
        return;
    struct diff d = {.old = split(old_text), .new = split(new_text)};
    d.gone = gw_calloc((size_t)d.old.n + 1, sizeof *d.gone);
    d.come = gw_calloc((size_t)d.new.n + 1, sizeof *d.come);
    compare(&d);
    gw_buf_printf(out, "--- %s\n+++ %s\n", old_name, new_name);
    print(out, &d);
    free(d.gone);
    free(d.come);
    free(d.old.items);
    free(d.new.items);
}
