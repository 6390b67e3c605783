#include "http/framing.h"

#include "http/grammar.h"

/* What has been seen of the fields that may come once, or that add up over several lines. */
struct findings {
    struct gw_message *message;
    struct gw_parser_error *error;
    uint32_t host_at, host_len;
    bool has_host;
    bool has_coding; /* any Transfer-Encoding */
    bool has_unknown_coding;
    bool close, keep_alive;
};

static bool fail(struct findings *found, unsigned status, const char *reason) {
    *found->error = (struct gw_parser_error){status, reason};
    return false;
}

static bool is_response(const struct gw_message *message) {
    return message->status != 0;
}

static bool see_host(struct findings *found, struct gw_str value) {
    if (is_response(found->message))
        return true;
    if (found->has_host)
        return fail(found, 400, "more than one Host");
    if (!gw_authority_is_valid(value))
        return fail(found, 400, "bad Host");
    found->has_host = true;
    found->host_at = (uint32_t)(value.data - found->message->text.data);
    found->host_len = (uint32_t)value.len;
    return true;
}

/* Once and digits only: a list of equal lengths, which RFC 9110, 8.6 lets us accept, is refused.
 * The upper end leaves room to add to it without overflow. */
static bool see_content_length(struct findings *found, struct gw_str value) {
    if (found->message->has_length)
        return fail(found, 400, "more than one Content-Length");
    found->message->has_length = true;
    return gw_str_to_u64(value, INT64_MAX, &found->message->content_length) ||
           fail(found, 400, "bad Content-Length");
}

/* One coding of the list. A known name with parameters is as malformed as no name at all; any other
 * name is a coding that could be, but is not implemented. */
static bool see_coding(struct findings *found, struct gw_str coding) {
    struct gw_str name = coding, parameters;
    gw_str_split(coding, ';', &name, &parameters);
    name = gw_str_trim(name);
    if (found->message->chunked)
        return fail(found, 400, "chunked must be the last transfer coding, and only once");
    if (!gw_str_is_token(name))
        return fail(found, 400, "bad Transfer-Encoding");
    if (!gw_str_equal_nocase(name, GW_STR("chunked")))
        found->has_unknown_coding = true;
    else if (name.len == coding.len)
        found->message->chunked = true;
    else
        return fail(found, 400, "chunked takes no parameters");
    return true;
}

/* Cuts the next element off a comma-separated list. Unlike gw_str_split() it tells "a" from "a,":
 * empty elements are elements. `list->data` is NULL after the last one. */
static bool next_element(struct gw_str *list, struct gw_str *element) {
    if (!list->data)
        return false;
    struct gw_str all = *list;
    *element = all;
    *list = (struct gw_str){0};
    for (size_t i = 0; i < all.len; i++) {
        if (all.data[i] == ',') {
            *element = (struct gw_str){all.data, i};
            *list = (struct gw_str){all.data + i + 1, all.len - i - 1};
            break;
        }
    }
    *element = gw_str_trim(*element);
    return true;
}

static bool see_transfer_encoding(struct findings *found, struct gw_str value) {
    struct gw_str coding;
    found->has_coding = true;
    while (next_element(&value, &coding))
        if (!see_coding(found, coding))
            return false;
    return true;
}

static bool see_connection(struct findings *found, struct gw_str value) {
    struct gw_str option;
    while (next_element(&value, &option)) {
        if (gw_str_equal_nocase(option, GW_STR("close")))
            found->close = true;
        else if (gw_str_equal_nocase(option, GW_STR("keep-alive")))
            found->keep_alive = true;
    }
    return true;
}

static bool see_expect(struct findings *found, struct gw_str value) {
    if (is_response(found->message) || found->message->minor_version == 0)
        return true; /* RFC 9110, 10.1.1: not for HTTP/1.0 */
    if (!gw_str_equal_nocase(value, GW_STR("100-continue")))
        return fail(found, 417, "unknown expectation");
    found->message->expects_continue = true;
    return true;
}

/* Most names are told apart by their length alone. */
static bool see_field(struct findings *found, struct gw_str name, struct gw_str value) {
    switch (name.len) {
    case 4:
        return !gw_str_equal(name, GW_STR("host")) || see_host(found, value);
    case 6:
        return !gw_str_equal(name, GW_STR("expect")) || see_expect(found, value);
    case 10:
        return !gw_str_equal(name, GW_STR("connection")) || see_connection(found, value);
    case 14:
        return !gw_str_equal(name, GW_STR("content-length")) || see_content_length(found, value);
    case 17:
        return !gw_str_equal(name, GW_STR("transfer-encoding")) ||
               see_transfer_encoding(found, value);
    default:
        return true;
    }
}

static bool check_transfer(struct findings *found) {
    const struct gw_message *message = found->message;
    if (!found->has_coding)
        return true;
    if (message->has_length)
        return fail(found, 400, "both Content-Length and Transfer-Encoding");
    if (message->minor_version == 0)
        return fail(found, 400, "Transfer-Encoding in HTTP/1.0");
    if (found->has_unknown_coding)
        return fail(found, 501, "unknown transfer coding");
    return true;
}

/* The authority of an absolute-form target is already there, and wins (RFC 9112, 3.2.2). */
static bool check_host(struct findings *found) {
    struct gw_message *message = found->message;
    if (!found->has_host && message->minor_version > 0 && !is_response(message))
        return fail(found, 400, "no Host");
    if (message->host_len == 0) {
        message->host_at = found->host_at;
        message->host_len = found->host_len;
    }
    return true;
}

bool gw_framing_derive(struct gw_message *message, struct gw_parser_error *error) {
    struct findings found = {.message = message, .error = error};
    for (unsigned i = 0; i < message->n_fields; i++)
        if (!see_field(&found, gw_message_field_name(message, i),
                       gw_message_field_value(message, i)))
            return false;
    if (!check_transfer(&found) || !check_host(&found))
        return false;
    message->keep_alive = !found.close && (message->minor_version > 0 || found.keep_alive);
    message->expects_continue &= message->chunked || message->content_length > 0;
    return true;
}
