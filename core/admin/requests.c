/* Admin calls about the last requests, of all workers:
 *
 *     GET /admin/requests      the newest first: ?correlation_id= ?route= ?status= ?min_ms= ?limit=
 *     GET /admin/requests/ID   one, with all that is recorded of it */
#include "admin/requests.h"

#include "admin/admin_internal.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 100
#define MAX_LIMIT     1000
#define DAY_MS        UINT64_C(86400000)

struct wanted {
    struct gw_str correlation_id, route, id; /* empty: any */
    unsigned status_from, status_to;         /* 0: any */
    uint64_t min_ms, limit;
};

struct found {
    struct gw_recent_entry *entries; /* owned, with a reader of each record */
    size_t n, room;
};

/* --- what is wanted --- */

/* "502" or "5xx". */
static bool read_status(struct gw_query *query, struct wanted *wanted) {
    struct gw_str text = {"", 0};
    uint64_t status;
    gw_query_text(query, "status", &text);
    if (text.len == 0)
        return true;
    if (text.len == 3 && text.data[0] >= '1' && text.data[0] <= '5' &&
        gw_str_equal_nocase((struct gw_str){text.data + 1, 2}, GW_STR("xx"))) {
        wanted->status_from = (unsigned)(text.data[0] - '0') * 100;
        wanted->status_to = wanted->status_from + 99;
        return true;
    }
    if (gw_str_to_u64(text, 599, &status) && status >= 100) {
        wanted->status_from = wanted->status_to = (unsigned)status;
        return true;
    }
    gw_buf_printf(&query->complaint, "status: must be a number from 100 to 599, or one as 5xx");
    return false;
}

static bool read_wanted(struct gw_query *query, struct wanted *wanted) {
    *wanted = (struct wanted){
        .correlation_id = {"", 0}, .route = {"", 0}, .id = {"", 0}, .limit = DEFAULT_LIMIT};
    gw_query_text(query, "correlation_id", &wanted->correlation_id);
    gw_query_text(query, "route", &wanted->route);
    return read_status(query, wanted) &&
           gw_query_number(query, "min_ms", 0, DAY_MS, &wanted->min_ms) &&
           gw_query_number(query, "limit", 1, MAX_LIMIT, &wanted->limit);
}

static bool is_text(const struct gw_trace *trace, uint16_t text, struct gw_str wanted) {
    return !wanted.len || gw_str_equal(gw_str_from(gw_trace_text(trace, text)), wanted);
}

static bool is_id(const struct gw_trace *trace, struct gw_str wanted) {
    char id[GW_SPAN_ID_SIZE];
    if (!wanted.len)
        return true;
    gw_span_id_text(trace->spans[GW_SPAN_ROOT].id, id);
    return gw_str_equal(gw_str_from(id), wanted);
}

static bool is_wanted(const struct gw_trace *trace, const struct wanted *wanted) {
    bool status = !wanted->status_from ||
                  (trace->status >= wanted->status_from && trace->status <= wanted->status_to);
    return status && gw_trace_duration_us(trace) >= wanted->min_ms * 1000 &&
           is_text(trace, trace->correlation_id, wanted->correlation_id) &&
           is_text(trace, trace->route, wanted->route) && is_id(trace, wanted->id);
}

/* --- finding it --- */

static void add(struct found *found, const struct gw_recent_entry *entry) {
    if (found->n == found->room) {
        found->room = found->room ? found->room * 2 : 64;
        found->entries = gw_realloc(found->entries, found->room * sizeof *found->entries);
    }
    gw_trace_ref(entry->trace);
    found->entries[found->n++] = *entry;
}

static void add_of(struct found *found, struct gw_recent *recent, const struct wanted *wanted) {
    size_t n;
    struct gw_recent_entry *all = gw_recent_all(recent, gw_clock_us(), &n);
    for (size_t i = 0; i < n; i++)
        if (is_wanted(all[i].trace, wanted))
            add(found, &all[i]);
    gw_recent_release(all, n);
}

static int newest_first(const void *a, const void *b) {
    const struct gw_recent_entry *left = a, *right = b;
    int64_t l = left->trace->started_us, r = right->trace->started_us;
    return l != r ? (l > r ? -1 : 1) : 0;
}

static struct found find(const struct gw_admin *admin, const struct wanted *wanted) {
    const struct gw_admin_parts *parts = &admin->parts;
    struct found found = {0};
    for (unsigned i = 0; i < parts->settings->workers; i++)
        add_of(&found, parts->recent(parts->user, i), wanted);
    if (found.n)
        qsort(found.entries, found.n, sizeof *found.entries, newest_first);
    return found;
}

/* --- answers --- */

static void append_json(const struct found *found, size_t n, struct gw_buf *body) {
    gw_json_open(body, '{');
    gw_json_key(body, "requests");
    gw_json_open(body, '[');
    for (size_t i = 0; i < n; i++)
        gw_request_row_json(&found->entries[i], body);
    gw_json_close(body, ']');
    gw_json_close(body, '}');
}

void gw_admin_requests(const struct gw_admin_question *question) {
    bool as_text = gw_admin_wants_text(question->exchange);
    struct gw_buf body = {0};
    struct wanted wanted;
    if (!read_wanted(question->query, &wanted)) {
        gw_admin_refuse_query(question);
        return;
    }
    struct found found = find(question->admin, &wanted);
    size_t n = found.n < wanted.limit ? found.n : (size_t)wanted.limit;
    for (size_t i = 0; as_text && i < n; i++)
        gw_request_row_text(&found.entries[i], &body);
    if (!as_text)
        append_json(&found, n, &body);
    gw_recent_release(found.entries, found.n);
    gw_admin_reply(question->exchange, as_text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &body);
}

void gw_admin_request(const struct gw_admin_question *question) {
    bool as_text = gw_admin_wants_text(question->exchange);
    struct gw_buf body = {0};
    struct wanted wanted = {.correlation_id = {"", 0}, .route = {"", 0}, .id = question->param};
    struct found found = find(question->admin, &wanted);
    if (found.n == 0) {
        gw_admin_refuse(question->exchange, 404, "no such request is kept, or not any more");
    } else {
        if (as_text)
            gw_request_text(&found.entries[0], &body);
        else
            gw_request_json(&found.entries[0], &body);
        gw_admin_reply(question->exchange, as_text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &body);
    }
    gw_recent_release(found.entries, found.n);
}
