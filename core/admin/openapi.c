/* GET /admin/openapi.json: what can be asked here, for programs. */
#include "admin/admin_internal.h"

void gw_admin_openapi(const struct gw_admin_question *question) {
    struct gw_buf out = {0};
    const struct gw_embedded *file = gw_embedded_find(gw_admin_files, GW_STR("openapi.json"));
    gw_buf_append_str(&out, file->text);
    gw_admin_reply(question->exchange, GW_ADMIN_JSON, &out);
}
