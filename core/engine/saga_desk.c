#include "engine/saga_desk.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "engine/saga_internal.h"

#include <stdlib.h>

enum question { FIND, RETRY, RESOLVE, LIST };

struct gw_desk_query {
    struct gw_journal_op op;
    enum question question;
    struct gw_buf text; /* kind, id and reason */
    struct gw_str kind, id, reason;
    bool unfinished_only;
    int64_t max;

    enum gw_desk_answer answer;
    struct gw_saga_record saga; /* a copy, as it was */
    struct gw_saga_step **steps;
    unsigned n_steps;
    struct gw_saga_record *list; /* owned; copies */
    unsigned n_list;

    gw_desk_view_fn view_done;
    gw_desk_list_fn list_done;
    bool is_cancelled;
    void *user;
};

/* --- as JSON --- */

static void add_text(struct gw_buf *out, const char *key, struct gw_str value) {
    if (value.len)
        gw_json_member_str(out, key, value);
}

static void add_members(struct gw_buf *out, const struct gw_saga_record *saga) {
    gw_json_member_int(out, "number", saga->number);
    gw_json_member_str(out, "kind", saga->kind);
    gw_json_member_str(out, "id", saga->id);
    gw_json_member_str(out, "state", gw_str_from(gw_saga_state_name(saga->state)));
    add_text(out, "reason", saga->reason);
    add_text(out, "correlation_id", saga->correlation_id);
    gw_json_member_time(out, "created_at", saga->created_ms);
    gw_json_member_time(out, "changed_at", saga->changed_ms);
}

void gw_saga_json(const struct gw_saga_record *saga, struct gw_buf *out) {
    gw_json_open(out, '{');
    add_members(out, saga);
    gw_json_close(out, '}');
}

static void add_request(struct gw_buf *out, const char *key,
                        const struct gw_stored_request *request) {
    if (!request->method.len)
        return;
    gw_json_key(out, key);
    gw_json_open(out, '{');
    gw_json_member_str(out, "backend", request->backend);
    gw_json_member_str(out, "method", request->method);
    gw_json_member_str(out, "path", request->path);
    add_text(out, "body", request->body);
    gw_json_close(out, '}');
}

const char *gw_step_outcome_name(enum gw_step_outcome outcome) {
    static const char *const names[] = {"unknown", "done", "no effect"};
    return names[outcome];
}

const char *gw_undo_state_name(enum gw_undo_state state) {
    static const char *const names[] = {"none", "pending", "done", "left"};
    return names[state];
}

void gw_step_json(const struct gw_step_record *step, struct gw_buf *out) {
    gw_json_open(out, '{');
    gw_json_member_int(out, "step", step->n);
    add_request(out, "act", &step->act);
    gw_json_member_str(out, "outcome", gw_str_from(gw_step_outcome_name(step->outcome)));
    add_request(out, "undo", &step->undo);
    gw_json_member_str(out, "undo_state", gw_str_from(gw_undo_state_name(step->undo_state)));
    gw_json_member_int(out, "undo_attempts", step->undo_attempts);
    add_text(out, "undo_error", step->undo_error);
    if (step->undo_state == GW_UNDO_PENDING && step->undo_next_ms)
        gw_json_member_time(out, "undo_next_at", step->undo_next_ms);
    gw_json_close(out, '}');
}

void gw_saga_view_json(const struct gw_saga_view *view, struct gw_buf *out) {
    gw_json_open(out, '{');
    add_members(out, &view->saga);
    if (view->saga.result.len) {
        gw_json_key(out, "result");
        gw_buf_append_str(out, view->saga.result);
    }
    gw_json_key(out, "steps");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < view->n_steps; i++)
        gw_step_json(&view->steps[i], out);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

/* --- on the journal's thread; it may be run twice --- */

static void forget(struct gw_desk_query *query) {
    for (unsigned i = 0; i < query->n_steps; i++)
        gw_saga_step_free(query->steps[i]);
    query->n_steps = 0;
    gw_buf_fini(&query->saga.memory);
    for (unsigned i = 0; i < query->n_list; i++)
        gw_buf_fini(&query->list[i].memory);
    query->n_list = 0;
}

static bool keep_step(void *user, const struct gw_step_record *record) {
    struct gw_desk_query *query = user;
    if (!record->act.method.len)
        return true; /* the place of a step of an earlier saga of this name */
    size_t size = (query->n_steps + 1) * sizeof(struct gw_saga_step *);
    query->steps = gw_realloc(query->steps, size);
    query->steps[query->n_steps++] = gw_saga_step_copy(record);
    return true;
}

static bool resolve(struct gw_desk_query *query, struct gw_store *store) {
    struct gw_saga_record resolved = query->saga;
    resolved.state = GW_SAGA_RESOLVED;
    resolved.reason = query->reason;
    resolved.changed_ms = gw_clock_wall_ms();
    return store->functions->put_saga(store, &resolved);
}

