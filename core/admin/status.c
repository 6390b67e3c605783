/* GET /admin/status: how it goes with the gateway as a whole. */
#include "admin/admin_internal.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/version.h"

#include <string.h>

static void append_failure(struct gw_buf *out, const struct gw_generations *generations) {
    gw_json_key(out, "failure");
    if (!generations->failure.is_set) {
        gw_json_null(out);
        return;
    }
    gw_json_open(out, '{');
    gw_json_member_time(out, "since", generations->failure.since_ms);
    gw_admin_append_faults(out, gw_buf_str(&generations->failure.errors));
    gw_json_close(out, '}');
}

void gw_admin_status(const struct gw_admin_question *question) {
    const struct gw_admin *admin = question->admin;
    const struct gw_generations *g = admin->parts.generations;
    struct gw_buf out = {0};
    gw_json_open(&out, '{');
    gw_json_member_str(&out, "version", gw_str_from(gw_version));
    gw_json_member_int(&out, "uptime_seconds", (gw_clock_ms() - admin->started_ms) / 1000);
    gw_json_member_int(&out, "workers", g->n_hosts);
    gw_json_key(&out, "live");
    gw_json_open(&out, '{');
    gw_admin_append_record(&out, gw_admin_live_record(admin));
    gw_json_close(&out, '}');
    gw_json_member_bool(&out, "disk_differs", strcmp(g->disk, g->live->sources->sha256) != 0);
    gw_json_member_bool(&out, "held", g->is_held);
    gw_json_member_bool(&out, "last_good", g->is_last_good);
    gw_json_member_bool(&out, "shutting_down", g->is_closed);
    append_failure(&out, g);
    gw_json_member_int(&out, "lua_states", (1 + (int64_t)g->n_retired) * g->n_hosts);
    gw_json_close(&out, '}');
    gw_admin_reply(question->exchange, GW_ADMIN_JSON, &out);
}
