/* A record as part of a trace: what it takes from its caller, what its calls pass on. */
#include "engine/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_traceparent CALLER = {
    .trace_high = 1, .trace_low = 2, .span = 3, .flags = GW_TRACEPARENT_SAMPLED};

static void forget(void *user, struct gw_trace *trace) {
    (void)user, (void)trace;
}

static int set_up(void **state) {
    *state = gw_tracer_new(0, forget, NULL);
    return 0;
}

static int tear_down(void **state) {
    gw_tracer_free(*state);
    return 0;
}

static struct gw_trace *begin(struct gw_tracer *tracer, const struct gw_traceparent *parent) {
    struct gw_trace_start start = {.parent = parent, .tracestate = GW_STR("foo=1")};
    return gw_trace_begin(tracer, &start);
}

static void a_trace_goes_on(void **state) {
    struct gw_trace *trace = begin(*state, &CALLER);
    assert_true(trace->id.high == 1 && trace->id.low == 2);
    assert_true(trace->parent_span == 3);
    assert_true(trace->is_sampled);
    assert_false(trace->is_random);
    assert_string_equal(gw_trace_text(trace, trace->tracestate), "foo=1");
    gw_trace_let_go(trace);
}

static void a_trace_begins(void **state) {
    struct gw_trace *trace = begin(*state, NULL), *other = begin(*state, NULL);
    assert_true(trace->id.high != other->id.high && trace->id.low != other->id.low);
    assert_true(trace->parent_span == 0);
    assert_true(trace->is_sampled);
    assert_true(trace->is_random);
    assert_int_equal(trace->tracestate, 0);
    gw_trace_let_go(trace);
    gw_trace_let_go(other);
}

static void a_span_is_the_parent_of_what_is_sent(void **state) {
    struct gw_trace *trace = begin(*state, &CALLER);
    uint16_t call = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1);
    struct gw_traceparent sent = gw_trace_parent(trace, call);
    assert_true(sent.trace_high == 1 && sent.trace_low == 2);
    assert_true(sent.span == trace->spans[call].id);
    assert_int_equal(sent.flags, GW_TRACEPARENT_SAMPLED);
    gw_trace_let_go(trace);
}

static void there_is_an_id_where_there_is_no_span(void **state) {
    gw_tracer_record(*state, false);
    struct gw_trace *trace = begin(*state, NULL);
    uint16_t call = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1);
    assert_int_equal(call, GW_SPAN_NONE);
    struct gw_traceparent one = gw_trace_parent(trace, call), other = gw_trace_parent(trace, call);
    assert_true(one.span && other.span && one.span != other.span);
    assert_int_equal(one.flags, GW_TRACEPARENT_SAMPLED | GW_TRACEPARENT_RANDOM);
    gw_trace_let_go(trace);
}

static void the_sampler_decides(void **state) {
    struct gw_sampler sampler;
    assert_true(gw_sampler_set(&sampler, GW_STR("parentbased_always_off"), 0));
    gw_tracer_sample(*state, &sampler);
    struct gw_trace *begun = begin(*state, NULL), *continued = begin(*state, &CALLER);
    assert_false(begun->is_sampled);
    assert_int_equal(gw_trace_parent(begun, GW_SPAN_ROOT).flags, GW_TRACEPARENT_RANDOM);
    assert_true(continued->is_sampled);
    gw_trace_let_go(begun);
    gw_trace_let_go(continued);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_trace_goes_on),
        TEST(a_trace_begins),
        TEST(a_span_is_the_parent_of_what_is_sent),
        TEST(there_is_an_id_where_there_is_no_span),
        TEST(the_sampler_decides),
    };
    return cmocka_run_group_tests_name("continued traces", tests, NULL, NULL);
}
