#include "admin/query.h"

#include "admin/words.h"

#include <inttypes.h>
#include <string.h>

void gw_query_fini(struct gw_query *query) {
    gw_buf_fini(&query->decoded);
    gw_buf_fini(&query->complaint);
}

static bool complain(struct gw_query *query, struct gw_str name, const char *reason) {
    gw_buf_printf(&query->complaint, "%.*s: %s", GW_STR_ARG(name), reason);
    return false;
}

/* --- Reading --- */

/* The byte that the text starts with, and how long it is there; -1: a broken escape. */
static int decode_byte(struct gw_str text, size_t *len) {
    *len = 1;
    if (*text.data == '+')
        return ' ';
    if (*text.data != '%')
        return (unsigned char)*text.data;
    *len = 3;
    int high = text.len < 3 ? -1 : gw_hex_value(text.data[1]);
    int low = text.len < 3 ? -1 : gw_hex_value(text.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* There is room for it: decoded text is never longer, and must not move. */
static bool decode(struct gw_query *query, struct gw_str raw, struct gw_str *out) {
    out->data = query->decoded.data + query->decoded.len;
    for (size_t len; raw.len; raw = (struct gw_str){raw.data + len, raw.len - len}) {
        int byte = decode_byte(raw, &len);
        if (byte <= 0) /* a NUL has no place in a text */
            return false;
        query->decoded.data[query->decoded.len++] = (char)byte;
    }
    out->len = (size_t)(query->decoded.data + query->decoded.len - out->data);
    return true;
}

static const struct gw_str *find(const struct gw_query *query, struct gw_str name) {
    for (unsigned i = 0; i < query->n_items; i++)
        if (gw_str_equal(query->items[i].name, name))
            return &query->items[i].value;
    return NULL;
}

static bool read_item(struct gw_query *query, struct gw_str item, const char *known) {
    struct gw_str raw_name = {"", 0}, raw_value = {"", 0}, name, value;
    gw_str_split(item, '=', &raw_name, &raw_value);
    if (!decode(query, raw_name, &name))
        return complain(query, raw_name, "has a broken escape");
    if (!gw_words_have(known, name))
        return complain(query, name, "there is no such parameter");
    if (find(query, name))
        return complain(query, name, "is there twice");
    if (!decode(query, raw_value, &value))
        return complain(query, name, "has a broken escape");
    query->items[query->n_items].name = name;
    query->items[query->n_items++].value = value;
    return true;
}

/* Names are known and different, so there are never more than the table of calls has for one. */
bool gw_query_read(struct gw_query *query, struct gw_str raw, const char *known) {
    struct gw_str item;
    gw_buf_reserve(&query->decoded, raw.len + 1);
    while (query->n_items < GW_QUERY_MAX_ITEMS && gw_str_split(raw, '&', &item, &raw))
        if (item.len && !read_item(query, item, known))
            return false;
    return true;
}

/* --- Values --- */

bool gw_query_text(const struct gw_query *query, const char *name, struct gw_str *out) {
    const struct gw_str *value = find(query, gw_str_from(name));
    if (value && value->len)
        *out = *value;
    return true;
}

bool gw_query_number(struct gw_query *query, const char *name, uint64_t min, uint64_t max,
                     uint64_t *out) {
    struct gw_str text = {"", 0};
    uint64_t number;
    gw_query_text(query, name, &text);
    if (text.len == 0)
        return true;
    if (!gw_str_to_u64(text, max, &number) || number < min) {
        gw_buf_printf(&query->complaint, "%s: must be a number from %" PRIu64 " to %" PRIu64, name,
                      min, max);
        return false;
    }
    *out = number;
    return true;
}

bool gw_query_choice(struct gw_query *query, const char *name, const char *const *words, int *out) {
    struct gw_str text = {"", 0};
    gw_query_text(query, name, &text);
    if (text.len == 0)
        return true;
    for (int i = 0; words[i]; i++) {
        if (gw_str_equal(text, gw_str_from(words[i]))) {
            *out = i;
            return true;
        }
    }
    gw_buf_printf(&query->complaint, "%s: must be ", name);
    gw_words_append(&query->complaint, words);
    return false;
}

bool gw_query_flag(struct gw_query *query, const char *name, bool *out) {
    static const char *const words[] = {"false", "true", NULL};
    int index = find(query, gw_str_from(name)) ? true : *out;
    bool ok = gw_query_choice(query, name, words, &index);
    *out = index;
    return ok;
}
