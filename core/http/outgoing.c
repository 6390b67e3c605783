#include "http/outgoing.h"

#include "base/alloc.h"
#include "http/grammar.h"
#include "policy/retry.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_SIZE (16 * 1024) /* bytes */

/* --- What is asked --- */

/* How the body is framed is not for the caller to say: a second opinion in the fields is how
 * requests are smuggled. */
static bool is_sendable(struct gw_str field) {
    struct gw_str name, value;
    return gw_str_split(field, ':', &name, &value) && name.len < field.len &&
           gw_str_is_token(name) && gw_str_span(value, GW_CHAR_FIELD) == value.len &&
           !gw_str_equal_nocase(name, GW_STR("content-length")) &&
           !gw_str_equal_nocase(name, GW_STR("transfer-encoding"));
}

/* These say "Content-Length: 0" when they have no body (RFC 9110, 8.6). */
static bool expects_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static bool begin(struct gw_outgoing *outgoing, const struct gw_call_request *request) {
    const char *method = request->method;
    gw_buf_clear(&outgoing->text);
    outgoing->sends_body = request->has_body || expects_body(method);
    outgoing->is_head = strcmp(method, "HEAD") == 0;
    outgoing->is_idempotent = gw_retry_is_idempotent(method) && !request->forbids_repeat;
    return gw_str_is_token(gw_str_from(method));
}

/* --- A copy --- */

static void reserve(struct gw_outgoing *outgoing, const struct gw_call_request *request) {
    size_t size = request->body.len + 1;
    for (unsigned i = 0; i < request->n_fields; i++)
        size += request->fields[i].len + 1;
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
    if (!begin(outgoing, request))
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

/* --- As it goes over the wire --- */

static bool is_host(struct gw_str field) {
    return field.len > 4 && field.data[4] == ':' &&
           gw_str_equal_nocase((struct gw_str){field.data, 4}, GW_STR("host"));
}

/* False if it has more than one. */
static bool write_host(struct gw_buf *text, const struct gw_call_request *request,
                       struct gw_str authority) {
    unsigned n = 0;
    for (unsigned i = 0; i < request->n_fields; i++)
        n += is_host(request->fields[i]);
    if (n == 0) {
        gw_buf_append_str(text, GW_STR("Host: "));
        gw_buf_append_str(text, authority);
        gw_buf_append_str(text, GW_STR("\r\n"));
    }
    return n <= 1;
}

static bool write_fields(struct gw_buf *text, const struct gw_call_request *request) {
    for (unsigned i = 0; i < request->n_fields; i++) {
        if (!is_sendable(request->fields[i]))
            return false;
        gw_buf_append_str(text, request->fields[i]);
        gw_buf_append_str(text, GW_STR("\r\n"));
    }
    return true;
}

static void write_body(struct gw_buf *text, struct gw_str body) {
    gw_buf_append_str(text, GW_STR("Content-Length: "));
    gw_buf_append_int(text, (int64_t)body.len);
    gw_buf_append_str(text, GW_STR("\r\n\r\n"));
    gw_buf_append_str(text, body);
}

bool gw_outgoing_write(struct gw_outgoing *outgoing, const struct gw_call_request *request,
                       struct gw_str authority, const char *target) {
    struct gw_buf *text = &outgoing->text;
    if (!begin(outgoing, request))
        return false;
    gw_buf_append_str(text, gw_str_from(request->method));
    gw_buf_append_char(text, ' ');
    gw_buf_append_str(text, gw_str_from(target));
    gw_buf_append_str(text, GW_STR(" HTTP/1.1\r\n"));
    if (!write_host(text, request, authority) || !write_fields(text, request))
        return false;
    if (outgoing->sends_body)
        write_body(text, request->body);
    else
        gw_buf_append_str(text, GW_STR("\r\n"));
    return true;
}

/* --- Life --- */

void gw_outgoing_trim(struct gw_outgoing *outgoing) {
    if (outgoing->text.cap > KEPT_SIZE)
        gw_buf_fini(&outgoing->text);
}

void gw_outgoing_fini(struct gw_outgoing *outgoing) {
    gw_buf_fini(&outgoing->text);
    free(outgoing->lines);
}
