/* Admin calls about sagas. The journal answers them, so these, unlike all others, are not answered
 * at once:
 *
 *     GET  /admin/sagas             the newest hundred; ?open: those not over
 *     GET  /admin/sagas/ID          one, with its steps and undos
 *     POST /admin/sagas/ID/retry    what is parked is tried now
 *     POST /admin/sagas/ID/resolve  { "reason" }: needs no more undoing, says an operator */
#include "admin/admin_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "engine/saga.h"
#include "engine/saga_desk.h"
#include "policy/path.h"

#include <stdlib.h>

#define MAX_LISTED 100

struct gw_admin_sagas {
    struct gw_journal_port *port; /* owned */
    void (*look_at)(void *user, int64_t number);
    void *user;
};

/* An exchange that waits for the journal; its user pointer. */
struct asking {
    struct gw_admin *admin;
    struct gw_exchange *exchange;
    struct gw_desk_query *query;
    bool is_change; /* the workers are to hear of it */
};

/* --- for people --- */

static void append_time(struct gw_buf *out, int64_t ms) {
    char text[GW_CLOCK_TEXT_SIZE];
    gw_clock_text(ms, text);
    gw_buf_printf(out, "%.19sZ", text);
}

static void append_row(struct gw_buf *out, const struct gw_saga_record *saga) {
    gw_buf_printf(out, "%-12s  ", gw_saga_state_name(saga->state));
    append_time(out, saga->changed_ms);
    gw_buf_printf(out, "  %.*s %.*s", GW_STR_ARG(saga->kind), GW_STR_ARG(saga->id));
    if (saga->reason.len)
        gw_buf_printf(out, ": %.*s", GW_STR_ARG(saga->reason));
    gw_buf_append_char(out, '\n');
}

static void append_request(struct gw_buf *out, const struct gw_stored_request *request) {
    gw_buf_printf(out, "%.*s: %.*s %.*s", GW_STR_ARG(request->backend), GW_STR_ARG(request->method),
                  GW_STR_ARG(request->path));
}

static void append_undo(struct gw_buf *out, const struct gw_step_record *step) {
    if (step->undo_state == GW_UNDO_NONE)
        return;
    gw_buf_printf(out, "     undo %-9s  ", gw_undo_state_name(step->undo_state));
    append_request(out, &step->undo);
    if (step->undo.body.len)
        gw_buf_printf(out, "  %.*s", GW_STR_ARG(step->undo.body));
    gw_buf_printf(out, "  (tried %u times", step->undo_attempts);
    if (step->undo_error.len)
        gw_buf_printf(out, "; %.*s", GW_STR_ARG(step->undo_error));
    if (step->undo_state == GW_UNDO_PENDING && step->undo_next_ms) {
        gw_buf_printf(out, "; next ");
        append_time(out, step->undo_next_ms);
    }
    gw_buf_printf(out, ")\n");
}

static void append_steps(struct gw_buf *out, const struct gw_saga_view *view) {
    append_row(out, &view->saga);
    for (unsigned i = 0; i < view->n_steps; i++) {
        const struct gw_step_record *step = &view->steps[i];
        gw_buf_printf(out, "%4u %-14s  ", step->n, gw_step_outcome_name(step->outcome));
        append_request(out, &step->act);
        gw_buf_append_char(out, '\n');
        append_undo(out, step);
    }
}

/* --- answers --- */

static void refuse(struct gw_exchange *exchange, enum gw_desk_answer answer) {
    if (answer == GW_DESK_NOT_FOUND)
        gw_admin_refuse(exchange, 404, "there is no such saga");
    else if (answer == GW_DESK_NOT_OPEN)
        gw_admin_refuse(exchange, 409, "it is not being undone: it is at work still, or over");
    else
        gw_admin_refuse(exchange, 503, "the journal cannot be used");
}

/* The answer is there: the exchange is the caller's again. */
static struct gw_exchange *end_asking(struct asking *asking) {
    struct gw_exchange *exchange = asking->exchange;
    gw_exchange_set_user(exchange, NULL);
    free(asking);
    return exchange;
}

