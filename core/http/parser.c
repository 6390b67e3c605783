#include "http/parser.h"

#include "http/framing.h"
#include "http/grammar.h"
#include "http/target.h"

#include <string.h>

#define MAX_BLANK_LINES   4  /* before the first line (RFC 9112, 2.2) */
#define MAX_METHOD_LENGTH 32 /* no method in the registry is longer than 17 */

enum state {
    START, /* between two messages or in a first line */
    FIELDS,
    BODY_BY_LENGTH, /* also where there is none */
    BODY_CHUNKED,
    BODY_TILL_CLOSE,
    ENDED,
    FAILED,
};

void gw_parser_init(struct gw_parser *parser, enum gw_parser_kind kind,
                    const struct gw_parser_limits *limits) {
    *parser = (struct gw_parser){.kind = kind, .limits = limits};
}

void gw_parser_fini(struct gw_parser *parser) {
    gw_message_fini(&parser->message);
}

bool gw_parser_is_idle(const struct gw_parser *parser) {
    return parser->state == ENDED || (parser->state == START && parser->message.text.len == 0);
}

static enum gw_parser_event set_error(struct gw_parser *parser, unsigned status,
                                      const char *reason) {
    parser->state = FAILED;
    parser->error = (struct gw_parser_error){status, reason};
    return GW_PARSER_ERROR;
}

static bool fail(struct gw_parser *parser, unsigned status, const char *reason) {
    set_error(parser, status, reason);
    return false;
}

/* --- Lines --- */

/* How long a line that ends in CR LF may be here. */
static size_t line_room(const struct gw_parser *parser) {
    if (parser->state == START)
        return parser->limits->request_line;
    return parser->limits->head - parser->section_bytes;
}

static bool fail_too_long(struct gw_parser *parser) {
    if (parser->state == START)
        return fail(parser, 414, "first line too long");
    return fail(parser, 431, "header section too long");
}

/* One allocation for a head that comes in one piece, instead of growing line by line. */
static void reserve_text(struct gw_parser *parser, size_t n) {
    struct gw_buf *text = &parser->message.text;
    if (text->cap == 0)
        gw_buf_reserve(text, n < GW_MESSAGE_KEPT_TEXT ? n : GW_MESSAGE_KEPT_TEXT);
}

/* Moves bytes from `in` to the end of the current line, up to its LF. True if the line is complete;
 * `line` is then without its CR LF. False if there is more to come, or on error. */
static bool take_line(struct gw_parser *parser, struct gw_str *in, struct gw_str *line) {
    struct gw_buf *text = &parser->message.text;
    size_t room = line_room(parser) - (text->len - parser->line_at);
    size_t n = in->len < room ? in->len : room;
    const char *lf = memchr(in->data, '\n', n);
    if (!lf && in->len > room)
        return fail_too_long(parser);
    if (lf)
        n = (size_t)(lf - in->data) + 1;
    reserve_text(parser, in->len);
    gw_buf_append(text, in->data, n);
    *in = (struct gw_str){in->data + n, in->len - n};
    if (!lf)
        return false;
    *line = (struct gw_str){text->data + parser->line_at, text->len - parser->line_at - 1};
    if (line->len == 0 || line->data[--line->len] != '\r')
        return fail(parser, 400, "a line must end with CR LF");
    return true;
}

/* A first byte that no request begins with, as of a TLS handshake, is refused at once: the LF that
 * would end the line may never come. */
static bool begins_well(struct gw_parser *parser, const struct gw_str *in) {
    if (in->len == 0)
        return false;
    if (parser->state != START || parser->message.text.len > 0 || in->data[0] == '\r' ||
        gw_char_is(in->data[0], GW_CHAR_TOKEN))
        return true;
    return fail(parser, 400, "this is not HTTP");
}

/* --- The first line --- */