static bool run_view(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_desk_query *query = (struct gw_desk_query *)op;
    struct gw_saga_record found = {0};
    bool is_found;
    forget(query);
    query->answer = GW_DESK_NOT_FOUND;
    if (!store->functions->find_saga(store, query->kind, query->id, &is_found, &found))
        return false;
    if (!is_found)
        return true;
    gw_saga_record_copy(&query->saga, &found);
    gw_buf_fini(&found.memory);
    bool is_open = query->saga.state == GW_SAGA_COMPENSATING;
    query->answer = query->question == FIND || is_open ? GW_DESK_OK : GW_DESK_NOT_OPEN;
    return store->functions->find_steps(store, query->saga.number, keep_step, query) &&
           (query->question != RESOLVE || !is_open || resolve(query, store));
}

static bool list_saga(void *user, const struct gw_saga_record *record) {
    struct gw_desk_query *query = user;
    query->list = gw_realloc(query->list, (query->n_list + 1) * sizeof *query->list);
    gw_saga_record_copy(&query->list[query->n_list++], record);
    return true;
}

static bool run_list(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_desk_query *query = (struct gw_desk_query *)op;
    forget(query);
    return store->functions->find_sagas(store, query->unfinished_only, query->max, list_saga,
                                        query);
}

/* --- on the loop --- */

/* What an operator has taken over is not pending, though nothing was written of its steps. */
static struct gw_step_record as_seen(const struct gw_desk_query *query,
                                     const struct gw_step_record *record) {
    struct gw_step_record step = *record;
    if (query->saga.state == GW_SAGA_RESOLVED && step.undo_state == GW_UNDO_PENDING)
        step.undo_state = GW_UNDO_LEFT;
    return step;
}

static void tell_view(struct gw_desk_query *query) {
    struct gw_saga_view view = {.saga = query->saga, .n_steps = query->n_steps};
    if (query->answer != GW_DESK_OK) {
        query->view_done(query->user, query->answer, NULL);
        return;
    }
    view.steps = gw_calloc(view.n_steps, sizeof *view.steps);
    for (unsigned i = 0; i < view.n_steps; i++)
        view.steps[i] = as_seen(query, &query->steps[i]->record);
    query->view_done(query->user, GW_DESK_OK, &view);
    free(view.steps);
}

static void done(struct gw_journal_op *op, bool ok) {
    struct gw_desk_query *query = (struct gw_desk_query *)op;
    if (!ok)
        query->answer = GW_DESK_FAULT;
    if (query->is_cancelled)
        ; /* nobody wants to know */
    else if (query->question == LIST)
        query->list_done(query->user, query->answer, query->list, query->n_list);
    else
        tell_view(query);
    forget(query);
    gw_buf_fini(&query->text);
    free(query->list);
    free(query->steps);
    free(query);
}

void gw_desk_cancel(struct gw_desk_query *query) {
    query->is_cancelled = true;
}

static struct gw_desk_query *new_query(enum question question, void *user) {
    struct gw_desk_query *query = gw_calloc(1, sizeof *query);
    query->question = question;
    query->op.run = question == LIST ? run_list : run_view;
    query->op.done = done;
    query->user = user;
    return query;
}

static struct gw_desk_query *ask(struct gw_journal_port *port, enum question question,
                                 struct gw_str kind, struct gw_str id, struct gw_str reason,
                                 gw_desk_view_fn view_done, void *user) {
    struct gw_desk_query *query = new_query(question, user);
    gw_buf_append_str(&query->text, kind);
    gw_buf_append_str(&query->text, id);
    gw_buf_append_str(&query->text, reason);
    const char *text = query->text.data ? query->text.data : "";
    query->kind = (struct gw_str){text, kind.len};
    query->id = (struct gw_str){text + kind.len, id.len};
    query->reason = (struct gw_str){text + kind.len + id.len, reason.len};
    query->view_done = view_done;
    gw_journal_submit(port, &query->op);
    return query;
}

struct gw_desk_query *gw_desk_find(struct gw_journal_port *port, struct gw_str kind,
                                   struct gw_str id, gw_desk_view_fn view_done, void *user) {
    return ask(port, FIND, kind, id, GW_STR(""), view_done, user);
}

struct gw_desk_query *gw_desk_retry(struct gw_journal_port *port, struct gw_str kind,
                                    struct gw_str id, gw_desk_view_fn view_done, void *user) {
    return ask(port, RETRY, kind, id, GW_STR(""), view_done, user);
}

struct gw_desk_query *gw_desk_resolve(struct gw_journal_port *port, struct gw_str kind,
                                      struct gw_str id, struct gw_str reason,
                                      gw_desk_view_fn view_done, void *user) {
    return ask(port, RESOLVE, kind, id, reason, view_done, user);
}

struct gw_desk_query *gw_desk_list(struct gw_journal_port *port, bool unfinished_only, int64_t max,
                                   gw_desk_list_fn list_done, void *user) {
    struct gw_desk_query *query = new_query(LIST, user);
    query->unfinished_only = unfinished_only;
    query->max = max;
    query->list_done = list_done;
    gw_journal_submit(port, &query->op);
    return query;
}
