#include "http/cors.h"

#include "http/grammar.h"

static bool list_has(struct gw_str list, struct gw_str wanted) {
    struct gw_str item;
    while (gw_str_split(list, ',', &item, &list))
        if (gw_str_equal(gw_str_trim(item), wanted))
            return true;
    return false;
}

static void append(struct gw_buf *fields, const char *text) {
    gw_buf_append_str(fields, gw_str_from(text));
}

bool gw_cors_is_preflight(const struct gw_message *request) {
    struct gw_str value;
    return gw_str_equal(gw_message_method(request), GW_STR("OPTIONS")) &&
           gw_message_find(request, GW_STR("origin"), &value) &&
           gw_message_find(request, GW_STR("access-control-request-method"), &value);
}

void gw_cors_append(struct gw_buf *fields, struct gw_str allowed,
                    const struct gw_message *request) {
    struct gw_str origin;
    bool is_open = list_has(allowed, GW_STR("*"));
    if (allowed.len == 0)
        return;
    if (!is_open)
        append(fields, "Vary: Origin\r\n");
    if (!gw_message_find(request, GW_STR("origin"), &origin) || origin.len == 0 ||
        (!is_open && !list_has(allowed, origin)))
        return;
    append(fields, "Access-Control-Allow-Origin: ");
    gw_buf_append_str(fields, is_open ? GW_STR("*") : origin);
    append(fields, is_open ? "\r\n" : "\r\nAccess-Control-Allow-Credentials: true\r\n");
    append(fields, "Access-Control-Expose-Headers: X-Correlation-ID\r\n");
}

/* A list of field names, as a browser sends it; anything else is not echoed. */
static bool is_name_list(struct gw_str list) {
    struct gw_str name;
    while (gw_str_split(list, ',', &name, &list))
        if (!gw_str_is_token(gw_str_trim(name)))
            return false;
    return true;
}

void gw_cors_append_preflight(struct gw_buf *fields, struct gw_str allowed,
                              const struct gw_message *request) {
    struct gw_str origin, names;
    if (!gw_message_find(request, GW_STR("origin"), &origin) ||
        (!list_has(allowed, GW_STR("*")) && !list_has(allowed, origin)))
        return;
    append(fields, "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
                   "Access-Control-Max-Age: 600\r\n");
    if (!gw_message_find(request, GW_STR("access-control-request-headers"), &names) ||
        names.len == 0 || !is_name_list(names))
        return;
    append(fields, "Access-Control-Allow-Headers: ");
    gw_buf_append_str(fields, names);
    append(fields, "\r\n");
}
