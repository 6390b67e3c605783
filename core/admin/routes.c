/* GET /admin/routes: the live ones, in the order in which the scripts declare them. */
#include "admin/admin_internal.h"
#include "admin/readings.h"

#include "base/json_write.h"

#include <inttypes.h>
#include <string.h>

/* What a state's scripts declared does not change, so the control thread may read it. */
static const struct gw_state *live_state(const struct gw_admin *admin) {
    return admin->parts.generations->live->states[0];
}

/* "routes/products.lua:12" is a file and a line; what is not declared in a file has neither. */
static void append_place(struct gw_buf *out, struct gw_str where) {
    struct gw_str file = where;
    uint64_t line = 0;
    const char *colon = memrchr(where.data, ':', where.len);
    if (colon) {
        file.len = (size_t)(colon - where.data);
        gw_str_to_u64((struct gw_str){colon + 1, where.len - file.len - 1}, INT32_MAX, &line);
    }
    gw_json_member_str(out, "file", file);
    gw_json_member_int(out, "line", (int64_t)line);
}

static void append_route(struct gw_buf *out, const struct gw_route *route) {
    struct gw_meter_reading counted = gw_reading_of(GW_METER_ROUTE, gw_str_from(route->label));
    gw_json_open(out, '{');
    gw_json_member_str(out, "route", gw_str_from(route->label));
    append_place(out, gw_str_from(route->where));
    gw_json_member_int(out, "deadline_ms", route->deadline_ms);
    gw_json_member_int(out, "max_body", (int64_t)route->max_body);
    gw_json_member_int(out, "requests", (int64_t)counted.count);
    gw_json_member_int(out, "errors", (int64_t)counted.errors);
    gw_reading_append_latencies(out, &counted);
    gw_json_close(out, '}');
}

static void append_row(struct gw_buf *out, const struct gw_route *route) {
    struct gw_meter_reading counted = gw_reading_of(GW_METER_ROUTE, gw_str_from(route->label));
    gw_buf_printf(out, "%-40s  ", route->label);
    gw_reading_append_columns(out, &counted);
    gw_buf_printf(out, "  %8.1f s  %10" PRIu64 "  %s\n", (double)route->deadline_ms / 1000,
                  route->max_body, route->where);
}

static void append_table(struct gw_buf *out, const struct gw_state *state) {
    gw_buf_printf(out, "%-40s  %s  %10s  %10s  %s\n", "ROUTE", GW_READING_TITLES, "DEADLINE",
                  "MAX BODY", "WHERE");
    for (unsigned i = 0; i < state->n_routes; i++)
        append_row(out, &state->routes[i]);
}

static void append_list(struct gw_buf *out, const struct gw_admin *admin) {
    const struct gw_state *state = live_state(admin);
    gw_json_open(out, '{');
    gw_json_member_int(out, "generation", admin->parts.generations->live->number);
    gw_json_key(out, "routes");
    gw_json_open(out, '[');
    for (unsigned i = 0; i < state->n_routes; i++)
        append_route(out, &state->routes[i]);
    gw_json_close(out, ']');
    gw_json_close(out, '}');
}

void gw_admin_routes(const struct gw_admin_question *question) {
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(question->exchange);
    if (text)
        append_table(&out, live_state(question->admin));
    else
        append_list(&out, question->admin);
    gw_admin_reply(question->exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}
