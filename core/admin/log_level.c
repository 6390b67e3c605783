/* The log's level, which may change while the gateway runs: to see more of what is going on, and
 * then no more. It is not kept: the next start has that of the settings. */
#include "admin/admin_internal.h"

#include "base/json_write.h"

#define MAX_LEVEL 10 /* bytes of its name */

static void reply_level(struct gw_exchange *exchange) {
    struct gw_buf out = {0};
    bool text = gw_admin_wants_text(exchange);
    const char *level = gw_log_level_name(gw_log_level());
    if (text) {
        gw_buf_printf(&out, "%s\n", level);
    } else {
        gw_json_open(&out, '{');
        gw_json_member_str(&out, "level", gw_str_from(level));
        gw_json_close(&out, '}');
    }
    gw_admin_reply(exchange, text ? GW_ADMIN_TEXT : GW_ADMIN_JSON, &out);
}

void gw_admin_log_level(const struct gw_admin_question *question) {
    reply_level(question->exchange);
}

/* Written whatever the level is, as the only thing that tells why lines end or begin there. */
static void log_change(const struct gw_admin_question *question, enum gw_log_level from,
                       enum gw_log_level to) {
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "an operator sets the log level");
    gw_log_str(line, "who", GW_STR("admin"));
    gw_log_str(line, "client", gw_exchange_client(question->exchange));
    gw_log_str(line, "correlation_id", gw_exchange_id(question->exchange));
    gw_log_str(line, "from", gw_str_from(gw_log_level_name(from)));
    gw_log_str(line, "to", gw_str_from(gw_log_level_name(to)));
    gw_log_end(line);
}

static bool read_level(const struct gw_admin_question *question, enum gw_log_level *out) {
    struct gw_buf name = {0};
    bool ok = gw_body_text(question->body, "level", MAX_LEVEL, &name);
    if (ok && !gw_log_level_from(gw_buf_str(&name), out))
        ok = gw_body_complain(question->body, "level", "must be debug, info, warn or error");
    gw_buf_fini(&name);
    return ok;
}

void gw_admin_set_log_level(const struct gw_admin_question *question) {
    enum gw_log_level from = gw_log_level(), to;
    if (!read_level(question, &to)) {
        gw_admin_refuse_body(question);
        return;
    }
    gw_log_set_level(to);
    if (from != to)
        log_change(question, from, to);
    reply_level(question->exchange);
}
