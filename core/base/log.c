#include "base/log.h"

#include "base/clock.h"
#include "base/log_text.h"
#include "base/log_writer.h"
#include "base/secret.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_BYTES ((size_t)64 << 10) /* of each buffer; what a longer line took is given back */

static _Atomic enum gw_log_level minimum = GW_LOG_INFO;
static bool is_text, is_coloured;

/* Of the line that the thread puts together; its buffers are kept for its life, if they are small.
 */
static _Thread_local struct {
    struct gw_buf line, shown;
    struct gw_buf same;
    enum gw_log_level level;
    int64_t time_us;
} own;

static const char *const level_names[] = {
    [GW_LOG_DEBUG] = "debug",
    [GW_LOG_INFO] = "info",
    [GW_LOG_WARN] = "warn",
    [GW_LOG_ERROR] = "error",
};

void gw_log_set_level(enum gw_log_level level) {
    atomic_store_explicit(&minimum, level, memory_order_relaxed);
}

enum gw_log_level gw_log_level(void) {
    return atomic_load_explicit(&minimum, memory_order_relaxed);
}

bool gw_log_enabled(enum gw_log_level level) {
    return level >= gw_log_level();
}

const char *gw_log_level_name(enum gw_log_level level) {
    return level_names[level];
}

bool gw_log_level_from(struct gw_str name, enum gw_log_level *out) {
    for (int i = GW_LOG_DEBUG; i <= GW_LOG_ERROR; i++) {
        if (gw_str_equal(name, gw_str_from(level_names[i]))) {
            *out = (enum gw_log_level)i;
            return true;
        }
    }
    return false;
}

void gw_log_set_format(enum gw_log_format format) {
    bool terminal = isatty(STDOUT_FILENO);
    const char *no_color = getenv("NO_COLOR");
    is_text = format == GW_LOG_AUTO ? terminal : format != GW_LOG_JSON;
    is_coloured = (terminal || format == GW_LOG_COLOUR) && !(no_color && *no_color);
}

bool gw_log_format_from(struct gw_str name, enum gw_log_format *out) {
    static const char *const names[] = {"auto", "json", "text"};
    for (int i = GW_LOG_AUTO; i <= GW_LOG_TEXT; i++) {
        if (gw_str_equal(name, gw_str_from(names[i]))) {
            *out = (enum gw_log_format)i;
            return true;
        }
    }
    return false;
}

void gw_log(enum gw_log_level level, const char *format, ...) {
    if (!gw_log_enabled(level))
        return;
    char message[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct gw_buf safe = {0};
    gw_secret_append(&safe, gw_str_from(message));
    gw_log_end(gw_log_begin_str(level, gw_buf_str(&safe)));
    gw_buf_fini(&safe);
}

/* Three digits, as of milliseconds. */
static void append_thousandths(struct gw_buf *buf, int64_t value) {
    gw_buf_append(buf,
                  (char[]){(char)('0' + value / 100), (char)('0' + value / 10 % 10),
                           (char)('0' + value % 10)},
                  3);
}

/* A date costs more to write than the rest of the line, so it is kept while the second lasts. */
static void append_time(struct gw_buf *line, int64_t now_ms) {
    static _Thread_local char text[GW_CLOCK_TEXT_SIZE];
    static _Thread_local int64_t second;
    if (now_ms / 1000 != second)
        gw_clock_text(now_ms, text);
    second = now_ms / 1000;
    gw_buf_append(line, text, strlen("2026-01-31T23:59:59."));
    append_thousandths(line, now_ms % 1000);
    gw_buf_append_char(line, 'Z');
}

struct gw_buf *gw_log_begin(enum gw_log_level level, const char *message) {
    return gw_log_begin_str(level, gw_str_from(message));
}

struct gw_buf *gw_log_begin_str(enum gw_log_level level, struct gw_str message) {
    struct gw_buf *line = &own.line;
    own.level = level;
    own.time_us = gw_clock_wall_us();
    gw_buf_clear(&own.same);
    gw_buf_clear(line);
    gw_buf_append_str(line, GW_STR("{\"time\":\""));
    append_time(line, own.time_us / 1000);
    gw_buf_append_str(line, GW_STR("\",\"level\":\""));
    gw_buf_append_str(line, gw_str_from(level_names[level]));
    gw_buf_append_str(line, GW_STR("\",\"message\":"));
    gw_buf_append_json(line, message);
    return line;
}

void gw_log_key(struct gw_buf *line, const char *key) {
    size_t n = strlen(key);
    char *to = gw_buf_reserve(line, n + 4);
    memcpy(to, ",\"", 2);
    memcpy(to + 2, key, n);
    memcpy(to + 2 + n, "\":", 2);
    line->len += n + 4;
}

void gw_log_str(struct gw_buf *line, const char *key, struct gw_str value) {
    gw_log_key(line, key);
    gw_buf_append_json(line, value);
}

void gw_log_safe(struct gw_buf *line, const char *key, struct gw_str value) {
    struct gw_buf safe = {0};
    gw_secret_append(&safe, value);
    gw_log_str(line, key, gw_buf_str(&safe));
    gw_buf_fini(&safe);
}

void gw_log_int(struct gw_buf *line, const char *key, int64_t value) {
    gw_log_key(line, key);
    gw_buf_append_int(line, value);
}

void gw_log_ms(struct gw_buf *line, const char *key, int64_t us) {
    gw_log_key(line, key);
    gw_buf_append_int(line, us / 1000);
    gw_buf_append_char(line, '.');
    append_thousandths(line, us % 1000);
}

void gw_log_same(struct gw_buf *line, struct gw_str part) {
    (void)line;
    if (own.level < GW_LOG_WARN)
        return;
    gw_buf_append_str(&own.same, part);
    gw_buf_append_char(&own.same, '\0'); /* "ab" and "c" are not "a" and "bc" */
}

void gw_log_same_int(struct gw_buf *line, int64_t part) {
    gw_log_same(line, (struct gw_str){(const char *)&part, sizeof part});
}

/* For whoever writes: the line as people or programs read it. */
static void show(struct gw_str line, struct gw_buf *out) {
    if (is_text) {
        gw_log_text(line, is_coloured, out);
        return;
    }
    gw_buf_append_str(out, line);
    gw_buf_append_char(out, '\n');
}

/* Nobody is left to tell when standard output is gone. */
static void write_directly(struct gw_str line) {
    gw_buf_clear(&own.shown);
    show(line, &own.shown);
    gw_log_write(gw_buf_str(&own.shown));
}

static void give_back(struct gw_buf *buf) {
    if (buf->cap > KEPT_BYTES)
        gw_buf_fini(buf);
}

void gw_log_end(struct gw_buf *line) {
    gw_buf_append_char(line, '}');
    struct gw_log_record record = {
        .time_us = own.time_us,
        .level = own.level,
        .same = gw_buf_str(&own.same),
        .line = gw_buf_str(line),
    };
    if (!gw_log_writer_take(&record))
        write_directly(record.line);
    give_back(&own.line);
    give_back(&own.shown);
    give_back(&own.same);
}

void gw_log_end_thread(void) {
    gw_log_writer_leave();
    gw_buf_fini(&own.line);
    gw_buf_fini(&own.shown);
    gw_buf_fini(&own.same);
}

void gw_log_start(const struct gw_log_options *options) {
    gw_log_writer_start(options, show);
}
