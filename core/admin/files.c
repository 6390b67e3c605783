#include "admin/files.h"

#include "admin/admin_internal.h"

#include "base/sha256.h"

#include <string.h>

#define FOLDER   "dashboard/"
#define TAG_SIZE 16 /* digits of the sum, which tell versions from each other */

/* Scripts and styles from here and nowhere else, none of them inline; not to be framed. */
static const char *const policy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cache-Control: no-cache\r\n";

const struct gw_embedded *gw_admin_find_file(struct gw_str path) {
    if (gw_str_equal(path, GW_STR("/")))
        return gw_embedded_find(gw_admin_files, GW_STR(FOLDER "index.html"));
    if (path.len <= sizeof FOLDER || memcmp(path.data + 1, FOLDER, sizeof FOLDER - 1) != 0)
        return NULL;
    return gw_embedded_find(gw_admin_files, (struct gw_str){path.data + 1, path.len - 1});
}

static const char *type_of(const char *name) {
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(ending, types[i][0]) == 0)
            return types[i][1];
    return "text/plain; charset=utf-8";
}

static void write_tag(char tag[TAG_SIZE + 3], struct gw_str text) {
    char sum[GW_SHA256_TEXT_SIZE];
    struct gw_sha256 hash;
    gw_sha256_init(&hash);
    gw_sha256_add(&hash, text.data, text.len);
    gw_sha256_text(&hash, sum);
    tag[0] = tag[TAG_SIZE + 1] = '"';
    memcpy(tag + 1, sum, TAG_SIZE);
    tag[TAG_SIZE + 2] = '\0';
}

static bool has_it(const struct gw_message *message, const char *tag) {
    struct gw_str tags;
    return gw_message_find(message, GW_STR("if-none-match"), &tags) &&
           memmem(tags.data, tags.len, tag, strlen(tag)) != NULL;
}

static void refuse_method(struct gw_exchange *exchange) {
    struct gw_reply reply = {0};
    gw_exchange_make_problem(exchange, &reply, 405, "this path has no such method");
    gw_buf_append_str(&reply.fields, GW_STR("Allow: GET, HEAD\r\n"));
    gw_exchange_reply(exchange, &reply);
}

void gw_admin_answer_file(struct gw_exchange *exchange, const struct gw_embedded *file) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_str method = gw_message_method(message);
    struct gw_reply reply = {.status = 200};
    char tag[TAG_SIZE + 3];
    if (!gw_str_equal(method, GW_STR("GET")) && !gw_str_equal(method, GW_STR("HEAD"))) {
        refuse_method(exchange);
        return;
    }
    write_tag(tag, file->text);
    gw_buf_printf(&reply.fields, "%sETag: %s\r\n", policy, tag);
    if (has_it(message, tag)) {
        reply.status = 304;
    } else {
        gw_buf_printf(&reply.fields, "Content-Type: %s\r\n", type_of(file->name));
        gw_buf_append_str(&reply.body, file->text);
    }
    gw_exchange_reply(exchange, &reply);
}
