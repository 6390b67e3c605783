/* Admin calls about the scripts: which are live and since when, what is wrong with those on disk,
 * and how to replace them. */
#include "admin/admin_internal.h"

#include "admin/excerpt.h"
#include "base/clock.h"
#include "base/diff.h"
#include "base/fault.h"
#include "base/json_write.h"

#include <string.h>

#define SHORT_SUM 12 /* digits, for people */

const struct gw_record *gw_admin_live_record(const struct gw_admin *admin) {
    const struct gw_history *history = &admin->parts.generations->history;
    return &history->records[history->n - 1];
}

/* --- What is wrong --- */

static void append_fault(struct gw_buf *out, const struct gw_fault *fault,
                         const struct gw_sources *sources) {
    gw_json_open(out, '{');
    if (fault->file.len)
        gw_json_member_str(out, "file", fault->file);
    if (fault->line)
        gw_json_member_int(out, "line", fault->line);
    if (fault->column)
        gw_json_member_int(out, "column", fault->column);
    gw_json_member_str(out, "message", fault->message);
    gw_excerpt_append(out, sources, fault);
    gw_json_close(out, '}');
}

void gw_admin_append_faults(struct gw_buf *out, struct gw_str errors,
                            const struct gw_sources *sources) {
    struct gw_fault fault;
    gw_json_key(out, "errors");
    gw_json_open(out, '[');
    while (gw_fault_next(&errors, &fault))
        append_fault(out, &fault, sources);
    gw_json_close(out, ']');
}

/* --- GET /admin/generations --- */

void gw_admin_append_record(struct gw_buf *out, const struct gw_record *record) {
    gw_json_member_int(out, "generation", record->number);
    gw_json_member_time(out, "live_at", record->live_at_ms);
    gw_json_member_str(out, "origin", gw_str_from(record->origin));
    gw_json_member_str(out, "sha256", gw_str_from(record->sources->sha256));
    gw_json_member_int(out, "routes", record->n_routes);
}

/* Of one that is freed there is nothing in work. */
static unsigned flows_of(const struct gw_admin *admin, unsigned number) {
    const struct gw_generation *generation = gw_generations_find(admin->parts.generations, number);
    return generation ? gw_generation_flows(generation) : 0;
}

static void append_generation(struct gw_buf *out, const struct gw_admin *admin,
                              const struct gw_record *record) {
    bool is_live = record == gw_admin_live_record(admin);
    gw_json_open(out, '{');
    gw_admin_append_record(out, record);
    gw_json_member_bool(out, "live", is_live);
    gw_json_member_bool(out, "held", is_live && admin->parts.generations->is_held);
    gw_json_member_int(out, "in_work", flows_of(admin, record->number));
    gw_json_close(out, '}');
}

static void append_row(struct gw_buf *out, const struct gw_admin *admin,
                       const struct gw_record *record) {
    char time[GW_CLOCK_TEXT_SIZE];
    bool is_live = record == gw_admin_live_record(admin);
    gw_clock_text(record->live_at_ms, time);
    gw_buf_printf(out, "%-10u  %.19sZ  %-18s  %6u  %.*s  %7u%s\n", record->number, time,
                  record->origin, record->n_routes, SHORT_SUM, record->sources->sha256,
                  flows_of(admin, record->number),
                  !is_live                            ? ""
                  : admin->parts.generations->is_held ? "  live, held until the files change"
                                                      : "  live");
}

static void append_table(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_history *history = &admin->parts.generations->history;
    gw_buf_printf(out, "%-10s  %-20s  %-18s  %6s  %-*s  %7s\n", "GENERATION", "LIVE SINCE", "BY",
                  "ROUTES", SHORT_SUM, "SHA256", "IN WORK");
    for (unsigned i = history->n; i-- > 0;)
        append_row(out, admin, &history->records[i]);
}

