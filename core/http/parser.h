/* The HTTP/1.1 parser (RFC 9110, RFC 9112): bytes in, events out, no I/O. Strict: where the RFCs
 * leave a choice it takes the safer one, because a lenient front and a strict backend (or the other
 * way round) are how requests are smuggled.
 *
 *     struct gw_str in = {bytes, n}, body;
 *     for (;;) switch (gw_parser_next(&parser, &in, &body)) {
 *     case GW_PARSER_MORE:  return;                  all of `in` is consumed, feed more later
 *     case GW_PARSER_HEAD:  ... parser.message ...   once per message
 *     case GW_PARSER_BODY:  ... body ...             a slice of `in`, never empty
 *     case GW_PARSER_END:   ...                      complete; `in` may hold the next message
 *     case GW_PARSER_ERROR: ... parser.error ...     for good: answer error.status and close
 *     }
 *
 * Not calling again after GW_PARSER_END leaves a pipelined request untouched in `in`. The next call
 * starts a new message; until then parser.message stays as it is, and from GW_PARSER_HEAD on its
 * bytes do not move. Fed byte by byte it gives the same events, but for how bodies are cut. */
#ifndef GW_HTTP_PARSER_H
#define GW_HTTP_PARSER_H

#include "http/chunked.h"
#include "http/message.h"

struct gw_parser_limits {
    uint32_t request_line; /* bytes with its CR LF, else 414 */
    uint32_t head;         /* bytes of the whole header section, else 431; also of trailers */
    uint32_t fields;       /* else 431; also of trailers */
};

struct gw_parser_error {
    unsigned status;    /* 400, 414, 417, 431, 501, 505; of a response, only that it is 414 or 431
                           means something: its head is too large */
    const char *reason; /* static text for people, e.g. "white space before the colon" */
};

enum gw_parser_kind { GW_PARSER_REQUEST, GW_PARSER_RESPONSE };
enum gw_parser_event {
    GW_PARSER_MORE,
    GW_PARSER_HEAD,
    GW_PARSER_BODY,
    GW_PARSER_END,
    GW_PARSER_ERROR
};

struct gw_parser {
    enum gw_parser_kind kind;
    const struct gw_parser_limits *limits; /* not owned */
    struct gw_message message;
    struct gw_parser_error error;
    bool answers_head; /* set by the owner: the next response answers HEAD and has no body */
    /* The rest is the parser's own: see parser.c. */
    uint8_t state;
    uint8_t blank_lines;    /* seen before the first line */
    uint32_t section_bytes; /* of the header section, whole lines */
    uint32_t line_at;       /* where the current, unfinished line begins in message.text */
    uint64_t body_left;     /* of a body by Content-Length, 0 between bodies */
    struct gw_chunked chunked;
};

void gw_parser_init(struct gw_parser *parser, enum gw_parser_kind kind,
                    const struct gw_parser_limits *limits);
void gw_parser_fini(struct gw_parser *parser);

enum gw_parser_event gw_parser_next(struct gw_parser *parser, struct gw_str *in,
                                    struct gw_str *body);

/* The peer will send no more: GW_PARSER_END where this is what ends a response, GW_PARSER_MORE
 * where no message was begun, GW_PARSER_ERROR where one is cut off. */
enum gw_parser_event gw_parser_finish(struct gw_parser *parser);

/* Nothing of a message has been seen since the last one ended: the connection is idle. */
bool gw_parser_is_idle(const struct gw_parser *parser);

#endif
