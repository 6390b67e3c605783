/* What can be asked of the admin listener, and by whom it is answered. openapi.json describes the
 * same calls; test_calls.c holds the two against each other. */
#include "admin/admin_internal.h"

#include <stdlib.h>

const struct gw_admin_call gw_admin_calls[] = {
    {"GET", "/metrics", "", "", gw_admin_metrics},

    {"GET", "/admin/status", "", "", gw_admin_status},
    {"GET", "/admin/openapi.json", "", "", gw_admin_openapi},
    {"GET", "/admin/log-level", "", "", gw_admin_log_level},
    {"PUT", "/admin/log-level", "", "level", gw_admin_set_log_level},

    {"GET", "/admin/backends", "", "", gw_admin_backends},
    {"GET", "/admin/backends/:name", "", "", gw_admin_backend},
    {"POST", "/admin/backends/:name/force-open", "", "", gw_admin_force_open},
    {"POST", "/admin/backends/:name/close", "", "", gw_admin_close},
    {"POST", "/admin/backends/:name/reset", "", "", gw_admin_reset},
    {"POST", "/admin/backends/:name/disable", "", "", gw_admin_disable},

    {"GET", "/admin/routes", "", "", gw_admin_routes},

    {"GET", "/admin/jobs", "kind status limit", "", gw_admin_jobs},
    {"GET", "/admin/jobs/:id", "", "", gw_admin_job},
    {"POST", "/admin/jobs/:id/cancel", "", "", gw_admin_cancel_job},

    {"GET", "/admin/events", "", "", gw_admin_events},

    {"GET", "/admin/generations", "", "", gw_admin_generations},
    {"GET", "/admin/generations/:number/diff", "", "", gw_admin_diff},
    {"POST", "/admin/reload", "", "", gw_admin_reload},
    {"POST", "/admin/rollback", "", "generation", gw_admin_roll_back},

    {"GET", "/admin/requests", "correlation_id route status min_ms limit", "", gw_admin_requests},
    {"GET", "/admin/requests/:id", "", "", gw_admin_request},

    {"GET", "/admin/sagas", "open", "", gw_admin_sagas},
    {"GET", "/admin/sagas/:id", "", "", gw_admin_saga},
    {"POST", "/admin/sagas/:id/retry", "", "", gw_admin_retry_saga},
    {"POST", "/admin/sagas/:id/resolve", "", "reason", gw_admin_resolve_saga},

    {0},
};

/* The table is ours: what cannot be added is a bug. */
struct gw_router *gw_admin_new_router(void) {
    struct gw_router *router = gw_router_new();
    for (int i = 0; gw_admin_calls[i].method; i++) {
        const char *error;
        if (!gw_router_add(router, gw_str_from(gw_admin_calls[i].method),
                           gw_str_from(gw_admin_calls[i].path), i, &error)) {
            gw_log(GW_LOG_ERROR, "admin: %s: %s", gw_admin_calls[i].path, error);
            abort();
        }
    }
    return router;
}

/* --- From a request to its call --- */

/* JSON and nothing else: what a form of another site's page could send is not. */
static bool is_json(const struct gw_message *message) {
    struct gw_str type = {"", 0}, name, ignored;
    gw_message_find(message, GW_STR("content-type"), &type);
    return gw_str_split(type, ';', &name, &ignored) &&
           gw_str_equal_nocase(gw_str_trim(name), GW_STR("application/json"));
}

static void ask(const struct gw_admin_question *question, const struct gw_admin_call *call) {
    struct gw_exchange *exchange = question->exchange;
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_str body = gw_exchange_body(exchange);
    if (!gw_query_read(question->query, gw_message_query(message), call->query))
        gw_admin_refuse_query(question);
    else if (body.len && !is_json(message))
        gw_admin_refuse(exchange, 415, "the body must be application/json");
    else if (!gw_body_read(question->body, body, call->members))
        gw_admin_refuse_body(question);
    else
        call->answer(question);
}

static void answer_options(struct gw_exchange *exchange, const struct gw_buf *allow) {
    struct gw_reply reply = {.status = 204};
    gw_buf_printf(&reply.fields, "Allow: %.*s\r\n", GW_STR_ARG(gw_buf_str(allow)));
    gw_exchange_reply(exchange, &reply);
}

static void refuse_method(struct gw_exchange *exchange, const struct gw_buf *allow) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    gw_buf_printf(&reply.fields, "Allow: %.*s\r\n", GW_STR_ARG(gw_buf_str(allow)));
    gw_exchange_reply(exchange, &reply);
}

void gw_admin_dispatch(struct gw_admin *admin, struct gw_exchange *exchange) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_route_match match = {0};
    struct gw_query query = {0};
    struct gw_body body = {0};
    struct gw_admin_question question = {admin, exchange, GW_STR(""), &query, &body};
    switch (gw_router_find(admin->router, gw_message_method(message), gw_message_path(message),
                           &match)) {
    case GW_ROUTE_FOUND:
        if (match.n_params)
            question.param = match.params[0].value;
        ask(&question, &gw_admin_calls[match.route]);
        break;
    case GW_ROUTE_METHOD_NOT_ALLOWED:
        refuse_method(exchange, &match.allow);
        break;
    case GW_ROUTE_OPTIONS:
        answer_options(exchange, &match.allow);
        break;
    case GW_ROUTE_NOT_FOUND:
    case GW_ROUTE_BAD_PATH:
        gw_admin_refuse(exchange, 404, "the admin listener has no such path");
    }
    gw_route_match_fini(&match);
    gw_query_fini(&query);
    gw_body_fini(&body);
}
