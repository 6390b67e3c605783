/* Whether a text is JSON, for those who are not in Lua: what is accepted here is exactly what
 * json_decode.c decodes, and errors are the same. */
#include "lua/json.h"
#include "lua/json_reader.h"

static bool check_value(struct gw_json_reader *r);

static bool check_number(struct gw_json_reader *r) {
    struct gw_json_number ignored;
    bool is_integer;
    return gw_json_take_number(r, &ignored, &is_integer);
}

static bool check_string(struct gw_json_reader *r) {
    struct gw_str ignored;
    bool has_escapes;
    return gw_json_take_string(r, &ignored, &has_escapes);
}

static bool check_member(struct gw_json_reader *r) {
    if (gw_json_peek(r) != '"')
        return gw_json_fail(r, r->next, "expected a string as key");
    return check_string(r) && gw_json_expect(r, ':', "expected ':'") && check_value(r);
}

static bool check_all(struct gw_json_reader *r, bool (*check)(struct gw_json_reader *r),
                      char bracket, const char *error) {
    if (!gw_json_enter(r, GW_JSON_MAX_DEPTH))
        return false;
    if (gw_json_peek(r) != bracket)
        do
            if (!check(r))
                return false;
        while (gw_json_accept(r, ','));
    return gw_json_leave(r, bracket, error);
}

static bool check_value(struct gw_json_reader *r) {
    int c = gw_json_peek(r);
    switch (c) {
    case '"':
        return check_string(r);
    case '{':
        return check_all(r, check_member, '}', "expected ',' or '}'");
    case '[':
        return check_all(r, check_value, ']', "expected ',' or ']'");
    case 't':
        return gw_json_read_word(r, "true");
    case 'f':
        return gw_json_read_word(r, "false");
    case 'n':
        return gw_json_read_word(r, "null");
    default:
        return c == '-' || (c >= '0' && c <= '9') ? check_number(r)
                                                  : gw_json_fail(r, r->next, "expected a value");
    }
}

bool gw_json_skip_value(struct gw_json_reader *r) {
    return check_value(r);
}

bool gw_json_check(struct gw_str text, struct gw_json_error *error) {
    struct gw_json_reader r = {.next = text.data, .end = text.data + text.len};
    if (gw_json_begin(&r) && check_value(&r) && gw_json_finish(&r))
        return true;
    *error = (struct gw_json_error){(size_t)(r.next - text.data), r.error};
    return false;
}
