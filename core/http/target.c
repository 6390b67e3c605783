#include "http/target.h"

#include "http/grammar.h"

#include <string.h>

static bool fail(struct gw_parser_error *error, unsigned status, const char *reason) {
    *error = (struct gw_parser_error){status, reason};
    return false;
}

static uint32_t offset_of(const struct gw_message *message, const char *at) {
    return (uint32_t)(at - message->text.data);
}

/* Takes path [ "?" query ]; what is left of the target after it has no place there. */
static bool take_path(struct gw_message *message, struct gw_str rest,
                      struct gw_parser_error *error) {
    size_t n = gw_str_span(rest, GW_CHAR_PATH);
    message->path_at = offset_of(message, rest.data);
    message->path_len = (uint32_t)n;
    rest = (struct gw_str){rest.data + n, rest.len - n};
    if (rest.len == 0)
        return true;
    if (rest.data[0] != '?')
        return fail(error, 400, "bad character in the path");
    message->query_at = offset_of(message, rest.data + 1);
    message->query_len = (uint32_t)rest.len - 1;
    if (gw_str_span(rest, GW_CHAR_QUERY) < rest.len)
        return fail(error, 400, "bad character in the query");
    return true;
}

/* The length of "http://" or "https://" in front of the target, else 0. */
static size_t scheme_length(struct gw_str target) {
    static const struct gw_str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < 2; i++) {
        struct gw_str head = {target.data, schemes[i].len};
        if (target.len >= head.len && gw_str_equal_nocase(head, schemes[i]))
            return head.len;
    }
    return 0;
}

static bool take_absolute(struct gw_message *message, struct gw_str rest,
                          struct gw_parser_error *error) {
    size_t n = 0;
    while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?')
        n++;
    struct gw_str authority = {rest.data, n};
    if (!gw_authority_is_valid(authority))
        return fail(error, 400, "bad authority in the request target");
    message->host_at = offset_of(message, authority.data);
    message->host_len = (uint32_t)authority.len;
    if (!take_path(message, (struct gw_str){rest.data + n, rest.len - n}, error))
        return false;
    if (message->path_len == 0) { /* it means "/", and one stands right before the authority */
        message->path_at = message->host_at - 1;
        message->path_len = 1;
    }
    return true;
}

bool gw_target_parse(struct gw_message *message, struct gw_parser_error *error) {
    struct gw_str method = gw_message_method(message);
    struct gw_str target = gw_message_target(message);
    if (gw_str_equal(method, GW_STR("CONNECT")))
        return fail(error, 501, "CONNECT is not supported");
    if (target.data[0] == '/')
        return take_path(message, target, error);
    if (gw_str_equal(target, GW_STR("*"))) {
        message->path_at = message->target_at;
        message->path_len = 1;
        return gw_str_equal(method, GW_STR("OPTIONS")) ||
               fail(error, 400, "the target * is for OPTIONS only");
    }
    size_t n = scheme_length(target);
    if (n == 0)
        return fail(error, 400, "bad request target");
    return take_absolute(message, (struct gw_str){target.data + n, target.len - n}, error);
}
