#include "base/secret.h"

#include "base/json_scan.h"

#include <ctype.h>
#include <string.h>

#define MAX_NAME 256 /* a longer one is none, and what it names is hidden */

static const char *further = ""; /* LOG_REDACT */

/* --- names --- */

/* Parts of names, and whole ones: in small letters and without "-" and "_". */
static const char *const parts[] = {
    "authoriz", "authent",   "cookie",     "token",   "secret",     "passw",
    "apikey",   "accesskey", "privatekey", "session", "credential", "passphrase",
    "csrf",     "xsrf",      "jwt",        "bearer",  "signature",  "idempotencykey",
};
static const char *const words[] = {"auth", "key", "pin", "otp", "pwd"};

void gw_secret_add_names(const char *names) {
    further = names;
}

/* False: it is longer than a name. */
static bool simplify(struct gw_str name, char out[MAX_NAME + 1]) {
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '-' || c == '_' || isspace((unsigned char)c) || c == '\0')
            continue;
        if (n == MAX_NAME)
            return false;
        out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
    }
    out[n] = '\0';
    return true;
}

static bool is_further(const char *plain) {
    struct gw_str rest = gw_str_from(further), item;
    char name[MAX_NAME + 1];
    while (gw_str_split(rest, ',', &item, &rest))
        if (simplify(item, name) && *name && strcmp(name, plain) == 0)
            return true;
    return false;
}

bool gw_secret_is_name(struct gw_str name) {
    char plain[MAX_NAME + 1];
    if (!simplify(name, plain))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(plain, words[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(plain, parts[i]))
            return true;
    return is_further(plain);
}

/* --- texts --- */

static struct gw_str from(struct gw_str s, size_t n) {
    return (struct gw_str){s.data + n, s.len - n};
}

/* How many bytes, from the start, are none of `stop`; a NUL is one of them. */
static size_t span_until(struct gw_str s, const char *stop) {
    size_t n = 0;
    while (n < s.len && !strchr(stop, s.data[n]))
        n++;
    return n;
}

static size_t span_of(struct gw_str s, const char *further_chars) {
    size_t n = 0;
    while (n < s.len && s.data[n] &&
           (isalnum((unsigned char)s.data[n]) || strchr(further_chars, s.data[n])))
        n++;
    return n;
}

static bool starts_with(struct gw_str s, struct gw_str start) {
    return s.len >= start.len && gw_str_equal_nocase((struct gw_str){s.data, start.len}, start);
}

/* What is kept and then hidden, from a place on; nothing hidden: no secret stands there. */
struct find {
    size_t kept, hidden;
};

/* "?password=x" up to the next parameter. */
static struct find find_parameter(struct gw_str at) {
    size_t name = span_until(from(at, 1), "=&? \t\r\n\"'<>") + 1;
    if (name >= at.len || at.data[name] != '=' ||
        !gw_secret_is_name((struct gw_str){at.data + 1, name - 1}))
        return (struct find){0};
    return (struct find){name + 1, span_until(from(at, name + 1), "&# \t\r\n\"'<>")};
}

/* "://user:password@" */
static struct find find_user(struct gw_str at) {
    static const struct gw_str mark = GW_STR("://");
    if (!starts_with(at, mark))
        return (struct find){0};
    size_t authority = span_until(from(at, mark.len), "/?# \t\r\n\"'<>");
    while (authority && at.data[mark.len + authority - 1] != '@')
        authority--;
    return (struct find){mark.len, authority ? authority - 1 : 0};
}

/* Three parts of base64url, the first an object's: {"... */
static struct find find_web_token(struct gw_str at) {
    static const char more[] = "-_";
    size_t head = span_of(at, more);
    if (!starts_with(at, GW_STR("eyJ")) || head == at.len || at.data[head] != '.')
        return (struct find){0};
    size_t n = head + 1 + span_of(from(at, head + 1), more);
    if (n < at.len && at.data[n] == '.')
        n += 1 + span_of(from(at, n + 1), more);
    return (struct find){0, n};
}

static unsigned sextet(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (unsigned)(at - digits) : 0;
}

/* Whether it is base64 of what has a colon, as "user:password" has, and not a word of a sentence.
 */
static bool is_user_and_password(struct gw_str s) {
    bool has_colon = false;
    if (s.len % 4 != 0 || span_of(s, "+/=") != s.len)
        return false;
    for (size_t i = 0; i < s.len; i += 4) {
        unsigned three = sextet(s.data[i]) << 18 | sextet(s.data[i + 1]) << 12 |
                         sextet(s.data[i + 2]) << 6 | sextet(s.data[i + 3]);
        has_colon =
            has_colon || three >> 16 == ':' || (three >> 8 & 0xff) == ':' || (three & 0xff) == ':';
    }
    return has_colon;
}

/* "Bearer abc", "Basic dXNlcjpwYXNz" */
static struct find find_scheme(struct gw_str at, struct gw_str scheme) {
    if (!starts_with(at, scheme))
        return (struct find){0};
    size_t kept = scheme.len;
    while (kept < at.len && (at.data[kept] == ' ' || at.data[kept] == '\t'))
        kept++;
    return (struct find){kept, kept > scheme.len ? span_until(from(at, kept), " \t\r\n\"',;") : 0};
}

static struct find find_credentials(struct gw_str at) {
    struct find basic = find_scheme(at, GW_STR("basic"));
    bool is_one =
        basic.hidden && is_user_and_password((struct gw_str){at.data + basic.kept, basic.hidden});
    return is_one ? basic : find_scheme(at, GW_STR("bearer"));
}

static struct find find_secret(struct gw_str at, bool begins_word) {
    switch (at.data[0]) {
    case '?':
    case '&':
        return find_parameter(at);
    case ':':
        return find_user(at);
    case 'e':
        return find_web_token(at);
    case 'B':
    case 'b':
        return begins_word ? find_credentials(at) : (struct find){0};
    default:
        return (struct find){0};
    }
}

void gw_secret_append(struct gw_buf *out, struct gw_str text) {
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool begins_word = i == 0 || !isalpha((unsigned char)text.data[i - 1]);
        struct find found = find_secret(from(text, i), begins_word);
        if (found.hidden == 0)
            continue;
        gw_buf_append(out, text.data + done, i + found.kept - done);
        gw_buf_append_str(out, GW_STR(GW_SECRET_HIDDEN));
        done = i + found.kept + found.hidden;
        i = done - 1;
    }
    gw_buf_append(out, text.data + done, text.len - done);
}

