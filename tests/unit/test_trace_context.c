#include "http/trace_context.h"

#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define VALUE "00-" TRACE "-b7ad6b7169203331-01"
#define GIVEN "Traceparent: \t" VALUE " \r\n"

/* What a request with these lines says: the state, or "none" where there is no parent. */
static void check(const char *expected, const char *fields) {
    static const struct gw_parser_limits limits = {1000, 100000, 50};
    struct gw_parser parser;
    struct gw_trace_context context;
    struct gw_buf text = {0};
    struct gw_str body;
    gw_buf_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    struct gw_str in = gw_buf_str(&text);
    gw_parser_init(&parser, GW_PARSER_REQUEST, &limits);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_HEAD);
    gw_trace_context_read(&context, &parser.message);
    gw_buf_append_char(&context.state, '\0');
    assert_string_equal(context.is_given ? context.state.data : "none", expected);
    if (context.is_given)
        assert_true(context.parent.trace_high == 0x0af7651916cd43dd);
    gw_trace_context_fini(&context);
    gw_parser_fini(&parser);
    gw_buf_fini(&text);
}

static void one_parent_is_taken(void **state) {
    (void)state;
    check("", GIVEN);
    check("", "TRACEPARENT: " VALUE "\r\n");
}

static void none_or_two_or_a_bad_one_are_not(void **state) {
    (void)state;
    check("none", "");
    check("none", "trace-parent: " VALUE "\r\n");
    check("none", GIVEN GIVEN);
    check("none", "traceparent: " VALUE "," VALUE "\r\n");
    check("none", "traceparent: " VALUE "0\r\n");
}

static void the_state_is_joined(void **state) {
    (void)state;
    check("foo=1,bar=2,rojo=3", "tracestate: foo=1 , bar=2\r\n" GIVEN "TraceState: rojo=3\r\n");
    check("foo=1", GIVEN "tracestate:\r\ntracestate: foo=1\r\n");
}

static void without_a_parent_there_is_no_state(void **state) {
    (void)state;
    check("none", "tracestate: foo=1\r\n");
}

static void a_bad_state_does_not_touch_the_parent(void **state) {
    (void)state;
    check("", GIVEN "tracestate: foo=1\r\ntracestate: foo=2\r\n");
    check("", GIVEN "tracestate: FOO=1\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_parent_is_taken),
        cmocka_unit_test(none_or_two_or_a_bad_one_are_not),
        cmocka_unit_test(the_state_is_joined),
        cmocka_unit_test(without_a_parent_there_is_no_state),
        cmocka_unit_test(a_bad_state_does_not_touch_the_parent),
    };
    return cmocka_run_group_tests_name("trace context", tests, NULL, NULL);
}
