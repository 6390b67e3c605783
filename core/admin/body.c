#include "admin/body.h"

#include "admin/words.h"
#include "lua/json_reader.h"

#include <inttypes.h>

#define MAX_TOLD 100 /* bytes of a name that is not known */

void gw_body_fini(struct gw_body *body) {
    gw_buf_fini(&body->complaint);
}

static bool complain(struct gw_body *body, struct gw_str name, const char *reason) {
    if (name.len > MAX_TOLD)
        name.len = MAX_TOLD;
    gw_buf_printf(&body->complaint, "%.*s: %s", GW_STR_ARG(name), reason);
    return false;
}

/* --- Reading --- */

static const struct gw_str *find(const struct gw_body *body, struct gw_str name) {
    for (unsigned i = 0; i < body->n_members; i++)
        if (gw_str_equal(body->members[i].name, name))
            return &body->members[i].value;
    return NULL;
}

/* Once a member makes no sense the others are read no less: the text may not be JSON at all. */
static void take(struct gw_body *body, struct gw_str name, struct gw_str value, const char *known) {
    if (body->complaint.len) {
        return;
    } else if (!gw_words_have(known, name)) {
        complain(body, name, "there is no such member");
    } else if (find(body, name)) {
        complain(body, name, "is there twice");
    } else if (body->n_members < GW_BODY_MAX_MEMBERS) {
        body->members[body->n_members].name = name;
        body->members[body->n_members++].value = value;
    }
}

static bool read_member(struct gw_body *body, struct gw_json_reader *r, const char *known) {
    struct gw_str name;
    bool ignored;
    if (gw_json_peek(r) != '"')
        return gw_json_fail(r, r->next, "expected a string as key");
    if (!gw_json_take_string(r, &name, &ignored) || !gw_json_expect(r, ':', "expected ':'"))
        return false;
    gw_json_peek(r);
    const char *value = r->next;
    if (!gw_json_skip_value(r))
        return false;
    take(body, name, (struct gw_str){value, (size_t)(r->next - value)}, known);
    return true;
}

static bool read_object(struct gw_body *body, struct gw_json_reader *r, const char *known) {
    if (!gw_json_begin(r) || !gw_json_expect(r, '{', "expected an object"))
        return false;
    if (gw_json_accept(r, '}'))
        return gw_json_finish(r);
    do
        if (!read_member(body, r, known))
            return false;
    while (gw_json_accept(r, ','));
    return gw_json_expect(r, '}', "expected ',' or '}'") && gw_json_finish(r);
}

bool gw_body_read(struct gw_body *body, struct gw_str text, const char *known) {
    struct gw_json_reader r = {.next = text.data, .end = text.data + text.len};
    body->is_object = text.len == 0 || read_object(body, &r, known);
    if (body->is_object)
        return body->complaint.len == 0;
    gw_buf_clear(&body->complaint);
    gw_buf_printf(&body->complaint, "the body is not a JSON object: byte %zu: %s",
                  (size_t)(r.next - text.data), r.error);
    return false;
}

/* --- Values --- */

static bool is_string(struct gw_str value) {
    return value.data[0] == '"';
}

bool gw_body_text(struct gw_body *body, const char *name, size_t max, struct gw_buf *out) {
    const struct gw_str *value = find(body, gw_str_from(name));
    if (!value)
        return complain(body, gw_str_from(name), "is missing");
    if (!is_string(*value) || value->len == 2)
        return complain(body, gw_str_from(name), "must be a text");
    struct gw_str raw = {value->data + 1, value->len - 2};
    char *to = gw_buf_reserve(out, raw.len);
    size_t len = (size_t)(gw_json_unescape(raw, to) - to);
    out->len += len <= max ? len : 0;
    return len <= max || complain(body, gw_str_from(name), "is too long");
}

bool gw_body_number(struct gw_body *body, const char *name, uint64_t min, uint64_t max,
                    uint64_t *out) {
    const struct gw_str *value = find(body, gw_str_from(name));
    uint64_t number;
    if (!value)
        return true;
    if (!gw_str_to_u64(*value, max, &number) || number < min) {
        gw_buf_printf(&body->complaint, "%s: must be a number from %" PRIu64 " to %" PRIu64, name,
                      min, max);
        return false;
    }
    *out = number;
    return true;
}

bool gw_body_complain(struct gw_body *body, const char *name, const char *reason) {
    return complain(body, gw_str_from(name), reason);
}
