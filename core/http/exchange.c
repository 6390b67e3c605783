/* One request and its reply: what the parser found goes up to the handler, what the handler says
 * goes down to the connection. */
#include "base/alloc.h"
#include "base/clock.h"
#include "http/cors.h"
#include "http/server_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BODY    16384 /* bytes of a body's buffer that are kept for reuse */
#define RESERVE_BODY 65536 /* taken on trust of a Content-Length */

/* --- Reuse --- */

static struct gw_exchange *create(struct gw_server *server) {
    struct gw_exchange *exchange = gw_calloc(1, sizeof *exchange);
    gw_parser_init(&exchange->parser, GW_PARSER_REQUEST, &server->options.limits);
    return exchange;
}

static void destroy(struct gw_exchange *exchange) {
    gw_parser_fini(&exchange->parser);
    gw_buf_fini(&exchange->body);
    free(exchange);
}

void gw_exchange_begin(struct gw_connection *connection) {
    struct gw_server *server = connection->server;
    struct gw_exchange *exchange = server->spare;
    if (exchange) {
        server->spare = exchange->next_spare;
        server->n_spare--;
    } else {
        exchange = create(server);
    }
    exchange->connection = connection;
    exchange->started_us = gw_clock_us();
    connection->exchange = exchange;
    gw_connection_enter(connection, GW_PHASE_HEAD);
}

/* As new, but for the parser, which is as its last message left it, and the buffers. */
static void clear(struct gw_exchange *exchange) {
    struct gw_parser parser = exchange->parser;
    struct gw_buf body = exchange->body;
    if (body.cap > KEPT_BODY)
        gw_buf_fini(&body);
    gw_buf_clear(&body);
    *exchange = (struct gw_exchange){.parser = parser, .body = body};
}

void gw_exchange_release(struct gw_exchange *exchange) {
    struct gw_server *server = exchange->connection->server;
    bool is_clean = exchange->is_complete;
    exchange->connection->exchange = NULL;
    if (!is_clean || server->n_spare == GW_SERVER_MAX_SPARE) {
        destroy(exchange);
        return;
    }
    clear(exchange);
    exchange->next_spare = server->spare;
    server->spare = exchange;
    server->n_spare++;
}

void gw_exchange_free_spare(struct gw_server *server) {
    while (server->spare) {
        struct gw_exchange *exchange = server->spare;
        server->spare = exchange->next_spare;
        destroy(exchange);
    }
}

/* --- The request --- */

/* The caller's id if it gave exactly one and that is well-formed, else a new one. */
static void choose_id(struct gw_exchange *exchange) {
    const struct gw_message *message = &exchange->parser.message;
    struct gw_str id = {0};
    unsigned found = 0;
    for (unsigned i = 0; i < message->n_fields; i++) {
        if (!gw_str_equal(gw_message_field_name(message, i), GW_STR("x-correlation-id")))
            continue;
        id = gw_message_field_value(message, i);
        found++;
    }
    if (found == 1 && gw_id_valid(id)) {
        memcpy(exchange->id, id.data, id.len);
        exchange->id_len = (uint8_t)id.len;
    } else {
        gw_id_new(exchange->id);
        exchange->id_len = GW_ID_SIZE - 1;
    }
}

/* For what is not understood, too large or too slow: the rest of the request is not read, so this
 * is the last response. */
static void refuse(struct gw_exchange *exchange, unsigned status, const char *detail) {
    exchange->connection->is_closing = true;
    if (exchange->id_len == 0)
        choose_id(exchange);
    gw_exchange_reply_problem(exchange, status, detail);
}

static bool is_preflight(const struct gw_exchange *exchange) {
    return exchange->connection->server->options.cors_allow_origins.len > 0 &&
           gw_cors_is_preflight(&exchange->parser.message);
}

static void reply_to_preflight(struct gw_exchange *exchange) {
    struct gw_reply reply = {.status = 204};
    gw_cors_append_preflight(&reply.fields,
                             exchange->connection->server->options.cors_allow_origins,
                             &exchange->parser.message);
    gw_exchange_reply(exchange, &reply);
}

static void tell_head(struct gw_exchange *exchange) {
    struct gw_server *server = exchange->connection->server;
    exchange->is_told = true;
    server->handler->on_head(exchange, server->user);
}

static void hand_over(struct gw_exchange *exchange) {
    struct gw_server *server = exchange->connection->server;
    gw_connection_enter(exchange->connection, GW_PHASE_WORK);
    server->handler->on_request(exchange, server->user);
}

static void await_body(struct gw_exchange *exchange, const struct gw_str *in) {
    const struct gw_message *message = &exchange->parser.message;
    struct gw_buf nothing = {0};
    if (message->content_length > exchange->max_body) {
        refuse(exchange, 413, "the request body is too large");
        return;
    }
    if (message->has_length)
        gw_buf_reserve(&exchange->body, message->content_length < RESERVE_BODY
                                            ? (size_t)message->content_length
                                            : RESERVE_BODY);
    if (message->expects_continue && in->len == 0) {
        gw_connection_send(exchange->connection, GW_STR("HTTP/1.1 100 Continue\r\n\r\n"), &nothing);
        gw_connection_proceed(exchange->connection);
    }
}