/* --- JSON --- */

static void append_string(struct gw_buf *out, struct gw_str value) {
    struct gw_buf plain = {0}, safe = {0};
    gw_json_append_text(&plain, value);
    gw_secret_append(&safe, gw_buf_str(&plain));
    gw_buf_append_json(out, gw_buf_str(&safe));
    gw_buf_fini(&plain);
    gw_buf_fini(&safe);
}

static bool is_secret_key(struct gw_str key) {
    struct gw_buf name = {0};
    gw_json_append_text(&name, key);
    bool is_secret = gw_secret_is_name(gw_buf_str(&name));
    gw_buf_fini(&name);
    return is_secret;
}

/* A member's key, with its colon, and its value if that is to be hidden. Returns how much of `json`
 * that was. */
static size_t append_key(struct gw_buf *out, struct gw_str json, struct gw_str key) {
    append_string(out, key);
    gw_buf_append_char(out, ':');
    if (!is_secret_key(key))
        return key.len + 1;
    gw_buf_append_str(out, GW_STR("\"" GW_SECRET_HIDDEN "\""));
    return key.len + 1 + gw_json_value(from(json, key.len + 1)).len;
}

void gw_secret_append_json(struct gw_buf *out, struct gw_str json) {
    while (json.len) {
        const char *quote = memchr(json.data, '"', json.len);
        size_t n = quote ? (size_t)(quote - json.data) : json.len;
        gw_buf_append(out, json.data, n);
        json = from(json, n);
        if (json.len == 0)
            return;
        struct gw_str string = gw_json_value(json);
        if (string.len < json.len && json.data[string.len] == ':')
            json = from(json, append_key(out, json, string));
        else {
            append_string(out, string);
            json = from(json, string.len);
        }
    }
}