static void append_list(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_history *history = &admin->parts.generations->history;
    gw_json_open(out, '{');
    gw_json_key(out, "generations");
    gw_json_open(out, '[');
    for (unsigned i = history->n; i-- > 0;)
        append_generation(out, admin, &history->records[i]);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

void gw_admin_generations(const struct gw_admin_question *question) {
    const struct gw_admin *admin = question->admin;
    struct gw_exchange *exchange = question->exchange;
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(exchange);
    gw_generations_reap(admin->parts.generations);
    if (text)
        append_table(&out, admin);
    else
        append_list(&out, admin);
    gw_admin_reply(exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

/* --- GET /admin/generations/N/diff --- */

static void append_diff(struct gw_buf *out, unsigned old_number, const struct gw_source *old,
                        unsigned new_number, const struct gw_source *new) {
    struct gw_buf old_name = {0}, new_name = {0};
    if (old)
        gw_buf_printf(&old_name, "generation %u/%s", old_number, old->path);
    if (new)
        gw_buf_printf(&new_name, "generation %u/%s", new_number, new->path);
    gw_buf_append_char(&old_name, '\0');
    gw_buf_append_char(&new_name, '\0');
    gw_diff(out, old ? old_name.data : "/dev/null", old ? gw_buf_str(&old->text) : GW_STR(""),
            new ? new_name.data : "/dev/null", new ? gw_buf_str(&new->text) : GW_STR(""));
    gw_buf_fini(&old_name);
    gw_buf_fini(&new_name);
}

/* Both lists are sorted by path. */
static void append_diffs(struct gw_buf *out, const struct gw_record *a, const struct gw_record *b) {
    const struct gw_sources *old = a->sources, *new = b->sources;
    for (size_t i = 0, k = 0; i < old->n || k < new->n;) {
        int order = i == old->n   ? 1
                    : k == new->n ? -1
                                  : strcmp(old->items[i].path, new->items[k].path);
        append_diff(out, a->number, order <= 0 ? &old->items[i] : NULL, b->number,
                    order >= 0 ? &new->items[k] : NULL);
        i += order <= 0;
        k += order >= 0;
    }
}

void gw_admin_diff(const struct gw_admin_question *question) {
    const struct gw_admin *admin = question->admin;
    struct gw_exchange *exchange = question->exchange;
    uint64_t number = 0;
    gw_str_to_u64(question->param, UINT32_MAX, &number); /* 0 is none */
    const struct gw_record *record =
        gw_history_find(&admin->parts.generations->history, (unsigned)number);
    struct gw_buf out = {0};
    if (!record) {
        gw_admin_refuse(exchange, 404, "there is no such generation, or not any more");
        return;
    }
    append_diffs(&out, record, gw_admin_live_record(admin));
    gw_admin_reply(exchange, GW_ADMIN_TEXT, &out);
}

/* --- POST /admin/reload and /admin/rollback --- */

static void reply_live(struct gw_admin *admin, struct gw_exchange *exchange) {
    const struct gw_record *record = gw_admin_live_record(admin);
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(exchange);
    if (text) {
        gw_buf_printf(&out, "generation %u is live: %s, %u routes, sha256 %.*s\n", record->number,
                      record->origin, record->n_routes, SHORT_SUM, record->sources->sha256);
    } else {
        gw_json_open(&out, '{');
        gw_admin_append_record(&out, record);
        gw_json_member_bool(&out, "held", admin->parts.generations->is_held);
        gw_json_close(&out, '}');
    }
    gw_admin_reply(exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

/* The lines as they are for people; else as members of the problem. */
static void reply_broken(struct gw_admin *admin, struct gw_exchange *exchange,
                         const struct gw_buf *errors) {
    struct gw_reply reply = {.status = 422};
    if (gw_admin_wants_text(exchange)) {
        gw_buf_printf(&reply.fields, "Content-Type: %s\r\n", GW_ADMIN_TEXT);
        gw_buf_printf(&reply.body, "%.*s\ngeneration %u goes on\n", GW_STR_ARG(gw_buf_str(errors)),
                      admin->parts.generations->live->number);
    } else {
        gw_exchange_make_problem(exchange, &reply, 422, "the scripts cannot be loaded");
        reply.body.len--; /* the bracket, since there is more to say */
        gw_json_member_int(&reply.body, "generation", admin->parts.generations->live->number);
        gw_admin_append_faults(&reply.body, gw_buf_str(errors), NULL);
        gw_json_close(&reply.body, '}');
    }
    gw_exchange_reply(exchange, &reply);
}

static void reply_outcome(struct gw_admin *admin, struct gw_exchange *exchange,
                          enum gw_reload outcome, struct gw_buf *errors) {
    if (outcome == GW_RELOAD_DONE) {
        reply_live(admin, exchange);
    } else if (outcome == GW_RELOAD_BROKEN) {
        reply_broken(admin, exchange, errors);
    } else {
        gw_buf_append_char(errors, '\0');
        gw_admin_refuse(exchange, outcome == GW_RELOAD_BUSY ? 503 : 404, errors->data);
    }
    gw_buf_fini(errors);
}

void gw_admin_reload(const struct gw_admin_question *question) {
    struct gw_admin *admin = question->admin;
    struct gw_buf errors = {0};
    enum gw_reload outcome = gw_generations_reload(admin->parts.generations, "admin", &errors);
    reply_outcome(admin, question->exchange, outcome, &errors);
}

void gw_admin_roll_back(const struct gw_admin_question *question) {
    struct gw_admin *admin = question->admin;
    struct gw_buf errors = {0};
    uint64_t number = 0; /* the last that differs */
    if (!gw_body_number(question->body, "generation", 1, UINT32_MAX, &number)) {
        gw_admin_refuse_body(question);
        return;
    }
    enum gw_reload outcome =
        gw_generations_roll_back(admin->parts.generations, (unsigned)number, &errors);
    reply_outcome(admin, question->exchange, outcome, &errors);
}
