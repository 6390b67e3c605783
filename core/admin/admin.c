#include "admin/admin_internal.h"

#include "admin/guard.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BODY (64 * 1024) /* bytes */

/* --- What there is to ask --- */

struct call {
    const char *method;
    const char *path; /* '#' stands for a number */
    gw_admin_answer_fn answer;
};

static const struct call calls[] = {
    {"GET", "/metrics", gw_admin_metrics},
    {"GET", "/admin/status", gw_admin_status},
    {"GET", "/admin/generations", gw_admin_list},
    {"GET", "/admin/generations/#/diff", gw_admin_diff},
    {"POST", "/admin/reload", gw_admin_reload},
    {"POST", "/admin/rollback", gw_admin_roll_back},
};

static bool is_path(const char *pattern, struct gw_str path, unsigned *number) {
    const char *hole = strchr(pattern, '#');
    if (!hole)
        return gw_str_equal(path, gw_str_from(pattern));
    size_t before = (size_t)(hole - pattern), after = strlen(hole + 1);
    if (path.len <= before + after || memcmp(path.data, pattern, before) != 0 ||
        memcmp(path.data + path.len - after, hole + 1, after) != 0)
        return false;
    uint64_t value;
    struct gw_str digits = {path.data + before, path.len - before - after};
    bool ok = gw_str_to_u64(digits, UINT32_MAX, &value);
    *number = ok ? (unsigned)value : 0;
    return ok;
}

static const char *allowed_at(struct gw_str path) {
    unsigned ignored;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (is_path(calls[i].path, path, &ignored))
            return calls[i].method;
    return NULL;
}

static void refuse_method(struct gw_exchange *exchange, const char *allowed) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    gw_buf_printf(&reply.fields, "allow: %s\r\n", allowed);
    gw_exchange_reply(exchange, &reply);
}

static void dispatch(struct gw_admin *admin, struct gw_exchange *exchange) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_str method = gw_message_method(message), path = gw_message_path(message);
    unsigned number = 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (gw_str_equal(method, gw_str_from(calls[i].method)) &&
            is_path(calls[i].path, path, &number)) {
            calls[i].answer(admin, exchange, number);
            return;
        }
    const char *allowed = allowed_at(path);
    if (allowed)
        refuse_method(exchange, allowed);
    else
        gw_admin_refuse(exchange, 404, "the admin listener has no such path");
}

/* --- Answers --- */

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
        append_type(&reply, "text/plain; charset=utf-8");
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

/* --- The listener --- */

static void on_head(struct gw_exchange *exchange, void *user) {
    struct gw_admin *admin = user;
    const char *detail;
    unsigned status = gw_admin_guard(admin->settings, gw_server_port(admin->server),
                                     gw_exchange_message(exchange), &detail);
    if (status)
        gw_admin_refuse(exchange, status, detail);
}

static void on_request(struct gw_exchange *exchange, void *user) {
    if (!gw_admin_answer_sagas(user, exchange))
        dispatch(user, exchange);
}

static void on_abort(struct gw_exchange *exchange, void *user) {
    (void)user;
    gw_admin_abort_sagas(exchange); /* all else is answered at once */
}

static void on_replied(struct gw_exchange *exchange, unsigned status, size_t bytes, void *user) {
    (void)bytes, (void)user;
    if (!gw_log_enabled(GW_LOG_INFO))
        return;
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "admin request");
    gw_log_str(line, "correlation_id", gw_exchange_id(exchange));
    gw_log_str(line, "method", gw_message_method(message));
    gw_log_str(line, "path", gw_message_path(message));
    gw_log_int(line, "status", status);
    gw_log_ms(line, "duration_ms", gw_clock_us() - gw_exchange_started_us(exchange));
    gw_log_str(line, "client", gw_exchange_client(exchange));
    gw_log_end(line);
}

static const struct gw_server_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_abort = on_abort,
    .on_replied = on_replied,
};

static struct gw_server *listen_at(struct gw_admin *admin, struct event_base *base,
                                   struct gw_buf *error) {
    char reason[256];
    const struct gw_settings *settings = admin->settings;
    struct gw_server_options options = {
        .host = settings->admin_host,
        .port = (uint16_t)settings->admin_port,
        .exclusive = true,
        .limits = {.request_line = 8192, .head = 32768, .fields = 100},
        .max_body = MAX_BODY,
        .max_connections = 1000, /* who only holds some does not keep an operator out */
        .idle_ms = settings->idle_ms,
        .head_ms = settings->head_ms,
        .body_idle_ms = settings->body_idle_ms,
        .write_stalled_ms = settings->write_stalled_ms,
        .cors_allow_origins = GW_STR(""),
    };
    struct gw_server *server =
        gw_server_new(base, &options, &handler, admin, reason, sizeof reason);
    if (!server)
        gw_buf_printf(error, "admin: %s", reason);
    return server;
}

struct gw_admin *gw_admin_new(struct event_base *base, const struct gw_settings *settings,
                              struct gw_generations *generations, struct gw_buf *error) {
    struct gw_admin *admin = gw_calloc(1, sizeof *admin);
    admin->settings = settings;
    admin->generations = generations;
    admin->started_ms = gw_clock_ms();
    admin->server = listen_at(admin, base, error);
    if (!admin->server) {
        free(admin);
        return NULL;
    }
    return admin;
}

uint16_t gw_admin_port(const struct gw_admin *admin) {
    return gw_server_port(admin->server);
}

void gw_admin_leave(struct gw_admin *admin) {
    gw_server_leave(admin->server);
}

void gw_admin_free(struct gw_admin *admin) {
    if (!admin)
        return;
    gw_server_free(admin->server);
    gw_admin_free_sagas(admin);
    free(admin);
}
