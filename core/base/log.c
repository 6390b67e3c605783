#include "base/log.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum gw_log_level minimum = GW_LOG_INFO;
static _Thread_local struct gw_buf own_line; /* kept for the life of the thread, a few KiB */

static const char *const level_names[] = {
    [GW_LOG_DEBUG] = "debug",
    [GW_LOG_INFO] = "info",
    [GW_LOG_WARN] = "warn",
    [GW_LOG_ERROR] = "error",
};

void gw_log_set_level(enum gw_log_level level) {
    minimum = level;
}

bool gw_log_enabled(enum gw_log_level level) {
    return level >= minimum;
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

void gw_log(enum gw_log_level level, const char *format, ...) {
    if (!gw_log_enabled(level))
        return;
    char message[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    gw_log_end(gw_log_begin(level, message));
}

struct gw_buf *gw_log_begin(enum gw_log_level level, const char *message) {
    char time[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(gw_clock_wall_ms(), time);
    gw_buf_clear(&own_line);
    gw_buf_printf(&own_line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                  level_names[level]);
    gw_buf_append_json(&own_line, gw_str_from(message));
    return &own_line;
}

void gw_log_key(struct gw_buf *line, const char *key) {
    gw_buf_append(line, ",\"", 2);
    gw_buf_append_str(line, gw_str_from(key));
    gw_buf_append(line, "\":", 2);
}

void gw_log_str(struct gw_buf *line, const char *key, struct gw_str value) {
    gw_log_key(line, key);
    gw_buf_append_json(line, value);
}

void gw_log_int(struct gw_buf *line, const char *key, int64_t value) {
    gw_log_key(line, key);
    gw_buf_printf(line, "%" PRId64, value);
}

void gw_log_ms(struct gw_buf *line, const char *key, int64_t us) {
    gw_log_key(line, key);
    gw_buf_printf(line, "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
}

void gw_log_end(struct gw_buf *line) {
    gw_buf_append(line, "}\n", 2);
    /* Nobody is left to tell when standard output is gone. */
    ssize_t written = write(STDOUT_FILENO, line->data, line->len);
    (void)written;
}

void gw_log_end_thread(void) {
    gw_buf_fini(&own_line);
}
