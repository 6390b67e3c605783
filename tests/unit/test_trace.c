/* The record of a request: its spans, texts and bounds, and who holds it. */
#include "engine/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct gw_tracer *tracer;
    struct gw_trace *finished; /* the last; kept */
    unsigned n_finished;
};

static void on_done(void *user, struct gw_trace *trace) {
    struct fixture *f = user;
    gw_trace_unref(f->finished);
    gw_trace_ref(trace);
    f->finished = trace;
    f->n_finished++;
}

static int set_up(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    f.tracer = gw_tracer_new(3, on_done, &f);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    gw_trace_unref(f->finished);
    gw_tracer_free(f->tracer);
    return 0;
}

static struct gw_trace *begin(struct fixture *f) {
    struct gw_trace_start start = {
        .kind = GW_TRACE_REQUEST,
        .generation = 7,
        .started_us = 1000,
        .correlation_id = GW_STR("abc"),
        .method = GW_STR("GET"),
        .path = GW_STR("/api/v1/products/1?token=secret"),
        .route = GW_STR("GET /api/v1/products/:id"),
    };
    return gw_trace_begin(f->tracer, &start);
}

static void assert_text(const struct gw_trace *trace, uint16_t text, const char *expected) {
    assert_string_equal(gw_trace_text(trace, text), expected);
}

static void test_says_what_it_was_told(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    gw_trace_answered(trace, 200, 12, 5000);
    gw_trace_answered(trace, 499, 0, 6000); /* too late */
    gw_trace_let_go(trace);
    const struct gw_trace *done = f->finished;
    assert_int_equal(f->n_finished, 1);
    assert_text(done, done->correlation_id, "abc");
    assert_text(done, done->method, "GET");
    assert_text(done, done->path, "/api/v1/products/1");
    assert_text(done, done->route, "GET /api/v1/products/:id");
    assert_int_equal(done->status, 200);
    assert_int_equal(done->bytes, 12);
    assert_int_equal(done->worker, 3);
    assert_int_equal(done->generation, 7);
    assert_int_equal(gw_trace_duration_us(done), 4000);
    assert_true(done->id.high && done->id.low && done->spans[0].id);
    assert_true(done->wall_us > 0);
    assert_null(done->tracer);
}

static void test_spans_are_a_tree(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    uint16_t call = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1500);
    uint16_t attempt = gw_span_begin(trace, GW_SPAN_ATTEMPT, call, 1600);
    gw_trace_span(trace, attempt)->phases_us[GW_SPAN_WAIT] = 300;
    gw_span_end(trace, attempt, 2000);
    gw_span_end(trace, call, 2100);
    uint16_t orphan = gw_span_event(trace, GW_SPAN_BREAKER, GW_SPAN_NONE, 2200);
    gw_trace_answered(trace, 200, 0, 3000);
    gw_trace_let_go(trace);
    const struct gw_span *spans = f->finished->spans;
    assert_int_equal(f->finished->n_spans, 4);
    assert_int_equal(spans[0].kind, GW_SPAN_REQUEST);
    assert_int_equal(spans[0].parent, GW_SPAN_NONE);
    assert_int_equal(spans[call].parent, 0);
    assert_int_equal(spans[call].start_us, 500);
    assert_int_equal(spans[call].duration_us, 600);
    assert_int_equal(spans[attempt].parent, call);
    assert_int_equal(spans[attempt].phases_us[GW_SPAN_WAIT], 300);
    assert_int_equal(spans[orphan].parent, GW_SPAN_ROOT);
    assert_int_equal(spans[orphan].duration_us, 0);
    assert_int_not_equal(spans[call].id, spans[attempt].id);
}

static void test_is_finished_by_the_last_holder(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    gw_trace_hold(trace);
    gw_trace_answered(trace, 201, 0, 2000);
    gw_trace_let_go(trace);
    assert_int_equal(f->n_finished, 0);
    uint16_t undo = gw_span_begin(trace, GW_SPAN_UNDO, GW_SPAN_ROOT, 2500);
    gw_trace_let_go(trace);
    assert_int_equal(f->n_finished, 1);
    assert_int_equal(gw_trace_duration_us(f->finished), 1000);
    assert_int_not_equal(f->finished->spans[undo].duration_us, GW_SPAN_OPEN);
}

static void test_spans_are_bounded(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    for (unsigned i = 1; i < GW_TRACE_MAX_SPANS; i++)
        assert_int_equal(gw_span_begin(trace, GW_SPAN_SLEEP, GW_SPAN_ROOT, 1000 + i), i);
    uint16_t none = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 9000);
    assert_int_equal(none, GW_SPAN_NONE);
    gw_span_set_text(trace, none, GW_STR("x"));
    gw_span_end(trace, none, 9500);
    assert_null(gw_trace_span(trace, none));
    gw_trace_let_go(trace);
    assert_int_equal(f->finished->spans_dropped, 1);
    assert_int_equal(f->finished->n_spans, GW_TRACE_MAX_SPANS);
    assert_int_equal(f->finished->spans[100].start_us, 100);
}

