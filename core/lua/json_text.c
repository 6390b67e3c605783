#include "lua/json_text.h"

#include "base/utf8.h"

#include <string.h>

static bool read_hex4(const char *p, const char *end, uint32_t *code) {
    if (end - p < 4)
        return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = gw_hex_value(p[i]);
        if (digit < 0)
            return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

static bool is_high_surrogate(uint32_t code) {
    return code >= 0xd800 && code <= 0xdbff;
}

static bool is_low_surrogate(uint32_t code) {
    return code >= 0xdc00 && code <= 0xdfff;
}

/* Reads what follows "\u" and, behind a high surrogate, the escape of its low half. A surrogate
 * without its other half is left as it is. NULL where four digits are missing. */
static const char *read_unicode(const char *p, const char *end, uint32_t *code) {
    uint32_t low;
    if (!read_hex4(p, end, code))
        return NULL;
    p += 4;
    if (!is_high_surrogate(*code) || end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return p;
    if (!read_hex4(p + 2, end, &low) || !is_low_surrogate(low))
        return p;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return p + 6;
}

/* What the letter behind a backslash stands for, or 0. */
static char unescape_letter(char letter) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? meanings[found - letters] : '\0';
}

/* Returns what follows the escape at `p`, or NULL with the reason. */
static const char *check_escape(const char *p, const char *end, const char **error) {
    uint32_t code;
    *error = "invalid escape";
    if (end - p < 2)
        return NULL;
    if (p[1] != 'u')
        return unescape_letter(p[1]) ? p + 2 : NULL;
    p = read_unicode(p + 2, end, &code);
    if (!p || !(is_high_surrogate(code) || is_low_surrogate(code)))
        return p;
    *error = "lone surrogate";
    return NULL;
}

static const char *check_utf8(const char *p, const char *end, const char **error) {
    size_t n = gw_utf8_sequence(p, (size_t)(end - p));
    *error = "invalid UTF-8";
    return n ? p + n : NULL;
}

static const char *check_special(const char *p, const char *end, const char **error) {
    if (*p == '\\')
        return check_escape(p, end, error);
    if ((unsigned char)*p >= 0x80)
        return check_utf8(p, end, error);
    *error = "control character in a string";
    return NULL;
}

struct gw_json_string gw_json_check_string(const char *p, const char *end) {
    bool has_escapes = false;
    for (p = gw_json_skip_plain(p, end); p < end; p = gw_json_skip_plain(p, end)) {
        const char *at = p, *error;
        if (*p == '"')
            return (struct gw_json_string){.end = p, .has_escapes = has_escapes};
        has_escapes |= *p == '\\';
        p = check_special(p, end, &error);
        if (!p)
            return (struct gw_json_string){.end = at, .error = error};
    }
    return (struct gw_json_string){.end = end, .error = "unterminated string"};
}

static char *put_utf8(char *to, uint32_t code) {
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(leads[n] | code);
    return to + n;
}

char *gw_json_unescape(struct gw_str text, char *to) {
    const char *p = text.data, *end = text.data + text.len;
    while (p < end) {
        uint32_t code;
        if (*p != '\\') {
            *to++ = *p++;
        } else if (p[1] != 'u') {
            *to++ = unescape_letter(p[1]);
            p += 2;
        } else {
            p = read_unicode(p + 2, end, &code);
            to = put_utf8(to, code);
        }
    }
    return to;
}
