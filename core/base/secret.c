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

/* A text that is looked through, once from its start to its end. */
struct scan {
    struct gw_str text;
    size_t at;
    size_t
        tokenless; /* where a run of base64url ends that is no token's head, wherever one starts */
};

/* Three parts of base64url, the first an object's: {"... */
static struct find find_web_token(struct scan *scan) {
    static const char more[] = "-_";
    struct gw_str at = from(scan->text, scan->at);
    if (scan->at < scan->tokenless || !starts_with(at, GW_STR("eyJ")))
        return (struct find){0};
    size_t head = span_of(at, more);
    if (head == at.len || at.data[head] != '.') {
        scan->tokenless = scan->at + head;
        return (struct find){0};
    }
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

/* What a backslash stands before is no end. Without an end it is all there is: it was cut. */
static size_t span_of_quoted(struct gw_str s, char quote) {
    size_t n = 0;
    for (; n < s.len && s.data[n] != quote; n++)
        n += s.data[n] == '\\' && n + 1 < s.len;
    return n;
}

/* Of JSON that stands in a string of JSON: up to the quote with its own backslash. */
static size_t span_of_escaped(struct gw_str s) {
    static const struct gw_str end = GW_STR("\\\"");
    size_t n = 0;
    while (n < s.len && !starts_with(from(s, n), end))
        n += s.data[n] == '\\' && n + 1 < s.len ? 2 : 1;
    return n;
}

/* A member's value: what is between its quotes, or else up to what follows it. */
static struct find find_value(struct gw_str at, size_t n, bool is_escaped) {
    while (n < at.len && (at.data[n] == ' ' || at.data[n] == '\t'))
        n++;
    struct gw_str rest = from(at, n);
    if (is_escaped && starts_with(rest, GW_STR("\\\"")))
        return (struct find){n + 2, span_of_escaped(from(rest, 2))};
    if (starts_with(rest, GW_STR("\"")))
        return (struct find){n + 1, span_of_quoted(from(rest, 1), '"')};
    if (starts_with(rest, GW_STR("{")) || starts_with(rest, GW_STR("[")))
        return (struct find){n, gw_json_value(rest).len};
    return (struct find){n, span_until(rest, ",}] \t\r\n")};
}

/* "\"password\": \"x\"", as in a body; or "\\\"password\\\":\\\"x\\\"", as in a body that was
 * quoted. */
static struct find find_member(struct gw_str at) {
    size_t end = 1 + span_until(from(at, 1), "\"\\:{}[],\r\n");
    struct gw_str name = {at.data + 1, end - 1};
    bool is_escaped = end < at.len && at.data[end] == '\\';
    end += is_escaped;
    if (end == at.len || at.data[end] != '"')
        return (struct find){0};
    for (end++; end < at.len && at.data[end] == ' ';)
        end++;
    if (end == at.len || at.data[end] != ':' || !gw_secret_is_name(name))
        return (struct find){0};
    return find_value(at, end + 1, is_escaped);
}

static bool is_header(struct gw_str name) {
    static const struct gw_str always[] = {
        GW_STR("authorization"),
        GW_STR("proxy-authorization"),
        GW_STR("cookie"),
        GW_STR("set-cookie"),
    };
    char plain[MAX_NAME + 1];
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (gw_str_equal_nocase(name, always[i]))
            return true;
    return simplify(name, plain) && is_further(plain);
}

/* "password=x", as the first of a form, or "token=\"x\""; and, where a line begins, "Cookie: a=b".
 */
static struct find find_assigned(struct gw_str at, bool begins_line) {
    size_t n = span_of(at, "-_");
    struct gw_str name = {at.data, n}, rest = from(at, n < at.len ? n + 1 : n);
    bool is_field = begins_line && n < at.len && at.data[n] == ':' && is_header(name);
    if (is_field) {
        size_t blank = rest.len && rest.data[0] == ' ';
        return (struct find){n + 1 + blank, span_until(from(rest, blank), "\r\n")};
    }
    if (rest.len == 0 || at.data[n] != '=' || rest.data[0] == '=' || !gw_secret_is_name(name))
        return (struct find){0};
    if (rest.data[0] == '"')
        return (struct find){n + 2, span_of_quoted(from(rest, 1), '"')};
    return (struct find){n + 1, span_until(rest, "&;, \t\r\n\"'<>)}]")};
}

/* A word may say that something follows, or be a name. Each is looked at from its start alone, so
 * that a long one is not looked at from every place in it. */
static struct find find_by_word(const struct scan *scan) {
    struct gw_str at = from(scan->text, scan->at);
    char before = scan->at > 0 ? at.data[-1] : '\n';
    struct find found = {0};
    if ((at.data[0] == 'b' || at.data[0] == 'B') && !isalpha((unsigned char)before))
        found = find_credentials(at);
    bool is_within = isalnum((unsigned char)before) || before == '-' || before == '_';
    if (found.hidden || is_within || !isalpha((unsigned char)at.data[0]))
        return found;
    return find_assigned(at, before == '\n' || before == '\r');
}

static struct find find_secret(struct scan *scan) {
    struct gw_str at = from(scan->text, scan->at);
    struct find found = {0};
    switch (at.data[0]) {
    case '?':
    case '&':
        return find_parameter(at);
    case ':':
        return find_user(at);
    case '"':
        return find_member(at);
    case 'e':
        found = find_web_token(scan);
        break;
    }
    return found.hidden ? found : find_by_word(scan);
}

/* A text may come here twice. */
static bool is_hidden(struct gw_str at, size_t n) {
    static const struct gw_str hidden = GW_STR(GW_SECRET_HIDDEN);
    return n <= hidden.len && starts_with(at, hidden);
}

void gw_secret_append(struct gw_buf *out, struct gw_str text) {
    struct scan scan = {.text = text};
    size_t done = 0;
    for (; scan.at < text.len; scan.at++) {
        struct find found = find_secret(&scan);
        size_t start = scan.at + found.kept;
        if (found.hidden == 0 || is_hidden(from(text, start), found.hidden))
            continue;
        gw_buf_append(out, text.data + done, start - done);
        gw_buf_append_str(out, GW_STR(GW_SECRET_HIDDEN));
        done = start + found.hidden;
        scan.at = done - 1;
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