static void test_texts_are_bounded(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    char text[GW_TRACE_MAX_STRING + 9];
    memset(text, 'a', sizeof text);
    memcpy(text + GW_TRACE_MAX_STRING - 1, "\xc3\xa4", 2); /* not cut in two */
    uint16_t first = gw_trace_add_text(trace, (struct gw_str){text, sizeof text});
    assert_int_equal(strlen(gw_trace_text(trace, first)), GW_TRACE_MAX_STRING - 1);
    for (unsigned i = 0; i < 20; i++)
        gw_trace_add_text(trace, (struct gw_str){text, sizeof text});
    assert_int_equal(gw_trace_add_text(trace, (struct gw_str){text, sizeof text}), 0);
    gw_trace_let_go(trace);
    assert_true(f->finished->text_len <= GW_TRACE_MAX_TEXT);
    assert_text(f->finished, 0, "");
}

static void test_lines_of_the_log_are_bounded(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    for (unsigned i = 0; i < GW_TRACE_MAX_LOGGED + 4; i++)
        gw_trace_log(trace, GW_LOG_WARN, GW_STR("low"), GW_STR("routes/x.lua:3"));
    gw_trace_let_go(trace);
    const struct gw_trace *done = f->finished;
    assert_int_equal(done->n_spans, 1 + GW_TRACE_MAX_LOGGED);
    assert_int_equal(done->spans[1].kind, GW_SPAN_LOG);
    assert_int_equal(done->spans[1].level, GW_LOG_WARN);
    assert_text(done, done->spans[1].text, "low");
    assert_text(done, done->spans[1].text2, "routes/x.lua:3");
}

static void test_lines_of_the_log_have_no_secrets(void **state) {
    struct fixture *f = *state;
    struct gw_trace *trace = begin(f);
    gw_trace_log(trace, GW_LOG_WARN, GW_STR("GET /x?api_key=abc&n=1 failed"), GW_STR(""));
    gw_trace_let_go(trace);
    assert_text(f->finished, f->finished->spans[1].text, "GET /x?api_key=[redacted]&n=1 failed");
}

static void test_may_hold_its_root_only(void **state) {
    struct fixture *f = *state;
    gw_tracer_record(f->tracer, false);
    struct gw_trace *trace = begin(f);
    assert_int_equal(gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1500), GW_SPAN_NONE);
    gw_trace_log(trace, GW_LOG_WARN, GW_STR("low"), GW_STR(""));
    gw_trace_let_go(trace);
    assert_int_equal(f->finished->n_spans, 1);
    assert_int_equal(f->finished->spans_dropped, 0);
}

static void test_memory_is_used_again(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < 200; i++) {
        struct gw_trace *trace = begin(f);
        assert_int_equal(trace->n_spans, 1);
        assert_int_equal(trace->n_calls, 0);
        gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1500);
        trace->n_calls++;
        gw_trace_let_go(trace);
    }
    assert_int_equal(f->n_finished, 200);
    assert_true(f->finished->size < 600);
}

static void test_of_no_record_nothing_is_kept(void **state) {
    (void)state;
    assert_int_equal(gw_span_begin(NULL, GW_SPAN_CALL, GW_SPAN_ROOT, 1), GW_SPAN_NONE);
    gw_span_end(NULL, GW_SPAN_NONE, 2);
    gw_span_set_text(NULL, GW_SPAN_NONE, GW_STR("x"));
    gw_trace_log(NULL, GW_LOG_WARN, GW_STR("x"), GW_STR("y"));
    gw_trace_answered(NULL, 200, 0, 3);
    gw_trace_hold(NULL);
    gw_trace_let_go(NULL);
}

static void test_ids_are_hexadecimal(void **state) {
    (void)state;
    char trace_id[GW_TRACE_ID_SIZE], span_id[GW_SPAN_ID_SIZE];
    gw_trace_id_text((struct gw_trace_id){0x0123456789abcdef, 0xf}, trace_id);
    gw_span_id_text(0x1a, span_id);
    assert_string_equal(trace_id, "0123456789abcdef000000000000000f");
    assert_string_equal(span_id, "000000000000001a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_says_what_it_was_told),
        TEST(test_spans_are_a_tree),
        TEST(test_is_finished_by_the_last_holder),
        TEST(test_spans_are_bounded),
        TEST(test_texts_are_bounded),
        TEST(test_lines_of_the_log_are_bounded),
        TEST(test_lines_of_the_log_have_no_secrets),
        TEST(test_may_hold_its_root_only),
        TEST(test_memory_is_used_again),
        TEST(test_of_no_record_nothing_is_kept),
        TEST(test_ids_are_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
