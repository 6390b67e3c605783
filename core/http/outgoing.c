#include "http/outgoing.h"

#include "base/alloc.h"
#include "http/grammar.h"

#include <stdlib.h>

#define KEPT_SIZE (16 * 1024) /* bytes */

/* How the body is framed is for the transfer library to say: a second opinion in the fields is how
 * requests are smuggled. */
static bool is_sendable(struct gw_str field) {
    struct gw_str name, value;
    return gw_str_split(field, ':', &name, &value) && name.len < field.len &&
           gw_str_is_token(name) && gw_str_span(value, GW_CHAR_FIELD) == value.len &&
           !gw_str_equal_nocase(name, GW_STR("content-length")) &&
           !gw_str_equal_nocase(name, GW_STR("transfer-encoding"));
}

static void reserve(struct gw_outgoing *outgoing, const struct gw_call_request *request) {
    size_t size = request->body.len + 1;
    for (unsigned i = 0; i < request->n_fields; i++)
        size += request->fields[i].len + 1;
    gw_buf_clear(&outgoing->text);
    gw_buf_reserve(&outgoing->text, size);
    if (outgoing->cap_lines < request->n_fields) {
        outgoing->cap_lines = request->n_fields + 8;
        outgoing->lines =
            gw_realloc(outgoing->lines, outgoing->cap_lines * sizeof *outgoing->lines);
    }
}

/* Needs no room that is not reserved, so that what was copied before stays in place. */
static char *append(struct gw_buf *text, struct gw_str s) {
    char *copy = text->data + text->len;
    gw_buf_append_str(text, s);
    gw_buf_append_char(text, '\0');
    return copy;
}

bool gw_outgoing_copy(struct gw_outgoing *outgoing, const struct gw_call_request *request) {
    if (!gw_str_is_token(gw_str_from(request->method)))
        return false;
    reserve(outgoing, request);
    outgoing->n_lines = 0;
    for (unsigned i = 0; i < request->n_fields; i++) {
        if (!is_sendable(request->fields[i]))
            return false;
        outgoing->lines[outgoing->n_lines++] = append(&outgoing->text, request->fields[i]);
    }
    outgoing->body.data = append(&outgoing->text, request->body);
    outgoing->body.len = request->body.len;
    return true;
}

void gw_outgoing_trim(struct gw_outgoing *outgoing) {
    if (outgoing->text.cap > KEPT_SIZE)
        gw_buf_fini(&outgoing->text);
}

void gw_outgoing_fini(struct gw_outgoing *outgoing) {
    gw_buf_fini(&outgoing->text);
    free(outgoing->lines);
}