static void on_view(void *user, enum gw_desk_answer answer, const struct gw_saga_view *view) {
    struct asking *asking = user;
    struct gw_admin_sagas *sagas = asking->admin->sagas;
    bool is_change = asking->is_change;
    struct gw_exchange *exchange = end_asking(asking);
    struct gw_buf out = {0};
    if (!view) {
        refuse(exchange, answer);
        return;
    }
    if (is_change)
        sagas->look_at(sagas->user, view->saga.number);
    bool is_text = gw_admin_wants_text(exchange);
    if (is_text)
        append_steps(&out, view);
    else
        gw_saga_view_json(view, &out);
    gw_admin_reply(exchange, is_text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

static void append_list(struct gw_buf *out, const struct gw_saga_record *list, unsigned n) {
    gw_json_open(out, '{');
    gw_json_key(out, "sagas");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < n; i++)
        gw_saga_json(&list[i], out);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

static void on_list(void *user, enum gw_desk_answer answer, const struct gw_saga_record *list,
                    unsigned n) {
    struct gw_exchange *exchange = end_asking(user);
    struct gw_buf out = {0};
    bool is_text = gw_admin_wants_text(exchange);
    if (answer != GW_DESK_OK) {
        refuse(exchange, answer);
        return;
    }
    if (!is_text)
        append_list(&out, list, n);
    for (unsigned i = 0; is_text && i < n; i++)
        append_row(&out, &list[i]);
    gw_admin_reply(exchange, is_text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

/* --- questions --- */

static struct asking *ask(struct gw_admin *admin, struct gw_exchange *exchange, bool is_change) {
    struct asking *asking = gw_calloc(1, sizeof *asking);
    asking->admin = admin;
    asking->exchange = exchange;
    asking->is_change = is_change;
    gw_exchange_set_user(exchange, asking);
    return asking;
}

static void list(struct gw_admin *admin, struct gw_exchange *exchange) {
    struct gw_str query = gw_message_query(gw_exchange_message(exchange));
    struct asking *asking = ask(admin, exchange, false);
    bool open = gw_str_equal(query, GW_STR("open"));
    asking->query = gw_desk_list(admin->sagas->port, open, MAX_LISTED, on_list, asking);
}

static void show(struct gw_admin *admin, struct gw_exchange *exchange, struct gw_str id) {
    struct asking *asking = ask(admin, exchange, false);
    asking->query = gw_desk_find(admin->sagas->port, GW_STR(""), id, on_view, asking);
}

static void retry(struct gw_admin *admin, struct gw_exchange *exchange, struct gw_str id) {
    struct asking *asking = ask(admin, exchange, true);
    asking->query = gw_desk_retry(admin->sagas->port, GW_STR(""), id, on_view, asking);
}

static void resolve(struct gw_admin *admin, struct gw_exchange *exchange, struct gw_str id) {
    struct gw_str body = gw_str_trim(gw_exchange_body(exchange)), value;
    struct gw_buf reason = {0};
    if (gw_json_find(gw_json_inside(body), "reason", &value) && gw_json_is_text(value))
        gw_json_append_text(&reason, value);
    if (reason.len) {
        struct asking *asking = ask(admin, exchange, true);
        asking->query = gw_desk_resolve(admin->sagas->port, GW_STR(""), id, gw_buf_str(&reason),
                                        on_view, asking);
    } else {
        gw_admin_refuse(exchange, 400, "the body must be {\"reason\": \"...\"}");
    }
    gw_buf_fini(&reason);
}

/* --- by path and method --- */

static void refuse_method(struct gw_exchange *exchange, const char *allowed) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    gw_buf_printf(&reply.fields, "allow: %s\r\n", allowed);
    gw_exchange_reply(exchange, &reply);
}

static bool is_segment(const struct gw_path *path, unsigned index, struct gw_str word) {
    return path->n > index && gw_str_equal(path->segments[index], word);
}

static void answer_one(struct gw_admin *admin, struct gw_exchange *exchange,
                       const struct gw_path *path) {
    bool is_post = gw_str_equal(gw_message_method(gw_exchange_message(exchange)), GW_STR("POST"));
    bool is_retry = is_segment(path, 3, GW_STR("retry"));
    if (path->n == 4 && !is_retry && !is_segment(path, 3, GW_STR("resolve")))
        gw_admin_refuse(exchange, 404, "the admin listener has no such path");
    else if (is_post != (path->n == 4))
        refuse_method(exchange, path->n == 4 ? "POST" : "GET");
    else if (path->n == 3)
        show(admin, exchange, path->segments[2]);
    else if (is_retry)
        retry(admin, exchange, path->segments[2]);
    else
        resolve(admin, exchange, path->segments[2]);
}

bool gw_admin_answer_sagas(struct gw_admin *admin, struct gw_exchange *exchange) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_path path;
    struct gw_buf decoded = {0};
    bool is_ours = admin->sagas && gw_path_parse(&path, gw_message_path(message), &decoded) &&
                   is_segment(&path, 0, GW_STR("admin")) && is_segment(&path, 1, GW_STR("sagas")) &&
                   path.n <= 4;
    if (is_ours && path.n > 2)
        answer_one(admin, exchange, &path);
    else if (is_ours && gw_str_equal(gw_message_method(message), GW_STR("GET")))
        list(admin, exchange);
    else if (is_ours)
        refuse_method(exchange, "GET");
    gw_buf_fini(&decoded);
    return is_ours;
}

void gw_admin_abort_sagas(struct gw_exchange *exchange) {
    struct asking *asking = gw_exchange_user(exchange);
    if (!asking)
        return;
    gw_desk_cancel(asking->query);
    free(asking);
}

/* --- life --- */

void gw_admin_serve_sagas(struct gw_admin *admin, struct event_base *base,
                          struct gw_journal *journal, void (*look_at)(void *user, int64_t number),
                          void *user) {
    struct gw_admin_sagas *sagas = gw_calloc(1, sizeof *sagas);
    sagas->port = gw_journal_port_new(journal, base);
    sagas->look_at = look_at;
    sagas->user = user;
    admin->sagas = sagas;
}

void gw_admin_free_sagas(struct gw_admin *admin) {
    if (!admin->sagas)
        return;
    gw_journal_port_free(admin->sagas->port);
    free(admin->sagas);
}
