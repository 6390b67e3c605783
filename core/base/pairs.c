#include "base/pairs.h"

static bool decode(struct gw_str text, struct gw_buf *out) {
    gw_buf_clear(out);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? gw_hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? gw_hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        gw_buf_append_char(out, c);
    }
    return true;
}

static bool read_pair(struct gw_str member, struct gw_str *key, struct gw_buf *value) {
    struct gw_str encoded, properties;
    gw_str_split(member, '=', key, &encoded);
    bool has_sign = key->len < member.len;
    *key = gw_str_trim(*key);
    gw_str_split(encoded, ';', &encoded, &properties);
    return has_sign && key->len && decode(gw_str_trim(encoded), value);
}

bool gw_pairs_next(struct gw_str *rest, struct gw_str *key, struct gw_buf *value) {
    struct gw_str before = *rest, member;
    while (gw_str_split(*rest, ',', &member, rest)) {
        member = gw_str_trim(member);
        if (member.len) {
            bool ok = read_pair(member, key, value);
            if (!ok)
                *rest = before;
            return ok;
        }
        before = *rest;
    }
    return false;
}
