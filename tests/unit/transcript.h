/* What a parser says about some bytes, written down as text, so that two ways of feeding it can be
 * compared, and a test can say what it expects by one string. For the parser's tests and fuzzers.
 *
 *     POST /a?b 1.1 path=/a query=b host=h keep length=5
 *     host: h
 *     content-length: 5
 *     body: hello
 *     end
 *
 * The last line is "idle" or "more" for what the parser waits for, or "error 400". */
#ifndef GW_TESTS_TRANSCRIPT_H
#define GW_TESTS_TRANSCRIPT_H

#include "http/parser.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unlike assert() it is there in every build: cmocka and libFuzzer both report the abort. */
#define TRANSCRIPT_REQUIRE(condition) \
    ((condition) ? (void)0 : transcript_abort(__LINE__, #condition))

static inline void transcript_abort(int line, const char *condition) {
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, condition);
    abort();
}

struct transcript {
    struct gw_parser parser;
    struct gw_buf text, body;
    bool failed;
};

static const struct gw_parser_limits transcript_limits = {
    .request_line = 8192, .head = 32768, .fields = 100};

static inline void transcript_init(struct transcript *t, enum gw_parser_kind kind,
                                   const struct gw_parser_limits *limits) {
    *t = (struct transcript){0};
    gw_parser_init(&t->parser, kind, limits);
}

static inline void transcript_fini(struct transcript *t) {
    gw_parser_fini(&t->parser);
    gw_buf_fini(&t->text);
    gw_buf_fini(&t->body);
}

static inline void transcript_write_first_line(struct transcript *t, const struct gw_message *m) {
    if (m->status)
        gw_buf_printf(&t->text, "%u 1.%u", m->status, m->minor_version);
    else
        gw_buf_printf(&t->text, "%.*s %.*s 1.%u path=%.*s query=%.*s host=%.*s",
                      GW_STR_ARG(gw_message_method(m)), GW_STR_ARG(gw_message_target(m)),
                      m->minor_version, GW_STR_ARG(gw_message_path(m)),
                      GW_STR_ARG(gw_message_query(m)), GW_STR_ARG(gw_message_host(m)));
    gw_buf_printf(&t->text, "%s%s%s", m->keep_alive ? " keep" : " close",
                  m->expects_continue ? " continue" : "", m->chunked ? " chunked" : "");
    if (m->has_length)
        gw_buf_printf(&t->text, " length=%" PRIu64, m->content_length);
    gw_buf_append_char(&t->text, '\n');
}

static inline void transcript_check_slice(const struct gw_message *m, struct gw_str slice) {
    if (slice.len == 0)
        return;
    TRANSCRIPT_REQUIRE(slice.data >= m->text.data &&
                       slice.data + slice.len <= m->text.data + m->text.len);
    TRANSCRIPT_REQUIRE(!memchr(slice.data, '\0', slice.len) &&
                       !memchr(slice.data, '\n', slice.len) &&
                       !memchr(slice.data, '\r', slice.len));
}

/* What holds for every head that the parser lets through. */
static inline void transcript_check_head(const struct gw_message *m) {
    transcript_check_slice(m, gw_message_method(m));
    transcript_check_slice(m, gw_message_target(m));
    transcript_check_slice(m, gw_message_path(m));
    transcript_check_slice(m, gw_message_query(m));
    transcript_check_slice(m, gw_message_host(m));
    for (unsigned i = 0; i < m->n_fields; i++) {
        struct gw_str value = gw_message_field_value(m, i);
        TRANSCRIPT_REQUIRE(m->fields[i].name_len > 0);
        TRANSCRIPT_REQUIRE(gw_str_trim(value).len == value.len);
        transcript_check_slice(m, gw_message_field_name(m, i));
        transcript_check_slice(m, value);
    }
    TRANSCRIPT_REQUIRE(!(m->chunked && (m->has_length || m->minor_version == 0)));
    TRANSCRIPT_REQUIRE(m->status || (m->method_len > 0 && m->path_len > 0));
    TRANSCRIPT_REQUIRE(m->status || m->minor_version == 0 || m->host_len > 0);
}

static inline void transcript_write_head(struct transcript *t) {
    const struct gw_message *m = &t->parser.message;
    transcript_check_head(m);
    transcript_write_first_line(t, m);
    for (unsigned i = 0; i < m->n_fields; i++) {
        gw_buf_append_str(&t->text, gw_message_field_name(m, i));
        gw_buf_append(&t->text, ": ", 2);
        gw_buf_append_str(&t->text, gw_message_field_value(m, i));
        gw_buf_append_char(&t->text, '\n');
    }
}

static inline void transcript_write_body(struct transcript *t) {
    if (t->body.len == 0)
        return;
    gw_buf_append(&t->text, "body: ", 6);
    gw_buf_append_str(&t->text, gw_buf_str(&t->body));
    gw_buf_append_char(&t->text, '\n');
    gw_buf_clear(&t->body);
}

static inline void transcript_write_error(struct transcript *t) {
    t->failed = true;
    transcript_write_body(t);
    gw_buf_printf(&t->text, "error %u %s\n", t->parser.error.status, t->parser.error.reason);
}

/* One event; false if no more are to be had from `in`. */
static inline bool transcript_step(struct transcript *t, struct gw_str *in) {
    const char *before = in->data, *end = in->data + in->len;
    struct gw_str body = {0};
    enum gw_parser_event event = gw_parser_next(&t->parser, in, &body);
    TRANSCRIPT_REQUIRE(in->data >= before && in->data + in->len == end);
    switch (event) {
    case GW_PARSER_HEAD:
        transcript_write_head(t);
        return true;
    case GW_PARSER_BODY:
        TRANSCRIPT_REQUIRE(body.len > 0 && body.data >= before && body.data + body.len == in->data);
        gw_buf_append_str(&t->body, body);
        return true;
    case GW_PARSER_END:
        transcript_write_body(t);
        gw_buf_append(&t->text, "end\n", 4);
        return in->len > 0;
    case GW_PARSER_ERROR:
        transcript_write_error(t);
        return false;
    default:
        TRANSCRIPT_REQUIRE(in->len == 0);
        return false;
    }
}

/* From a block of just that size, so that ASan sees a read beyond it. */
static inline void transcript_feed(struct transcript *t, struct gw_str piece) {
    char *block = malloc(piece.len ? piece.len : 1);
    memcpy(block, piece.data, piece.len);
    struct gw_str in = {block, piece.len};
    while (!t->failed && transcript_step(t, &in))
        ;
    free(block);
}

/* Ends the transcript; it lives until fini. */
static inline const char *transcript_text(struct transcript *t) {
    transcript_write_body(t);
    if (!t->failed)
        gw_buf_printf(&t->text, "%s", gw_parser_is_idle(&t->parser) ? "idle\n" : "more\n");
    gw_buf_append_char(&t->text, '\0');
    return t->text.data;
}

/* Fed in two pieces, cut at `cut`; or byte by byte for a cut beyond the end. */
static inline const char *transcript_of(struct transcript *t, struct gw_str in, size_t cut) {
    if (cut <= in.len) {
        transcript_feed(t, (struct gw_str){in.data, cut});
        transcript_feed(t, (struct gw_str){in.data + cut, in.len - cut});
    } else {
        for (size_t i = 0; i < in.len; i++)
            transcript_feed(t, (struct gw_str){in.data + i, 1});
    }
    return transcript_text(t);
}

#endif
