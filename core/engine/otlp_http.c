/* What OpenTelemetry's semantic conventions say of HTTP (stable), and what is told besides. */
#include "engine/otlp_internal.h"

#include <string.h>

/* --- Words --- */

struct gw_str gw_otlp_first_word(struct gw_str text, struct gw_str *rest) {
    struct gw_str word = {"", 0};
    *rest = (struct gw_str){"", 0};
    gw_str_split(text, ' ', &word, rest);
    return word;
}

struct gw_str gw_otlp_after_word(struct gw_str text) {
    struct gw_str rest;
    gw_otlp_first_word(text, &rest);
    return rest;
}

/* --- Requests --- */

static bool is_known(struct gw_str method) {
    static const char *const known[] = {"GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                        "PATCH", "OPTIONS", "CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gw_str_equal(method, gw_str_from(known[i])))
            return true;
    return false;
}

/* Of a method nobody knows only that is told, since each would be a name of its own. */
static void add_method(struct gw_buf *out, struct gw_str method) {
    if (!method.len)
        return;
    gw_otlp_add_text(out, "http.request.method", is_known(method) ? method : GW_STR("_OTHER"));
    if (!is_known(method))
        gw_otlp_add_text(out, "http.request.method_original", method);
}

void gw_otlp_add_request(const struct gw_otlp_span *shown) {
    const struct gw_trace *trace = shown->trace;
    struct gw_buf *out = shown->out;
    add_method(out, gw_otlp_text(trace, trace->method));
    gw_otlp_add_text(out, "url.path", gw_otlp_text(trace, trace->path));
    gw_otlp_add_text(out, "url.scheme", GW_STR("http"));
    gw_otlp_add_text(out, "http.route", gw_otlp_after_word(gw_otlp_text(trace, trace->route)));
    if (trace->status && trace->status != GW_OTLP_CLIENT_CLOSED) {
        gw_otlp_add_int(out, "http.response.status_code", trace->status);
        gw_otlp_add_int(out, "http.response.body.size", (int64_t)trace->bytes);
    }
}

void gw_otlp_append_method(struct gw_buf *name, struct gw_str method) {
    gw_buf_append_str(name, is_known(method) ? method : GW_STR("HTTP"));
}

/* --- Calls and attempts --- */

struct gw_str gw_otlp_target(const struct gw_otlp_span *shown, struct gw_str *path) {
    const struct gw_span *call = shown->span;
    if (call->kind == GW_SPAN_ATTEMPT)
        call = &shown->trace->spans[call->parent];
    bool is_call = call->kind == GW_SPAN_CALL || call->kind == GW_SPAN_UNDO;
    return gw_otlp_first_word(is_call ? gw_otlp_text(shown->trace, call->text) : GW_STR(""), path);
}

static struct gw_str without_path(struct gw_str url) {
    const char *slash = memchr(url.data, '/', url.len);
    return slash ? (struct gw_str){url.data, (size_t)(slash - url.data)} : url;
}

/* Of "name", "name:1", "[::1]" and "[::1]:1". */
static void add_address(struct gw_buf *out, struct gw_str authority, uint64_t port) {
    const char *bracket = memchr(authority.data, ']', authority.len);
    size_t n = bracket ? (size_t)(bracket + 1 - authority.data) : 0;
    struct gw_str rest = {authority.data + n, authority.len - n}, host, digits = {"", 0};
    if (gw_str_split(rest, ':', &host, &digits) && digits.len)
        gw_str_to_u64(digits, 65535, &port);
    size_t len = authority.len - digits.len - (digits.len > 0);
    struct gw_str name = {authority.data, len};
    if (bracket)
        name = (struct gw_str){authority.data + 1, n - 2};
    gw_otlp_add_text(out, "server.address", name);
    gw_otlp_add_int(out, "server.port", (int64_t)port);
}

static void add_server(const struct gw_otlp_span *shown, struct gw_str path) {
    struct gw_str url = gw_str_from(shown->span->host);
    bool is_https = url.len > 5 && url.data[4] == 's';
    size_t scheme = is_https ? strlen("https://") : strlen("http://");
    struct gw_str authority = {url.data + scheme, url.len - scheme};
    struct gw_buf full = {0};
    gw_buf_append_str(&full, url);
    gw_buf_append_str(&full, path);
    gw_otlp_add_text(shown->out, "url.full", gw_buf_str(&full));
    gw_buf_fini(&full);
    add_address(shown->out, without_path(authority), is_https ? 443 : 80);
}

static void add_phases(const struct gw_otlp_span *shown) {
    static const char *const keys[GW_SPAN_PHASES] = {
        "moongate.dns_us",  "moongate.connect_us",  "moongate.tls_us",
        "moongate.wait_us", "moongate.transfer_us",
    };
    for (unsigned i = 0; i < GW_SPAN_PHASES; i++)
        if (shown->span->phases_us[i])
            gw_otlp_add_int(shown->out, keys[i], shown->span->phases_us[i]);
}

void gw_otlp_add_attempt(const struct gw_otlp_span *shown) {
    const struct gw_span *span = shown->span;
    struct gw_str path;
    struct gw_str method = gw_otlp_target(shown, &path);
    add_method(shown->out, method);
    if (span->host)
        add_server(shown, path);
    if (span->status)
        gw_otlp_add_int(shown->out, "http.response.status_code", span->status);
    if (span->count > 1)
        gw_otlp_add_int(shown->out, "http.request.resend_count", span->count - 1u);
    add_phases(shown);
    if (span->flags & GW_SPAN_HEDGE)
        gw_otlp_add_true(shown->out, "moongate.hedge");
    if (span->flags & GW_SPAN_REUSED)
        gw_otlp_add_true(shown->out, "moongate.connection.reused");
    if (span->flags & GW_SPAN_REPEATED)
        gw_otlp_add_true(shown->out, "moongate.repeated");
}

void gw_otlp_add_call(const struct gw_otlp_span *shown) {
    struct gw_str path;
    struct gw_str method = gw_otlp_target(shown, &path);
    add_method(shown->out, method);
    gw_otlp_add_text(shown->out, "url.path", path);
    if (shown->span->status)
        gw_otlp_add_int(shown->out, "http.response.status_code", shown->span->status);
    if (shown->span->count)
        gw_otlp_add_int(shown->out, "moongate.attempts", shown->span->count);
    if (shown->span->flags & GW_SPAN_FALLBACK)
        gw_otlp_add_true(shown->out, "moongate.fallback");
}
