#include "http/collector.h"

#define MAX_FIELDS_SIZE (256 * 1024) /* bytes of a header section */

void gw_collector_begin(struct gw_collector *collector, struct gw_call_response *response,
                        uint64_t max_body) {
    *collector = (struct gw_collector){.response = response, .max_body = max_body};
    response->status = 0;
    gw_buf_clear(&response->fields);
    gw_buf_clear(&response->body);
}

bool gw_collector_has_head(const struct gw_collector *collector) {
    return !collector->in_head && collector->response->status >= 200;
}

static struct gw_str without_line_end(struct gw_str line) {
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    return line;
}

/* The library has checked the line: "HTTP/1.1 200 OK", perhaps without the reason. */
static unsigned status_of(struct gw_str line) {
    struct gw_str version, code, rest = {0};
    uint64_t status = 0;
    if (gw_str_split(line, ' ', &version, &rest) && gw_str_split(rest, ' ', &code, &rest))
        gw_str_to_u64(code, 999, &status);
    return (unsigned)status;
}

/* An interim response before this one leaves nothing behind. */
static void begin_head(struct gw_collector *collector, struct gw_str line) {
    collector->in_head = true;
    collector->response->status = status_of(line);
    gw_buf_clear(&collector->response->fields);
}

/* A folded line goes on where the one before it ended (RFC 9112, 5.2). */
static void append_field(struct gw_buf *fields, struct gw_str line) {
    bool folded = line.data[0] == ' ' || line.data[0] == '\t';
    if (folded && fields->len) {
        fields->len -= 2;
        gw_buf_append_char(fields, ' ');
        line = gw_str_trim(line);
    }
    gw_buf_append_str(fields, line);
    gw_buf_append(fields, "\r\n", 2);
}

bool gw_collector_line(struct gw_collector *collector, struct gw_str line) {
    line = without_line_end(line);
    if (collector->response->fields.len + line.len > MAX_FIELDS_SIZE)
        return !(collector->too_large = true);
    if (gw_collector_has_head(collector))
        return true; /* a trailer: not merged (RFC 9110, 6.5.1) */
    if (!collector->in_head)
        begin_head(collector, line);
    else if (line.len == 0)
        collector->in_head = false;
    else
        append_field(&collector->response->fields, line);
    return true;
}

void gw_collector_head(struct gw_collector *collector, const struct gw_message *message) {
    struct gw_buf *fields = &collector->response->fields;
    collector->response->status = message->status;
    gw_buf_clear(fields);
    gw_buf_reserve(fields, message->text.len + message->n_fields); /* "a:b" grows by a space */
    for (unsigned i = 0; i < message->n_fields; i++) {
        gw_buf_append_str(fields, gw_message_field_name(message, i));
        gw_buf_append_str(fields, GW_STR(": "));
        gw_buf_append_str(fields, gw_message_field_value(message, i));
        gw_buf_append_str(fields, GW_STR("\r\n"));
    }
}

bool gw_collector_body(struct gw_collector *collector, struct gw_str piece) {
    struct gw_buf *body = &collector->response->body;
    if (piece.len > collector->max_body - body->len)
        return !(collector->too_large = true);
    gw_buf_append_str(body, piece);
    return true;
}