/* A request without a body is complete with its head; the parser is taken to its end first, so that
 * whatever the handler does finds it between two messages. */
void gw_exchange_take_head(struct gw_exchange *exchange, struct gw_str *in) {
    struct gw_connection *connection = exchange->connection;
    const struct gw_message *message = &exchange->parser.message;
    bool has_body = message->chunked || message->content_length > 0;
    struct gw_str nothing;
    exchange->max_body = connection->server->options.max_body;
    choose_id(exchange);
    if (has_body)
        gw_connection_enter(connection, GW_PHASE_BODY);
    else
        exchange->is_complete = gw_parser_next(&exchange->parser, in, &nothing) == GW_PARSER_END;
    if (is_preflight(exchange)) {
        reply_to_preflight(exchange);
        return;
    }
    tell_head(exchange);
    if (connection->exchange != exchange || exchange->is_answered)
        return;
    if (has_body)
        await_body(exchange, in);
    else
        hand_over(exchange);
}

void gw_exchange_take_body(struct gw_exchange *exchange, struct gw_str piece) {
    if (exchange->is_answered)
        return;
    if (exchange->body.len + piece.len > exchange->max_body)
        refuse(exchange, 413, "the request body is too large");
    else
        gw_buf_append_str(&exchange->body, piece);
}

void gw_exchange_take_end(struct gw_exchange *exchange) {
    struct gw_connection *connection = exchange->connection;
    exchange->is_complete = true;
    if (!exchange->is_answered) {
        hand_over(exchange);
        return;
    }
    gw_exchange_release(exchange);
    gw_connection_enter(connection, GW_PHASE_IDLE);
}

void gw_exchange_take_error(struct gw_exchange *exchange) {
    refuse(exchange, exchange->parser.error.status, exchange->parser.error.reason);
}

void gw_exchange_expire(struct gw_exchange *exchange) {
    refuse(exchange, 408, "the request did not arrive in time");
}

/* --- The reply --- */

/* Whether what is left of the body can be read and thrown away, for the sake of the connection. Not
 * after Expect: whether the client then sends the body is anybody's guess. */
static bool can_skip_body(const struct gw_exchange *exchange) {
    const struct gw_message *message = &exchange->parser.message;
    return message->has_length && !message->expects_continue &&
           message->content_length - exchange->body.len <= GW_SERVER_MAX_DISCARD;
}

bool gw_exchange_must_close(const struct gw_exchange *exchange, const struct gw_reply *reply) {
    const struct gw_connection *connection = exchange->connection;
    return connection->is_closing || connection->server->is_leaving || reply->close ||
           !exchange->parser.message.keep_alive ||
           (!exchange->is_complete && !can_skip_body(exchange));
}

void gw_exchange_reply(struct gw_exchange *exchange, struct gw_reply *take) {
    struct gw_connection *connection = exchange->connection;
    struct gw_server *server = connection->server;
    assert(!exchange->is_answered && connection->phase != GW_PHASE_CLOSED);
    connection->is_closing = gw_exchange_must_close(exchange, take);
    if (take->status == 205) /* has a length, of 0 (RFC 9110, 15.3.6) */
        gw_buf_fini(&take->body);
    gw_buf_clear(&server->head);
    gw_reply_append_head(&server->head, exchange, take, GW_REPLY_LENGTH, connection->is_closing);
    if (!gw_reply_has_body(exchange, take->status))
        gw_buf_fini(&take->body);
    size_t body_bytes = take->body.len;
    gw_connection_send(connection, gw_buf_str(&server->head), &take->body);
    gw_buf_fini(&take->fields);
    exchange->is_answered = true;
    server->handler->on_replied(exchange, take->status, body_bytes, server->user);
    if (exchange->is_complete)
        gw_exchange_release(exchange);
    gw_connection_proceed(connection);
}

void gw_exchange_reply_problem(struct gw_exchange *exchange, unsigned status, const char *detail) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, status, detail);
    gw_exchange_reply(exchange, &reply);
}

void gw_exchange_drop(struct gw_exchange *exchange) {
    struct gw_connection *connection = exchange->connection;
    exchange->is_answered = true;
    gw_connection_close(connection);
    gw_connection_settle(connection);
}

/* --- What the handler may ask --- */

const struct gw_message *gw_exchange_message(const struct gw_exchange *exchange) {
    return &exchange->parser.message;
}

struct gw_str gw_exchange_body(const struct gw_exchange *exchange) {
    return gw_buf_str(&exchange->body);
}

struct gw_str gw_exchange_id(const struct gw_exchange *exchange) {
    return (struct gw_str){exchange->id, exchange->id_len};
}

struct gw_str gw_exchange_client(const struct gw_exchange *exchange) {
    return gw_str_from(exchange->connection->client);
}

int64_t gw_exchange_started_us(const struct gw_exchange *exchange) {
    return exchange->started_us;
}

void gw_exchange_set_user(struct gw_exchange *exchange, void *user) {
    exchange->user = user;
}

void *gw_exchange_user(const struct gw_exchange *exchange) {
    return exchange->user;
}

void gw_exchange_set_fields(struct gw_exchange *exchange, const char *lines) {
    exchange->fields = lines;
}

void gw_exchange_set_max_body(struct gw_exchange *exchange, uint64_t bytes) {
    exchange->max_body = bytes;
}
