#include "admin/admin_internal.h"

#include <string.h>

/* For people at a terminal; programs get JSON. */
bool gw_admin_wants_text(const struct gw_exchange *exchange) {
    struct gw_str accept;
    return gw_message_find(gw_exchange_message(exchange), GW_STR("accept"), &accept) &&
           accept.len >= 10 && memcmp(accept.data, "text/plain", 10) == 0;
}

static void append_type(struct gw_reply *reply, const char *type) {
    gw_buf_printf(&reply->fields, "Content-Type: %s\r\nCache-Control: no-store\r\n", type);
}

void gw_admin_reply(struct gw_exchange *exchange, const char *type, struct gw_buf *take_body) {
    struct gw_reply reply = {.status = 200};
    append_type(&reply, type);
    gw_buf_move(&reply.body, take_body);
    gw_exchange_reply(exchange, &reply);
}

void gw_admin_refuse(struct gw_exchange *exchange, unsigned status, const char *detail) {
    struct gw_reply reply = {.status = status};
    if (gw_admin_wants_text(exchange)) {
        append_type(&reply, GW_ADMIN_TEXT);
        gw_buf_printf(&reply.body, "%s\n", detail);
    } else {
        gw_exchange_make_problem(exchange, &reply, status, detail);
    }
    if (status == 401)
        gw_buf_append_str(&reply.fields, GW_STR("WWW-Authenticate: Bearer\r\n"));
    if (status == 503)
        gw_buf_append_str(&reply.fields, GW_STR("Retry-After: 1\r\n"));
    gw_exchange_reply(exchange, &reply);
}

static void refuse_for(struct gw_exchange *exchange, unsigned status, struct gw_buf *complaint) {
    gw_buf_append_char(complaint, '\0');
    gw_admin_refuse(exchange, status, complaint->data);
}

void gw_admin_refuse_query(const struct gw_admin_question *question) {
    refuse_for(question->exchange, 400, &question->query->complaint);
}

void gw_admin_refuse_body(const struct gw_admin_question *question) {
    refuse_for(question->exchange, question->body->is_object ? 422 : 400,
               &question->body->complaint);
}

/* --- Later --- */

void gw_admin_await(struct gw_admin_pending *pending, struct gw_exchange *exchange,
                    void (*on_abort)(struct gw_admin_pending *pending)) {
    *pending = (struct gw_admin_pending){exchange, on_abort};
    gw_exchange_set_user(exchange, pending);
}

struct gw_exchange *gw_admin_settle(struct gw_admin_pending *pending) {
    gw_exchange_set_user(pending->exchange, NULL);
    return pending->exchange;
}

void gw_admin_abort(struct gw_exchange *exchange) {
    struct gw_admin_pending *pending = gw_exchange_user(exchange);
    if (pending)
        pending->on_abort(pending);
}
