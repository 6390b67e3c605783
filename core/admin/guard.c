#include "admin/guard.h"

#include <stdio.h>
#include <string.h>

static struct gw_str field(const struct gw_message *message, struct gw_str name) {
    struct gw_str value = {"", 0};
    gw_message_find(message, name, &value);
    return value;
}

/* --- Host --- */

/* Into name and port; an IPv6 address without its brackets. */
static bool split_authority(struct gw_str authority, struct gw_str *name, uint64_t *port) {
    bool is_v6 = authority.len > 0 && *authority.data == '[';
    const char *from = authority.data;
    const char *end = authority.len ? memchr(from, is_v6 ? ']' : ':', authority.len) : NULL;
    size_t n = end ? (size_t)(end - from) : authority.len;
    *name = is_v6 ? (struct gw_str){from + 1, n - 1} : (struct gw_str){from, n};
    size_t used = n + (is_v6 && end ? 1 : 0);
    struct gw_str rest = {from + used, authority.len - used};
    *port = 80;
    if (rest.len == 0)
        return !is_v6 || end;
    return *rest.data == ':' &&
           gw_str_to_u64((struct gw_str){rest.data + 1, rest.len - 1}, 65535, port);
}

static bool is_own_name(const struct gw_settings *settings, struct gw_str name) {
    char text[256];
    if (name.len >= sizeof text)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return gw_str_equal_nocase(name, gw_str_from(settings->admin_host)) ||
           gw_str_equal_nocase(name, GW_STR("localhost")) || gw_settings_is_loopback(text);
}

/* Where it listens on all addresses, its names are not known; the token protects it. */
static bool knows_its_names(const struct gw_settings *settings) {
    return strcmp(settings->admin_host, "0.0.0.0") != 0 && strcmp(settings->admin_host, "::") != 0;
}

static bool is_own_host(const struct gw_settings *settings, uint16_t own_port,
                        struct gw_str authority) {
    struct gw_str name;
    uint64_t port;
    return !knows_its_names(settings) || (split_authority(authority, &name, &port) &&
                                          port == own_port && is_own_name(settings, name));
}

/* --- Origin --- */

static bool is_at(struct gw_str origin, struct gw_str scheme, struct gw_str host) {
    return origin.len > scheme.len && memcmp(origin.data, scheme.data, scheme.len) == 0 &&
           gw_str_equal_nocase((struct gw_str){origin.data + scheme.len, origin.len - scheme.len},
                               host);
}

/* Before us may be what speaks TLS: then our own page is at https, and the Host is passed on. */
static bool is_own_origin(struct gw_str origin, struct gw_str host) {
    return is_at(origin, GW_STR("http://"), host) || is_at(origin, GW_STR("https://"), host);
}

static bool is_of_another_site(const struct gw_message *message) {
    struct gw_str origin, site = field(message, GW_STR("sec-fetch-site"));
    if (site.len && !gw_str_equal(site, GW_STR("same-origin")) &&
        !gw_str_equal(site, GW_STR("none")))
        return true;
    return gw_message_find(message, GW_STR("origin"), &origin) &&
           !is_own_origin(origin, gw_message_host(message));
}

/* --- The token --- */

/* Takes as long whatever is wrong with it. */
static bool is_equal_in_constant_time(struct gw_str given, const char *expected) {
    size_t n = strlen(expected);
    unsigned char difference = given.len != n;
    for (size_t i = 0; i < given.len; i++)
        difference |= (unsigned char)(given.data[i] ^ expected[i % n]);
    return difference == 0;
}

static bool knows_token(const struct gw_settings *settings, const struct gw_message *message) {
    struct gw_str scheme = {"", 0}, token = {"", 0};
    if (!gw_settings_has_token(settings))
        return true;
    gw_str_split(field(message, GW_STR("authorization")), ' ', &scheme, &token);
    return gw_str_equal_nocase(scheme, GW_STR("bearer")) &&
           is_equal_in_constant_time(gw_str_trim(token), settings->admin_token);
}

static unsigned refuse_host(const struct gw_settings *settings, uint16_t port,
                            const struct gw_message *message, const char **detail) {
    *detail = "this is not a name of the admin listener's";
    return is_own_host(settings, port, gw_message_host(message)) ? 0 : 421;
}

static unsigned refuse_site(const struct gw_message *message, const char **detail) {
    *detail = "requests of other sites' pages are not answered";
    return is_of_another_site(message) ? 403 : 0;
}

unsigned gw_admin_guard(const struct gw_settings *settings, uint16_t port,
                        const struct gw_message *message, const char **detail) {
    unsigned status = refuse_host(settings, port, message, detail);
    if (!status)
        status = refuse_site(message, detail);
    if (status)
        return status;
    *detail = "this needs the token that ADMIN_TOKEN has";
    return knows_token(settings, message) ? 0 : 401;
}

/* Whoever follows a link sees the page as a whole, and where it leads. */
static bool is_navigation(const struct gw_message *message) {
    return gw_str_equal(field(message, GW_STR("sec-fetch-mode")), GW_STR("navigate")) &&
           gw_str_equal(field(message, GW_STR("sec-fetch-dest")), GW_STR("document"));
}

unsigned gw_admin_guard_file(const struct gw_settings *settings, uint16_t port,
                             const struct gw_message *message, const char **detail) {
    unsigned status = refuse_host(settings, port, message, detail);
    if (status || is_navigation(message))
        return status;
    return refuse_site(message, detail);
}
