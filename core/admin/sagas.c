/* Admin calls about sagas. The journal answers them, so they are not answered at once:
 *
 *     GET  /admin/sagas             the newest hundred; ?open: those not over
 *     GET  /admin/sagas/ID          one, with its steps and undos
 *     POST /admin/sagas/ID/retry    what is parked is tried now
 *     POST /admin/sagas/ID/resolve  { "reason" }: needs no more undoing, says an operator */
#include "admin/admin_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "engine/saga.h"
#include "engine/saga_desk.h"

#include <stdlib.h>

#define MAX_LISTED 100
#define MAX_REASON 1000 /* bytes */

struct asking {
    struct gw_admin_pending pending;
    struct gw_admin *admin;
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
    struct gw_exchange *exchange = gw_admin_settle(&asking->pending);
    free(asking);
    return exchange;
}

static void on_view(void *user, enum gw_desk_answer answer, const struct gw_saga_view *view) {
    struct asking *asking = user;
    const struct gw_admin_parts *parts = &asking->admin->parts;
    bool is_change = asking->is_change;
    struct gw_exchange *exchange = end_asking(asking);
    struct gw_buf out = {0};
    if (!view) {
        refuse(exchange, answer);
        return;
    }
    if (is_change)
        parts->look_at_saga(parts->user, view->saga.number);
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

static void abort_asking(struct gw_admin_pending *pending) {
    struct asking *asking = (struct asking *)pending;
    gw_desk_cancel(asking->query);
    free(asking);
}

static struct asking *ask(const struct gw_admin_question *question, bool is_change) {
    struct asking *asking = gw_calloc(1, sizeof *asking);
    gw_admin_await(&asking->pending, question->exchange, abort_asking);
    asking->admin = question->admin;
    asking->is_change = is_change;
    return asking;
}

void gw_admin_sagas(const struct gw_admin_question *question) {
    bool open = false;
    if (!gw_query_flag(question->query, "open", &open)) {
        gw_admin_refuse_query(question);
        return;
    }
    struct asking *asking = ask(question, false);
    asking->query = gw_desk_list(question->admin->journal_port, open, MAX_LISTED, on_list, asking);
}

void gw_admin_saga(const struct gw_admin_question *question) {
    struct asking *asking = ask(question, false);
    asking->query =
        gw_desk_find(question->admin->journal_port, GW_STR(""), question->param, on_view, asking);
}

void gw_admin_retry_saga(const struct gw_admin_question *question) {
    struct asking *asking = ask(question, true);
    asking->query =
        gw_desk_retry(question->admin->journal_port, GW_STR(""), question->param, on_view, asking);
}

void gw_admin_resolve_saga(const struct gw_admin_question *question) {
    struct gw_buf reason = {0};
    if (gw_body_text(question->body, "reason", MAX_REASON, &reason)) {
        struct asking *asking = ask(question, true);
        asking->query = gw_desk_resolve(question->admin->journal_port, GW_STR(""), question->param,
                                        gw_buf_str(&reason), on_view, asking);
    } else {
        gw_admin_refuse_body(question);
    }
    gw_buf_fini(&reason);
}
