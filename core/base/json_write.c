#include "base/json_write.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>

/* A value follows another one, or the end of one. */
static void separate(struct gw_buf *out) {
    char last = out->len ? out->data[out->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        gw_buf_append_char(out, ',');
}

void gw_json_open(struct gw_buf *out, char bracket) {
    if (out->len)
        separate(out);
    gw_buf_append_char(out, bracket);
}

void gw_json_close(struct gw_buf *out, char bracket) {
    gw_buf_append_char(out, bracket);
}

void gw_json_key(struct gw_buf *out, const char *key) {
    gw_json_str(out, gw_str_from(key));
    gw_buf_append_char(out, ':');
}

void gw_json_str(struct gw_buf *out, struct gw_str value) {
    separate(out);
    gw_buf_append_json(out, value);
}

void gw_json_int(struct gw_buf *out, int64_t value) {
    separate(out);
    gw_buf_append_int(out, value);
}

void gw_json_number(struct gw_buf *out, double value) {
    char text[32];
    if (!isfinite(value) || fabs(value) >= 1e18) {
        gw_json_null(out);
        return;
    }
    size_t n = (size_t)snprintf(text, sizeof text, "%.3f", value);
    while (text[n - 1] == '0')
        n--;
    n -= text[n - 1] == '.';
    separate(out);
    gw_buf_append(out, text, n);
}

void gw_json_bool(struct gw_buf *out, bool value) {
    separate(out);
    gw_buf_append_str(out, value ? GW_STR("true") : GW_STR("false"));
}

void gw_json_null(struct gw_buf *out) {
    separate(out);
    gw_buf_append_str(out, GW_STR("null"));
}

void gw_json_member_str(struct gw_buf *out, const char *key, struct gw_str value) {
    gw_json_key(out, key);
    gw_json_str(out, value);
}

void gw_json_member_int(struct gw_buf *out, const char *key, int64_t value) {
    gw_json_key(out, key);
    gw_json_int(out, value);
}

void gw_json_member_number(struct gw_buf *out, const char *key, double value) {
    gw_json_key(out, key);
    gw_json_number(out, value);
}

void gw_json_member_bool(struct gw_buf *out, const char *key, bool value) {
    gw_json_key(out, key);
    gw_json_bool(out, value);
}

void gw_json_member_time(struct gw_buf *out, const char *key, int64_t wall_ms) {
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(wall_ms, text);
    gw_json_member_str(out, key, gw_str_from(text));
}

void gw_json_member_str_or_null(struct gw_buf *out, const char *key, struct gw_str value) {
    gw_json_key(out, key);
    if (value.len)
        gw_json_str(out, value);
    else
        gw_json_null(out);
}

void gw_json_member_time_or_null(struct gw_buf *out, const char *key, int64_t wall_ms) {
    if (wall_ms)
        gw_json_member_time(out, key, wall_ms);
    else
        gw_json_member_str_or_null(out, key, GW_STR(""));
}