/* Cuts off what stands before the first space and the space itself. */
static bool cut_word(struct gw_str *line, struct gw_str *word) {
    const char *space = memchr(line->data, ' ', line->len);
    if (!space)
        return false;
    size_t n = (size_t)(space - line->data);
    *word = (struct gw_str){line->data, n};
    *line = (struct gw_str){space + 1, line->len - n - 1};
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A minor version above 1 means at least what 1.1 means (RFC 9110, 2.5). */
static bool accept_version(struct gw_parser *parser, struct gw_str version) {
    const char *s = version.data;
    if (version.len != 8 || memcmp(s, "HTTP/", 5) != 0 || !is_digit(s[5]) || s[6] != '.' ||
        !is_digit(s[7]))
        return fail(parser, 400, "bad HTTP version");
    if (s[5] != '1')
        return fail(parser, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    parser->message.minor_version = s[7] != '0';
    return true;
}

static bool accept_method(struct gw_parser *parser, struct gw_str method) {
    if (!gw_str_is_token(method))
        return fail(parser, 400, "bad method");
    if (method.len > MAX_METHOD_LENGTH)
        return fail(parser, 501, "unknown method");
    parser->message.method_len = (uint32_t)method.len;
    return true;
}

/* method SP request-target SP HTTP-version (RFC 9112, 3) */
static bool accept_request_line(struct gw_parser *parser, struct gw_str line) {
    struct gw_message *message = &parser->message;
    struct gw_str method, target;
    if (!cut_word(&line, &method) || !cut_word(&line, &target) || target.len == 0)
        return fail(parser, 400, "bad request line");
    if (!accept_method(parser, method) || !accept_version(parser, line))
        return false;
    message->target_at = (uint32_t)(target.data - message->text.data);
    message->target_len = (uint32_t)target.len;
    return gw_target_parse(message, &parser->error) ||
           fail(parser, parser->error.status, parser->error.reason);
}

/* HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112, 4). Not a few servers leave out the
 * second space when they have no reason to give. */
static bool accept_status_line(struct gw_parser *parser, struct gw_str line) {
    struct gw_str version;
    if (!cut_word(&line, &version))
        return fail(parser, 400, "bad status line");
    if (!accept_version(parser, version))
        return false;
    uint64_t status;
    struct gw_str code = {line.data, line.len < 3 ? line.len : 3};
    if (code.len < 3 || !gw_str_to_u64(code, 999, &status) || status < 100)
        return fail(parser, 400, "bad status code");
    struct gw_str reason = {line.data + 3, line.len - 3};
    if ((reason.len > 0 && reason.data[0] != ' ') ||
        gw_str_span(reason, GW_CHAR_FIELD) < reason.len)
        return fail(parser, 400, "bad reason phrase");
    parser->message.status = (unsigned)status;
    return true;
}

static bool accept_blank_line(struct gw_parser *parser) {
    gw_buf_clear(&parser->message.text);
    return ++parser->blank_lines <= MAX_BLANK_LINES ||
           fail(parser, 400, "too many empty lines before the request");
}

static bool accept_first_line(struct gw_parser *parser, struct gw_str line) {
    if (line.len == 0)
        return accept_blank_line(parser);
    if (parser->kind == GW_PARSER_REQUEST ? !accept_request_line(parser, line)
                                          : !accept_status_line(parser, line))
        return false;
    parser->line_at = (uint32_t)parser->message.text.len;
    parser->state = FIELDS;
    return true;
}

/* --- The header section --- */

static void lower(char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] | 0x20);
}

/* Why the name of `line`, whose first `n` characters are of a token, is not followed by a colon. */
static const char *explain_name(struct gw_str line, size_t n) {
    bool blank = n < line.len && (line.data[n] == ' ' || line.data[n] == '\t');
    if (blank && n == 0)
        return "a header line begins with white space";
    return blank ? "white space before the colon" : "bad header name";
}

/* field-name ":" OWS field-value OWS (RFC 9112, 5). A line that goes on the one before it begins
 * with white space, and so is refused as a bad name. */
static bool accept_field(struct gw_parser *parser, struct gw_str line) {
    struct gw_message *message = &parser->message;
    size_t n = gw_str_span(line, GW_CHAR_TOKEN);
    if (n == 0 || n == line.len || line.data[n] != ':')
        return fail(parser, 400, explain_name(line, n));
    struct gw_str value = {line.data + n + 1, line.len - n - 1};
    if (gw_str_span(value, GW_CHAR_FIELD) < value.len)
        return fail(parser, 400, "bad character in a header value");
    if (message->n_fields == parser->limits->fields)
        return fail(parser, 431, "too many header fields");
    value = gw_str_trim(value);
    lower(message->text.data + parser->line_at, n);
    *gw_message_add_field(message) = (struct gw_field){
        .name_at = parser->line_at,
        .name_len = (uint32_t)n,
        .value_at = (uint32_t)(value.data - message->text.data),
        .value_len = (uint32_t)value.len,
    };
    parser->section_bytes += (uint32_t)(message->text.len - parser->line_at);
    parser->line_at = (uint32_t)message->text.len;
    return true;
}

