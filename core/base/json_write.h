/* JSON, written piece by piece into a buffer. The commas come by themselves: what a value or a key
 * follows tells whether one is due.
 *
 *     gw_json_open(out, '{');
 *     gw_json_key(out, "routes");
 *     gw_json_int(out, 12);
 *     gw_json_close(out, '}');
 */
#ifndef GW_BASE_JSON_WRITE_H
#define GW_BASE_JSON_WRITE_H

#include "base/buf.h"

void gw_json_open(struct gw_buf *out, char bracket); /* '{' or '[' */
void gw_json_close(struct gw_buf *out, char bracket);
void gw_json_key(struct gw_buf *out, const char *key); /* a value comes next */
void gw_json_str(struct gw_buf *out, struct gw_str value);
void gw_json_int(struct gw_buf *out, int64_t value);
void gw_json_number(struct gw_buf *out, double value); /* to a thousandth; null for what is none */
void gw_json_bool(struct gw_buf *out, bool value);
void gw_json_null(struct gw_buf *out);

/* A member of an object: key and value. */
void gw_json_member_str(struct gw_buf *out, const char *key, struct gw_str value);
void gw_json_member_int(struct gw_buf *out, const char *key, int64_t value);
void gw_json_member_number(struct gw_buf *out, const char *key, double value);
void gw_json_member_bool(struct gw_buf *out, const char *key, bool value);

/* An empty one is null. */
void gw_json_member_str_or_null(struct gw_buf *out, const char *key, struct gw_str value);

/* Wall-clock milliseconds as RFC 3339; where there may be none, 0 is null. */
void gw_json_member_time(struct gw_buf *out, const char *key, int64_t wall_ms);
void gw_json_member_time_or_null(struct gw_buf *out, const char *key, int64_t wall_ms);

#endif
