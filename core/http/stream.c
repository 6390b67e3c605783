/* A response that is sent as it comes about. It is not read from meanwhile, so that pipelined
 * requests wait; the end of the client is seen as in WORK. */
#include "http/server_internal.h"

#include <assert.h>

static enum gw_reply_length length_of(const struct gw_exchange *exchange) {
    return exchange->is_chunked ? GW_REPLY_CHUNKED : GW_REPLY_UNTIL_CLOSE;
}

void gw_exchange_stream_begin(struct gw_exchange *exchange, struct gw_reply *take) {
    struct gw_connection *connection = exchange->connection;
    struct gw_buf *head = &connection->server->head, nothing = {0};
    assert(connection->phase == GW_PHASE_WORK && gw_reply_has_body(exchange, take->status));
    exchange->is_chunked = exchange->parser.message.minor_version > 0;
    exchange->status = take->status;
    connection->is_closing = !exchange->is_chunked || gw_exchange_must_close(exchange, take);
    gw_connection_enter(connection, GW_PHASE_STREAM);
    gw_buf_clear(head);
    gw_reply_append_head(head, exchange, take, length_of(exchange), connection->is_closing);
    gw_connection_send(connection, gw_buf_str(head), &nothing);
    gw_buf_fini(&take->fields);
}

static void send_chunk(struct gw_exchange *exchange, struct gw_str piece) {
    struct gw_buf *size = &exchange->connection->server->head, chunk = {0};
    gw_buf_clear(size);
    gw_buf_printf(size, "%zx\r\n", piece.len);
    gw_buf_append_str(&chunk, piece);
    gw_buf_append_str(&chunk, GW_STR("\r\n"));
    gw_connection_send(exchange->connection, gw_buf_str(size), &chunk);
}

bool gw_exchange_stream_send(struct gw_exchange *exchange, struct gw_str piece) {
    struct gw_connection *connection = exchange->connection;
    struct gw_buf nothing = {0};
    assert(connection->phase == GW_PHASE_STREAM);
    if (connection->is_broken ||
        gw_connection_waiting(connection) + piece.len > GW_STREAM_MAX_WAITING) {
        gw_exchange_drop(exchange);
        return false;
    }
    if (piece.len == 0) /* as a chunk it would be the last */
        return true;
    exchange->body_bytes += piece.len;
    if (exchange->is_chunked)
        send_chunk(exchange, piece);
    else
        gw_connection_send(connection, piece, &nothing);
    return true;
}

void gw_exchange_stream_end(struct gw_exchange *exchange) {
    struct gw_connection *connection = exchange->connection;
    struct gw_server *server = connection->server;
    struct gw_buf nothing = {0};
    assert(connection->phase == GW_PHASE_STREAM);
    if (exchange->is_chunked)
        gw_connection_send(connection, GW_STR("0\r\n\r\n"), &nothing);
    connection->is_closing = connection->is_closing || server->is_leaving;
    exchange->is_answered = true;
    server->handler->on_replied(exchange, exchange->status, exchange->body_bytes, server->user);
    gw_exchange_release(exchange);
    gw_connection_proceed(connection);
}
