#include "http/grammar.h"

#include <arpa/inet.h>
#include <string.h>

/* Each letter stands for the set of classes its characters are in:
 *
 *   a  letters, digits, and what both tchar and RFC 3986's unreserved or sub-delims have
 *   s  sub-delims that are not tchar           ( ) , ; =
 *   p  in paths and queries                    / : @
 *   e  the percent sign, a tchar too
 *   q  only in queries: "?" by RFC 3986, the others because browsers send them as they are
 *      (WHATWG URL, query percent-encode set)
 *   b  as q, and tchar                         ^ ` |
 *   n  "#": a tchar, but never in a target
 *   f  only in field values */
#define _ 0
#define f GW_CHAR_FIELD
#define n (GW_CHAR_FIELD | GW_CHAR_TOKEN)
#define q (GW_CHAR_FIELD | GW_CHAR_QUERY)
#define b (GW_CHAR_FIELD | GW_CHAR_QUERY | GW_CHAR_TOKEN)
#define p (GW_CHAR_FIELD | GW_CHAR_QUERY | GW_CHAR_PATH)
#define e (GW_CHAR_FIELD | GW_CHAR_QUERY | GW_CHAR_PATH | GW_CHAR_TOKEN)
#define s (GW_CHAR_FIELD | GW_CHAR_QUERY | GW_CHAR_PATH | GW_CHAR_HOST)
#define a (GW_CHAR_FIELD | GW_CHAR_QUERY | GW_CHAR_PATH | GW_CHAR_HOST | GW_CHAR_TOKEN)

/* clang-format off */
const uint8_t gw_char_classes[256] = {
    _, _, _, _, _, _, _, _, _, f, _, _, _, _, _, _, /* HTAB */
    _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _,
    f, a, f, n, a, e, a, a, s, s, a, a, s, a, a, p, /*   ! " # $ % & ' ( ) * + , - . / */
    a, a, a, a, a, a, a, a, a, a, p, s, f, s, f, q, /* 0 ... 9 : ; < = > ? */
    p, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, /* @ A ... */
    a, a, a, a, a, a, a, a, a, a, a, q, q, q, b, a, /* ... Z [ \ ] ^ _ */
    b, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, /* ` a ... */
    a, a, a, a, a, a, a, a, a, a, a, q, b, q, a, _, /* ... z { | } ~ DEL */
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, /* obs-text */
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
    f, f, f, f, f, f, f, f, f, f, f, f, f, f, f, f,
};
/* clang-format on */

#undef _
#undef f
#undef n
#undef q
#undef b
#undef p
#undef e
#undef s
#undef a

size_t gw_str_span(struct gw_str text, enum gw_char_class class) {
    size_t i = 0;
    while (i < text.len && gw_char_is(text.data[i], class))
        i++;
    return i;
}

bool gw_str_is_token(struct gw_str text) {
    return text.len > 0 && gw_str_span(text, GW_CHAR_TOKEN) == text.len;
}

/* reg-name, which includes IPv4 addresses: RFC 3986, 3.2.2. */
static bool is_name(struct gw_str host) {
    for (size_t i = 0; i < host.len; i++) {
        if (gw_char_is(host.data[i], GW_CHAR_HOST))
            continue;
        if (host.data[i] != '%' || host.len - i < 3 || gw_hex_value(host.data[i + 1]) < 0 ||
            gw_hex_value(host.data[i + 2]) < 0)
            return false;
    }
    return host.len > 0;
}

static bool is_ipv6(struct gw_str host) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.len >= sizeof text || memchr(host.data, '\0', host.len))
        return false;
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* What follows the host: nothing, or a colon and a port, which may be empty (RFC 3986, 3.2.3). */
static bool is_port_part(struct gw_str rest) {
    uint64_t port;
    if (rest.len == 0)
        return true;
    struct gw_str digits = {rest.data + 1, rest.len - 1};
    return rest.data[0] == ':' && (digits.len == 0 || gw_str_to_u64(digits, 65535, &port));
}

/* Cuts `n` characters off the front of `text`. */
static struct gw_str cut(struct gw_str *text, size_t n) {
    struct gw_str head = {text->data, n};
    *text = (struct gw_str){text->data + n, text->len - n};
    return head;
}

bool gw_authority_is_valid(struct gw_str authority) {
    if (authority.len == 0)
        return false;
    if (authority.data[0] != '[') {
        const char *colon = memchr(authority.data, ':', authority.len);
        size_t length = colon ? (size_t)(colon - authority.data) : authority.len;
        struct gw_str name = cut(&authority, length);
        return is_name(name) && is_port_part(authority);
    }
    const char *end = memchr(authority.data, ']', authority.len);
    if (!end)
        return false;
    cut(&authority, 1);
    struct gw_str address = cut(&authority, (size_t)(end - authority.data));
    cut(&authority, 1);
    return is_ipv6(address) && is_port_part(authority);
}
