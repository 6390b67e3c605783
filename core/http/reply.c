/* The response head, and the reply that describes a problem. */
#include "http/cors.h"
#include "http/server_internal.h"

#include <string.h>

static void append(struct gw_buf *out, const char *text) {
    gw_buf_append_str(out, gw_str_from(text));
}

static void append_number(struct gw_buf *out, size_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    gw_buf_append(out, digits + at, sizeof digits - at);
}

/* Responses that never have a length (RFC 9110, 8.6). For a 304 it would have to be that of the
 * 200, which nobody knows here. */
static bool may_have_length(unsigned status) {
    return status >= 200 && status != 204 && status != 304;
}

bool gw_reply_has_body(const struct gw_exchange *exchange, unsigned status) {
    return may_have_length(status) &&
           !gw_str_equal(gw_message_method(&exchange->parser.message), GW_STR("HEAD"));
}

/* Written anew once a second. */
static const char *date(struct gw_server *server) {
    time_t now = time(NULL);
    if (now != server->date_s) {
        struct tm utc;
        gmtime_r(&now, &utc);
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        server->date_s = now;
    }
    return server->date;
}

static void append_connection(struct gw_buf *out, const struct gw_message *request, bool close) {
    if (close)
        append(out, "Connection: close\r\n");
    else if (request->minor_version == 0)
        append(out, "Connection: keep-alive\r\n");
}

void gw_reply_append_head(struct gw_buf *out, const struct gw_exchange *exchange,
                          const struct gw_reply *reply, enum gw_reply_length length, bool close) {
    struct gw_server *server = exchange->connection->server;
    const struct gw_message *request = &exchange->parser.message;
    append(out, "HTTP/1.1 ");
    append_number(out, reply->status);
    append(out, " ");
    append(out, gw_status_text(reply->status));
    append(out, "\r\nDate: ");
    append(out, date(server));
    if (length == GW_REPLY_CHUNKED) {
        append(out, "\r\nTransfer-Encoding: chunked");
    } else if (length == GW_REPLY_LENGTH && may_have_length(reply->status)) {
        append(out, "\r\nContent-Length: ");
        append_number(out, reply->body.len);
    }
    append(out, "\r\nX-Correlation-ID: ");
    gw_buf_append_str(out, gw_exchange_id(exchange));
    append(out, "\r\n");
    append_connection(out, request, close);
    gw_cors_append(out, server->options.cors_allow_origins, request);
    if (exchange->fields)
        append(out, exchange->fields);
    gw_buf_append_str(out, gw_buf_str(&reply->fields));
    append(out, "\r\n");
}

void gw_exchange_make_problem(const struct gw_exchange *exchange, struct gw_reply *reply,
                              unsigned status, const char *detail) {
    reply->status = status;
    append(&reply->fields, "Content-Type: application/problem+json\r\n");
    gw_buf_printf(&reply->body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u",
                  gw_status_text(status), status);
    if (detail) {
        append(&reply->body, ",\"detail\":");
        gw_buf_append_json(&reply->body, gw_str_from(detail));
    }
    append(&reply->body, ",\"correlation_id\":");
    gw_buf_append_json(&reply->body, gw_exchange_id(exchange));
    append(&reply->body, "}");
}
