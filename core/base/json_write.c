#include "base/json_write.h"

#include "base/clock.h"

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

void gw_json_member_bool(struct gw_buf *out, const char *key, bool value) {
    gw_json_key(out, key);
    gw_json_bool(out, value);
}

void gw_json_member_time(struct gw_buf *out, const char *key, int64_t wall_ms) {
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(wall_ms, text);
    gw_json_member_str(out, key, gw_str_from(text));
}