static bool has_no_body(const struct gw_parser *parser) {
    unsigned status = parser->message.status;
    return parser->answers_head || status == 204 || status == 304 ||
           (status >= 100 && status < 200);
}

/* RFC 9112, 6.3. */
static enum state body_state(struct gw_parser *parser) {
    const struct gw_message *message = &parser->message;
    bool response = parser->kind == GW_PARSER_RESPONSE;
    if (response && has_no_body(parser))
        return BODY_BY_LENGTH;
    if (message->chunked) {
        gw_chunked_init(&parser->chunked, parser->limits->head, parser->limits->fields);
        return BODY_CHUNKED;
    }
    if (response && !message->has_length)
        return BODY_TILL_CLOSE;
    parser->body_left = message->content_length;
    return BODY_BY_LENGTH;
}

static enum gw_parser_event end_head(struct gw_parser *parser) {
    struct gw_message *message = &parser->message;
    if (!gw_framing_derive(message, &parser->error))
        return set_error(parser, parser->error.status, parser->error.reason);
    parser->state = (uint8_t)body_state(parser);
    if (parser->state == BODY_TILL_CLOSE)
        message->keep_alive = false;
    return GW_PARSER_HEAD;
}

static enum gw_parser_event read_head(struct gw_parser *parser, struct gw_str *in) {
    struct gw_str line;
    while (begins_well(parser, in) && take_line(parser, in, &line)) {
        if (parser->state == FIELDS && line.len == 0)
            return end_head(parser);
        if (parser->state == START ? !accept_first_line(parser, line) : !accept_field(parser, line))
            break;
    }
    return parser->state == FAILED ? GW_PARSER_ERROR : GW_PARSER_MORE;
}

/* --- The body --- */

static enum gw_parser_event end_message(struct gw_parser *parser) {
    parser->state = ENDED;
    return GW_PARSER_END;
}

static void start_message(struct gw_parser *parser) {
    gw_message_clear(&parser->message);
    parser->state = START;
    parser->blank_lines = 0;
    parser->section_bytes = 0;
    parser->line_at = 0;
}

static enum gw_parser_event take_body(struct gw_str *in, struct gw_str *body, uint64_t most) {
    size_t n = in->len < most ? in->len : (size_t)most;
    *body = (struct gw_str){in->data, n};
    *in = (struct gw_str){in->data + n, in->len - n};
    return n > 0 ? GW_PARSER_BODY : GW_PARSER_MORE;
}

static enum gw_parser_event read_by_length(struct gw_parser *parser, struct gw_str *in,
                                           struct gw_str *body) {
    if (parser->body_left == 0)
        return end_message(parser);
    enum gw_parser_event event = take_body(in, body, parser->body_left);
    parser->body_left -= event == GW_PARSER_BODY ? body->len : 0;
    return event;
}

static enum gw_parser_event read_chunked(struct gw_parser *parser, struct gw_str *in,
                                         struct gw_str *body) {
    switch (gw_chunked_next(&parser->chunked, in, body)) {
    case GW_CHUNKED_MORE:
        return GW_PARSER_MORE;
    case GW_CHUNKED_DATA:
        return GW_PARSER_BODY;
    case GW_CHUNKED_END:
        return end_message(parser);
    default:
        return set_error(parser, parser->chunked.status, parser->chunked.reason);
    }
}

enum gw_parser_event gw_parser_next(struct gw_parser *parser, struct gw_str *in,
                                    struct gw_str *body) {
    switch (parser->state) {
    case ENDED:
        start_message(parser);
        return read_head(parser, in);
    case START:
    case FIELDS:
        return read_head(parser, in);
    case BODY_BY_LENGTH:
        return read_by_length(parser, in, body);
    case BODY_CHUNKED:
        return read_chunked(parser, in, body);
    case BODY_TILL_CLOSE:
        return take_body(in, body, UINT64_MAX);
    default:
        return GW_PARSER_ERROR;
    }
}

enum gw_parser_event gw_parser_finish(struct gw_parser *parser) {
    if (parser->state == BODY_TILL_CLOSE)
        return end_message(parser);
    if (gw_parser_is_idle(parser))
        return GW_PARSER_MORE;
    return set_error(parser, 400, "the message is cut off");
}
