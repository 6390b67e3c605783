#include "base/json_scan.h"

#include <string.h>

static struct gw_str after(struct gw_str s, size_t n) {
    return (struct gw_str){s.data + n, s.len - n};
}

static struct gw_str skip_blank(struct gw_str s) {
    while (s.len && (s.data[0] == ' ' || s.data[0] == ',' || s.data[0] == '\n'))
        s = after(s, 1);
    return s;
}

/* The length of the string that `s` starts with, both quotes included; all of `s` if it has no end.
 */
static size_t string_length(struct gw_str s) {
    for (size_t i = 1; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '"')
            return i + 1;
    }
    return s.len;
}

static size_t nested_length(struct gw_str s) {
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '"')
            i += string_length(after(s, i)) - 1;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return s.len;
}

static size_t value_length(struct gw_str s) {
    if (s.data[0] == '"')
        return string_length(s);
    if (s.data[0] == '{' || s.data[0] == '[')
        return nested_length(s);
    size_t n = 0;
    while (n < s.len && !strchr(",}] \n", s.data[n]))
        n++;
    return n;
}

struct gw_str gw_json_value(struct gw_str text) {
    return (struct gw_str){text.data, text.len ? value_length(text) : 0};
}

struct gw_str gw_json_inside(struct gw_str value) {
    bool nested = value.len >= 2 && (value.data[0] == '{' || value.data[0] == '[');
    return nested ? (struct gw_str){value.data + 1, value.len - 2} : GW_STR("");
}

bool gw_json_next(struct gw_str *inside, struct gw_json_item *out) {
    struct gw_str s = skip_blank(*inside);
    *out = (struct gw_json_item){0};
    if (s.len == 0)
        return false;
    size_t n = value_length(s);
    if (n < s.len && s.data[0] == '"' && s.data[n] == ':') {
        out->key = (struct gw_str){s.data + 1, n - 2};
        s = skip_blank(after(s, n + 1));
        n = s.len ? value_length(s) : 0;
    }
    out->value = (struct gw_str){s.data, n};
    *inside = after(s, n);
    return n > 0;
}

bool gw_json_find(struct gw_str inside, const char *key, struct gw_str *out) {
    struct gw_json_item item;
    while (gw_json_next(&inside, &item)) {
        if (gw_str_equal(item.key, gw_str_from(key))) {
            *out = item.value;
            return true;
        }
    }
    return false;
}

bool gw_json_is_text(struct gw_str value) {
    return value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';
}

/* The four digits of \uXXXX; -1 if they are none. */
static int32_t code_unit(struct gw_str digits) {
    int32_t unit = 0;
    if (digits.len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = gw_hex_value(digits.data[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Our own writers escape ASCII alone; half of a pair, or what else comes, is U+FFFD. */
static void append_unit(struct gw_buf *buf, int32_t unit) {
    if (unit < 0 || (unit >= 0xd800 && unit < 0xe000))
        unit = 0xfffd;
    if (unit < 0x80) {
        gw_buf_append_char(buf, (char)unit);
        return;
    }
    if (unit < 0x800) {
        gw_buf_append_char(buf, (char)(0xc0 | unit >> 6));
    } else {
        gw_buf_append_char(buf, (char)(0xe0 | unit >> 12));
        gw_buf_append_char(buf, (char)(0x80 | (unit >> 6 & 0x3f)));
    }
    gw_buf_append_char(buf, (char)(0x80 | (unit & 0x3f)));
}

/* Appends what the escape after the backslash means; how many bytes it has. */
static size_t append_escape(struct gw_buf *buf, struct gw_str escape) {
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *letter = strchr(letters, escape.data[0]);
    if (escape.data[0] == 'u') {
        append_unit(buf, code_unit(after(escape, 1)));
        return escape.len < 5 ? escape.len : 5;
    }
    gw_buf_append_char(buf, letter && *letter ? meant[letter - letters] : escape.data[0]);
    return 1;
}

void gw_json_append_text(struct gw_buf *buf, struct gw_str value) {
    if (!gw_json_is_text(value)) {
        gw_buf_append_str(buf, value);
        return;
    }
    struct gw_str s = {value.data + 1, value.len - 2};
    for (size_t i = 0; i < s.len;) {
        if (s.data[i] != '\\' || i + 1 == s.len)
            gw_buf_append_char(buf, s.data[i++]);
        else
            i += 1 + append_escape(buf, after(s, i + 1));
    }
}
