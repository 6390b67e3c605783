/* How the record of a request is told, as JSON and as text. */
#include "admin/requests.h"

#include "base/json_scan.h"
#include "engine/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct gw_tracer *tracer;
    struct gw_trace *trace; /* finished; held */
    struct gw_buf out;
};

static void keep(void *user, struct gw_trace *trace) {
    struct fixture *f = user;
    gw_trace_ref(trace);
    f->trace = trace;
}

static int begin(void **state) {
    static struct fixture f;
    f = (struct fixture){0};
    f.tracer = gw_tracer_new(1, keep, &f);
    *state = &f;
    return 0;
}

static int end(void **state) {
    struct fixture *f = *state;
    gw_trace_unref(f->trace);
    gw_tracer_free(f->tracer);
    gw_buf_fini(&f->out);
    return 0;
}

/* --- Records --- */

static struct gw_trace *begin_request(struct fixture *f) {
    struct gw_trace_start start = {
        .kind = GW_TRACE_REQUEST,
        .generation = 4,
        .started_us = 1000000,
        .correlation_id = GW_STR("corr-1"),
        .method = GW_STR("GET"),
        .path = GW_STR("/a\"b?x=1"),
        .route = GW_STR("GET /:id"),
    };
    return gw_trace_begin(f->tracer, &start);
}

static void add_attempt(struct gw_trace *trace, uint16_t call) {
    uint16_t attempt = gw_span_begin(trace, GW_SPAN_ATTEMPT, call, 1002000);
    gw_span_end(trace, attempt, 1008000);
    struct gw_span *span = gw_trace_span(trace, attempt);
    span->name = "pricing";
    span->host = "http://pricing:8002";
    span->count = 1;
    span->status = 503;
    span->failure = GW_FAILURE_STATUS;
    span->flags = GW_SPAN_REUSED | GW_SPAN_HEDGE;
    span->phases_us[GW_SPAN_CONNECT] = 1000;
    span->phases_us[GW_SPAN_WAIT] = 4500;
}

static void add_call(struct gw_trace *trace) {
    uint16_t call = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, 1002000);
    gw_span_set_target(trace, call, "POST", GW_STR("/prices?key=secret"));
    struct gw_span *span = gw_trace_span(trace, call);
    span->name = "pricing";
    span->flags = GW_SPAN_FALLBACK;
    add_attempt(trace, call);
    gw_span_end(trace, call, 1008500);
}

static struct gw_recent_entry finish(struct fixture *f, struct gw_trace *trace) {
    gw_trace_answered(trace, 200, 7, 1010000);
    gw_trace_let_go(trace);
    return (struct gw_recent_entry){f->trace, GW_RECENT_SLOW};
}

static struct gw_recent_entry one_with_a_call(struct fixture *f) {
    struct gw_trace *trace = begin_request(f);
    add_call(trace);
    return finish(f, trace);
}

static struct gw_recent_entry one_that_logged(struct fixture *f) {
    struct gw_trace *trace = begin_request(f);
    gw_trace_log(trace, GW_LOG_WARN, GW_STR("low"), GW_STR("init.lua:3"));
    return finish(f, trace);
}

/* One span of each kind, each with all it can have. */
static struct gw_recent_entry one_of_everything(struct fixture *f) {
    struct gw_trace *trace = begin_request(f);
    for (int kind = GW_SPAN_PARSE; kind <= GW_SPAN_LOG; kind++) {
        uint16_t span = gw_span_begin(trace, (enum gw_span_kind)kind, GW_SPAN_ROOT, 1001000);
        gw_trace_span(trace, span)->name = "backend";
        gw_span_set_text(trace, span, GW_STR("text"));
        trace->spans[span].text2 = gw_trace_add_text(trace, GW_STR("more"));
        gw_span_end(trace, span, 1002000);
    }
    return finish(f, trace);
}

/* --- Told --- */

static void assert_says(struct fixture *f, const char *expected) {
    gw_buf_append_char(&f->out, '\0');
    f->out.len--;
    if (!strstr(f->out.data, expected))
        fail_msg("no %s in %s", expected, f->out.data);
}

static void assert_says_not(struct fixture *f, const char *unwanted) {
    gw_buf_append_char(&f->out, '\0');
    f->out.len--;
    assert_null(strstr(f->out.data, unwanted));
}

