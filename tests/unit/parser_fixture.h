/* Checks for the parser's tests: each input is fed whole, byte by byte, and cut at each place, and
 * must be told the same way each time. */
#ifndef GW_TESTS_PARSER_FIXTURE_H
#define GW_TESTS_PARSER_FIXTURE_H

#include "transcript.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The input is a string literal's bytes: it may hold NULs. */
#define IN(literal) \
    { literal, sizeof(literal) - 1 }

struct parser_case {
    struct gw_str in;
    const char *expected; /* the transcript; of an error only "error <status>" */
};

static inline void check_told(const char *told, const struct parser_case *c) {
    const char *error = strstr(told, "error ");
    size_t n = error ? (size_t)(error - told) + strlen("error 400") : strlen(told);
    if (strlen(c->expected) != n || memcmp(told, c->expected, n) != 0)
        fail_msg("input:\n%.*s\nexpected:\n%s\ngot:\n%s", GW_STR_ARG(c->in), c->expected, told);
}

static inline void check_case(const struct parser_case *c, enum gw_parser_kind kind,
                              const struct gw_parser_limits *limits) {
    struct transcript whole;
    transcript_init(&whole, kind, limits);
    const char *told = transcript_of(&whole, c->in, 0);
    check_told(told, c);
    for (size_t cut = 1; cut <= c->in.len + 1; cut++) {
        struct transcript split;
        transcript_init(&split, kind, limits);
        if (strcmp(transcript_of(&split, c->in, cut), told) != 0)
            fail_msg("input:\n%.*s\ncut at %zu:\n%s\nwhole:\n%s", GW_STR_ARG(c->in), cut,
                     split.text.data, told);
        transcript_fini(&split);
    }
    transcript_fini(&whole);
}

static inline void check_cases(const struct parser_case *cases, size_t n,
                               enum gw_parser_kind kind) {
    for (size_t i = 0; i < n; i++)
        check_case(&cases[i], kind, &transcript_limits);
}

#define CHECK_REQUESTS(cases) \
    check_cases(cases, sizeof(cases) / sizeof((cases)[0]), GW_PARSER_REQUEST)
#define CHECK_RESPONSES(cases) \
    check_cases(cases, sizeof(cases) / sizeof((cases)[0]), GW_PARSER_RESPONSE)

#endif
