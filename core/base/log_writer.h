/* The thread that writes the log, so that nobody else ever waits for standard output: a full pipe,
 * a stopped terminal, a slow disk. Each thread that logs has a queue of its own; the writer merges
 * them by time, folds what repeats (log_fold.h), makes text of it for people, and writes many lines
 * at once. One for the process; while it does not run, log.c writes each line directly. */
#ifndef GW_BASE_LOG_WRITER_H
#define GW_BASE_LOG_WRITER_H

#include "base/log_queue.h"

/* Appends the record as it is shown, with its line feed. */
typedef void (*gw_log_show_fn)(struct gw_str line, struct gw_buf *out);

void gw_log_writer_start(const struct gw_log_options *options, gw_log_show_fn show);

/* Takes a copy for the writer, or counts it as dropped. False: it does not run, the record is still
 * the caller's to write. Never blocks. */
bool gw_log_writer_take(const struct gw_log_record *record);

/* The calling thread logs no more. What it has logged is still written. */
void gw_log_writer_leave(void);

/* Writes all of it to standard output, waiting for as long as that takes. Returns how many bytes it
 * took: less where it refused the rest, as a full disk does. */
size_t gw_log_write(struct gw_str text);

#endif
