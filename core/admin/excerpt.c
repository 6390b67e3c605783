#include "admin/excerpt.h"

#include "base/json_write.h"

#define BEFORE   4 /* lines */
#define AFTER    2
#define MAX_LINE 240 /* bytes */

static const struct gw_source *find(const struct gw_sources *sources, struct gw_str path) {
    for (size_t i = 0; sources && i < sources->n; i++)
        if (gw_str_equal(gw_str_from(sources->items[i].path), path))
            return &sources->items[i];
    return NULL;
}

/* A carriage return before the line feed is not shown. */
static void append_line(struct gw_buf *out, struct gw_str line) {
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len > MAX_LINE)
        line.len = MAX_LINE;
    gw_json_str(out, line);
}

/* A file that ends in the middle of something has its fault at the line behind the last one. */
static void append_lines(struct gw_buf *out, struct gw_str text, unsigned first, unsigned last) {
    struct gw_str line;
    for (unsigned n = 1; n <= last && gw_str_split(text, '\n', &line, &text); n++)
        if (n >= first)
            append_line(out, line);
}

void gw_excerpt_append(struct gw_buf *out, const struct gw_sources *sources,
                       const struct gw_fault *fault) {
    const struct gw_source *source = find(sources, fault->file);
    if (!source || fault->line == 0)
        return;
    unsigned first = fault->line > BEFORE ? fault->line - BEFORE : 1;
    gw_json_key(out, "excerpt");
    gw_json_open(out, '{');
    gw_json_member_int(out, "first_line", first);
    gw_json_key(out, "lines");
    gw_json_open(out, '[');
    append_lines(out, gw_buf_str(&source->text), first, fault->line + AFTER);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}
