/* The file of the last good scripts: whatever stands in DATA_DIR, it is read as a whole set or not
 * at all; and what is read is written as it was. Also the lines that say what is wrong with
 * scripts: what is taken off is never more than there is. */
#include "base/fault.h"
#include "lua/archive.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_archive(struct gw_str text) {
    struct gw_sources *sources = gw_archive_read(text);
    struct gw_buf again = {0};
    if (!sources)
        return;
    gw_archive_write(&again, sources);
    struct gw_sources *twin = gw_archive_read(gw_buf_str(&again));
    if (!twin || twin->n != sources->n)
        abort();
    gw_sources_free(twin);
    gw_sources_free(sources);
    gw_buf_fini(&again);
}

static void read_faults(struct gw_str text) {
    struct gw_fault fault;
    const char *end = text.data + text.len;
    while (gw_fault_next(&text, &fault))
        if (fault.message.data + fault.message.len > end || text.data + text.len != end)
            abort();
}

/* A set that is made of the bytes is written and read, so that the sum is right. */
static void write_archive(struct gw_str text) {
    struct gw_sources *sources = gw_sources_new();
    struct gw_str line;
    for (int i = 0; i < 100 && gw_str_split(text, '\n', &line, &text); i++) {
        char path[16];
        snprintf(path, sizeof path, "%d.lua", i);
        gw_buf_append_str(&gw_sources_add(sources, gw_str_from(path))->text, line);
    }
    gw_sources_seal(sources);
    struct gw_buf out = {0};
    gw_archive_write(&out, sources);
    struct gw_sources *twin = gw_archive_read(gw_buf_str(&out));
    if (!twin || twin->n != sources->n)
        abort();
    gw_sources_free(twin);
    gw_sources_free(sources);
    gw_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str text = {(const char *)data, size};
    read_archive(text);
    read_faults(text);
    write_archive(text);
    return 0;
}
