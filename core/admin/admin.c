#include "admin/admin_internal.h"

#include "admin/files.h"
#include "admin/guard.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

#define MAX_BODY (64 * 1024) /* bytes */

static unsigned guard(const struct gw_admin *admin, const struct gw_message *message,
                      const char **detail) {
    const struct gw_settings *settings = admin->parts.settings;
    uint16_t port = gw_server_port(admin->server);
    if (gw_admin_find_file(gw_message_path(message)))
        return gw_admin_guard_file(settings, port, message, detail);
    return gw_admin_guard(settings, port, message, detail);
}

static void on_head(struct gw_exchange *exchange, void *user) {
    struct gw_admin *admin = user;
    const char *detail;
    const struct gw_message *message = gw_exchange_message(exchange);
    unsigned status = guard(admin, message, &detail);
    if (status)
        gw_admin_refuse(exchange, status, detail);
}

static void on_request(struct gw_exchange *exchange, void *user) {
    const struct gw_embedded *file =
        gw_admin_find_file(gw_message_path(gw_exchange_message(exchange)));
    if (file)
        gw_admin_answer_file(exchange, file);
    else
        gw_admin_dispatch(user, exchange);
}

static void on_abort(struct gw_exchange *exchange, void *user) {
    (void)user;
    gw_admin_abort(exchange);
}

/* Who only looks does so again and again: a scraper, a dashboard. */
static enum gw_log_level level_of(const struct gw_message *message, unsigned status) {
    struct gw_str method = gw_message_method(message);
    bool only_looks = gw_str_equal(method, GW_STR("GET")) || gw_str_equal(method, GW_STR("HEAD"));
    return only_looks && status < 400 ? GW_LOG_DEBUG : GW_LOG_INFO;
}

static void on_replied(struct gw_exchange *exchange, unsigned status, size_t bytes, void *user) {
    (void)bytes, (void)user;
    const struct gw_message *message = gw_exchange_message(exchange);
    enum gw_log_level level = level_of(message, status);
    if (!gw_log_enabled(level))
        return;
    struct gw_buf *line = gw_log_begin(level, "admin request");
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
    const struct gw_settings *settings = admin->parts.settings;
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

/* --- Life --- */

/* The workers run the jobs: this one only asks, on the control loop. */
static struct gw_job_runner *new_asking_runner(const struct gw_admin_parts *parts,
                                               struct event_base *base) {
    struct gw_job_work none = {0};
    struct gw_job_runner *runner = gw_job_runner_new(parts->jobs, base, parts->journal, &none);
    gw_job_runner_drain(runner);
    return runner;
}

struct gw_admin *gw_admin_new(struct event_base *base, const struct gw_admin_parts *parts,
                              struct gw_buf *error) {
    struct gw_admin *admin = gw_calloc(1, sizeof *admin);
    admin->parts = *parts;
    admin->started_ms = gw_clock_ms();
    admin->server = listen_at(admin, base, error);
    if (!admin->server) {
        free(admin);
        return NULL;
    }
    admin->router = gw_admin_new_router();
    admin->journal_port = gw_journal_port_new(parts->journal, base);
    admin->events = gw_admin_events_new(admin, base);
    admin->jobs = new_asking_runner(parts, base);
    return admin;
}

uint16_t gw_admin_port(const struct gw_admin *admin) {
    return gw_server_port(admin->server);
}

void gw_admin_leave(struct gw_admin *admin) {
    gw_server_leave(admin->server);
}

void gw_admin_drain(struct gw_admin *admin) {
    gw_admin_events_end(admin->events);
}

void gw_admin_free(struct gw_admin *admin) {
    if (!admin)
        return;
    gw_admin_drain(admin);
    gw_server_free(admin->server); /* what waits for an answer is ended by it */
    gw_journal_port_free(admin->journal_port);
    gw_job_runner_free(admin->jobs);
    gw_router_free(admin->router);
    gw_admin_events_free(admin->events);
    free(admin);
}
