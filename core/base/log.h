/* The log: one JSON object a line on standard output, or one line of text where a person looks on.
 * A line is put together in a buffer of the calling thread and, between gw_log_start() and
 * gw_log_stop(), queued for a thread that writes (log_writer.h): then to log never blocks. Else it
 * is written by the caller, by one write(2). Lines of several threads never mix.
 *
 *     gw_log(GW_LOG_WARN, "scripts: %s", reason);
 *
 *     struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "request");
 *     gw_log_str(line, "method", method);
 *     gw_log_end(line);
 */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

#include "base/buf.h"

enum gw_log_level { GW_LOG_DEBUG, GW_LOG_INFO, GW_LOG_WARN, GW_LOG_ERROR };

/* Lines below `level` are not written. It may be changed at any time, by any thread. */
void gw_log_set_level(enum gw_log_level level);
enum gw_log_level gw_log_level(void);
bool gw_log_enabled(enum gw_log_level level);

/* debug, info, warn, error; false for any other word. */
bool gw_log_level_from(struct gw_str name, enum gw_log_level *out);
const char *gw_log_level_name(enum gw_log_level level);

/* AUTO: text on a terminal, else JSON. TEXT has colours on a terminal, COLOUR has them anywhere;
 * but with NO_COLOR in the environment nothing has. Call before other threads start. */
enum gw_log_format { GW_LOG_AUTO, GW_LOG_JSON, GW_LOG_TEXT, GW_LOG_COLOUR };
void gw_log_set_format(enum gw_log_format format);

/* auto, json, text; false for any other word. */
bool gw_log_format_from(struct gw_str name, enum gw_log_format *out);

void gw_log(enum gw_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line with fields. Ask gw_log_enabled() first where making the fields costs something. The
 * buffer belongs to the thread and is valid until gw_log_end(). */
struct gw_buf *gw_log_begin(enum gw_log_level level, const char *message);
struct gw_buf *gw_log_begin_str(enum gw_log_level level, struct gw_str message);
void gw_log_str(struct gw_buf *line, const char *key, struct gw_str value);
void gw_log_safe(struct gw_buf *line, const char *key, struct gw_str value); /* see secret.h */
void gw_log_int(struct gw_buf *line, const char *key, int64_t value);
void gw_log_ms(struct gw_buf *line, const char *key, int64_t us); /* given in us, written in ms */
void gw_log_key(struct gw_buf *line, const char *key); /* the caller appends the JSON value */
void gw_log_end(struct gw_buf *line);

/* Adds to what makes this line, a warning or an error, the same as another of its level: then it is
 * folded (log_fold.h). Without it a line is never folded: not what tells of a change, as of a
 * breaker, which may come and go within a minute. Any number of times, between begin and end. */
void gw_log_same(struct gw_buf *line, struct gw_str part);
void gw_log_same_int(struct gw_buf *line, int64_t part);

/* Frees what the calling thread has here. The last that a thread other than the first one does. */
void gw_log_end_thread(void);

struct gw_log_options {
    size_t queue_bytes; /* that wait for the writer, for each thread that logs; more is dropped */
    int64_t fold_ms;    /* how often those errors are told that repeat; 0: each as it comes */
};

/* Starts the writer, after level and format are set and before other threads log. */
void gw_log_start(const struct gw_log_options *options);

/* Writes all that was logged and ends the writer, once no other thread logs any more. If standard
 * output takes nothing for a second, what is left is lost. A fatal signal, abort() too, has it
 * written likewise. */
void gw_log_stop(void);

/* Waits until what was logged so far is written; no longer than that. Safe in a signal handler. */
void gw_log_flush(int64_t patience_ms);

/* Lines that found no room, or that standard output refused, since the process began. The log says
 * so itself when it is through again. */
uint64_t gw_log_dropped(void);

#endif