static void the_row_has_what_a_list_shows(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_with_a_call(f);
    gw_request_row_json(&entry, &f->out);
    assert_says(f, "\"kind\":\"request\",\"correlation_id\":\"corr-1\"");
    assert_says(f, "\"method\":\"GET\",\"path\":\"/a\\\"b\",\"route\":\"GET /:id\",\"status\":200");
    assert_says(f, "\"duration_ms\":10.000,\"generation\":4,\"worker\":1,\"kept\":\"slow\"");
    assert_says(f, "\"slowest_call\":\"pricing\"}");
}

static void what_there_is_not_is_null(void **state) {
    struct fixture *f = *state;
    struct gw_trace_start start = {.kind = GW_TRACE_JOB, .route = GW_STR("job report")};
    struct gw_trace *trace = gw_trace_begin(f->tracer, &start);
    gw_trace_let_go(trace);
    struct gw_recent_entry entry = {f->trace, GW_RECENT_LAST};
    gw_request_row_json(&entry, &f->out);
    assert_says(f, "\"method\":null,\"path\":\"\",\"route\":\"job report\",\"status\":null");
    assert_says(f, "\"slowest_call\":null");
}

static void phases_are_spans_below_their_attempt(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_with_a_call(f);
    gw_request_json(&entry, &f->out);
    assert_says(f, "{\"index\":0,\"parent\":null,\"kind\":\"request\",\"name\":\"GET /a\\\"b\"");
    assert_says(f, "{\"index\":1,\"parent\":0,\"kind\":\"call\",\"name\":\"POST /prices\","
                   "\"start_ms\":2.000,\"duration_ms\":6.500,\"backend\":\"pricing\","
                   "\"note\":\"its fallback was used\"}");
    assert_says(f, "\"host\":\"http://pricing:8002\",\"status\":503,\"failure\":\"status\","
                   "\"attempt\":1,\"note\":\"hedge; kept connection\"}");
    assert_says(f, "{\"index\":3,\"parent\":2,\"kind\":\"connect\",\"name\":\"connect\","
                   "\"start_ms\":2.000,\"duration_ms\":1.000}");
    assert_says(f, "{\"index\":4,\"parent\":2,\"kind\":\"wait\",\"name\":\"wait\","
                   "\"start_ms\":3.000,\"duration_ms\":4.500}");
    assert_says_not(f, "secret");
}

static void lines_of_the_log_stand_apart(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_that_logged(f);
    gw_request_json(&entry, &f->out);
    assert_says(f, "\"level\":\"warn\",\"message\":\"low\",\"where\":\"init.lua:3\"}]");
    assert_says_not(f, "\"kind\":\"log\"");
    gw_buf_clear(&f->out);
    gw_request_text(&entry, &f->out);
    assert_says(f, "warn low (init.lua:3)\n");
}

static void each_kind_can_be_told(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_of_everything(f);
    struct gw_str spans, list;
    struct gw_json_item item;
    unsigned n = 0;
    gw_request_json(&entry, &f->out);
    assert_true(gw_json_find(gw_json_inside(gw_buf_str(&f->out)), "spans", &spans));
    for (list = gw_json_inside(spans); gw_json_next(&list, &item); n++)
        ;
    assert_int_equal(n, 1 + GW_SPAN_LOG - GW_SPAN_PARSE);
    assert_says(f, "\"kind\":\"saga_step\",\"name\":\"text step 0\"");
    assert_says(f, "\"kind\":\"breaker\",\"name\":\"backend\"");
    gw_buf_clear(&f->out);
    gw_request_text(&entry, &f->out);
    assert_says(f, "saga_step text step 0 (more)\n");
}

static void the_waterfall_is_nested(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_with_a_call(f);
    gw_request_text(&entry, &f->out);
    assert_says(f, "correlation id corr-1\n");
    assert_says(f, "|================================|  request GET /a\"b -> 200\n");
    assert_says(f, "|      =====================     |    call pricing POST /prices"
                   " (its fallback was used)\n");
    assert_says(f,
                "|      attempt 1 http://pricing:8002 -> 503, status (hedge; kept connection)\n");
    assert_says(f, "|        wait\n");
}

static void the_row_is_a_line(void **state) {
    struct fixture *f = *state;
    struct gw_recent_entry entry = one_with_a_call(f);
    gw_request_row_text(&entry, &f->out);
    assert_says(f, "  200      10.0 ms  slow    GET /a\"b  (pricing 6.5 ms)\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_row_has_what_a_list_shows),
        TEST(what_there_is_not_is_null),
        TEST(phases_are_spans_below_their_attempt),
        TEST(lines_of_the_log_stand_apart),
        TEST(each_kind_can_be_told),
        TEST(the_waterfall_is_nested),
        TEST(the_row_is_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
