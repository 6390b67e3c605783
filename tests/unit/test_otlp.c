/* Records as OTLP's JSON, made by hand so that their ids and times are known. */
#include "engine/otlp.h"

#include "base/json_scan.h"
#include "engine/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A record and its texts, which are added as they are needed. */
struct record {
    struct gw_trace trace;
    struct gw_span spans[8];
    char text[2048];
    struct gw_buf out;
};

static uint16_t add(struct record *record, const char *text) {
    size_t at = record->trace.text_len;
    strcpy(record->text + at, text);
    record->trace.text_len += strlen(text) + 1;
    return (uint16_t)at;
}

static struct gw_span *span(struct record *record, enum gw_span_kind kind, uint16_t parent,
                            uint32_t start_us, uint32_t duration_us) {
    struct gw_span *at = &record->spans[record->trace.n_spans++];
    *at = (struct gw_span){.id = 0xa0 + record->trace.n_spans,
                           .start_us = start_us,
                           .duration_us = duration_us,
                           .parent = parent,
                           .kind = (uint8_t)kind};
    return at;
}

static int begin(void **state) {
    static struct record record;
    record = (struct record){
        .trace = {.id = {0x0af7651916cd43dd, 0x8448eb211c80319c},
                  .is_sampled = true,
                  .is_random = true,
                  .status = 200,
                  .bytes = 12,
                  .worker = 1,
                  .generation = 7,
                  .wall_us = 1700000000000001,
                  .text_len = 1},
    };
    record.trace.spans = record.spans;
    record.trace.text = record.text;
    record.trace.correlation_id = add(&record, "abc-1");
    record.trace.method = add(&record, "GET");
    record.trace.path = add(&record, "/api/v1/products/1");
    record.trace.route = add(&record, "GET /api/v1/products/:id");
    span(&record, GW_SPAN_REQUEST, GW_SPAN_NONE, 0, 2500);
    *state = &record;
    return 0;
}

static int end(void **state) {
    struct record *record = *state;
    gw_buf_fini(&record->out);
    return 0;
}

static const char *written(struct record *record) {
    gw_buf_clear(&record->out);
    gw_otlp_append(&record->out, &record->trace);
    gw_buf_append_char(&record->out, '\0');
    return record->out.data;
}

static void check_has(struct record *record, const char *part) {
    if (!strstr(written(record), part))
        fail_msg("no %s in %s", part, record->out.data);
}

static void check_has_no(struct record *record, const char *part) {
    if (strstr(written(record), part))
        fail_msg("%s in %s", part, record->out.data);
}

static void check_attribute(struct record *record, const char *key, const char *value) {
    char text[300];
    snprintf(text, sizeof text, "{\"key\":\"%s\",\"value\":{%s}}", key, value);
    check_has(record, text);
}

static void check_text(struct record *record, const char *key, const char *value) {
    char text[200];
    snprintf(text, sizeof text, "\"stringValue\":\"%s\"", value);
    check_attribute(record, key, text);
}

/* 64-bit integers are text. */
static void check_int(struct record *record, const char *key, const char *value) {
    char text[200];
    snprintf(text, sizeof text, "\"intValue\":\"%s\"", value);
    check_attribute(record, key, text);
}

static void check_true(struct record *record, const char *key) {
    check_attribute(record, key, "\"boolValue\":true");
}

static void a_request_is_a_server_span(void **state) {
    struct record *record = *state;
    const char *head = "{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\","
                       "\"spanId\":\"00000000000000a1\",\"flags\":259,"
                       "\"name\":\"GET /api/v1/products/:id\",\"kind\":2,"
                       "\"startTimeUnixNano\":\"1700000000000001000\","
                       "\"endTimeUnixNano\":\"1700000000002501000\",\"attributes\":[";
    assert_memory_equal(written(record), head, strlen(head));
    check_text(record, "http.request.method", "GET");
    check_text(record, "url.path", "/api/v1/products/1");
    check_text(record, "url.scheme", "http");
    check_text(record, "http.route", "/api/v1/products/:id");
    check_int(record, "http.response.status_code", "200");
    check_int(record, "http.response.body.size", "12");
    check_text(record, "moongate.correlation_id", "abc-1");
    check_int(record, "moongate.generation", "7");
    check_int(record, "moongate.worker", "1");
    check_has_no(record, "parentSpanId");
    check_has_no(record, "traceState");
    check_has_no(record, "events");
}

static void a_trace_that_goes_on_names_its_parent(void **state) {
    struct record *record = *state;
    record->trace.parent_span = 0xb7ad6b7169203331;
    record->trace.is_random = false;
    record->trace.tracestate = add(record, "rojo=1,congo=2");
    check_has(record, "\"parentSpanId\":\"b7ad6b7169203331\",\"flags\":769,"
                      "\"traceState\":\"rojo=1,congo=2\",");
}

static void only_5xx_is_an_error_of_the_server(void **state) {
    struct record *record = *state;
    record->trace.status = 404;
    check_int(record, "http.response.status_code", "404");
    check_has_no(record, "\"status\":");
    check_has_no(record, "error.type");
    record->trace.status = 503;
    check_text(record, "error.type", "503");
    check_has(record, "],\"status\":{\"code\":2}}");
}

static void a_client_that_has_gone_was_answered_nothing(void **state) {
    struct record *record = *state;
    record->trace.status = 499;
    check_text(record, "error.type", "client_closed");
    check_has_no(record, "http.response");
    check_has_no(record, "\"status\":");
}

static void odd_methods_have_one_name(void **state) {
    struct record *record = *state;
    record->trace.method = add(record, "BREW");
    record->trace.route = 0;
    check_has(record, "\"name\":\"HTTP\"");
    check_text(record, "http.request.method", "_OTHER");
    check_text(record, "http.request.method_original", "BREW");
    check_has_no(record, "http.route");
    record->trace.method = add(record, "HEAD");
    check_has(record, "\"name\":\"HEAD\"");
    record->trace.route = add(record, "GET /a/:id");
    check_has(record, "\"name\":\"HEAD /a/:id\"");
}

static struct gw_span *add_call(struct record *record) {
    struct gw_span *call = span(record, GW_SPAN_CALL, GW_SPAN_ROOT, 100, 2000);
    call->name = "inventory";
    call->text = add(record, "POST /api/v1/stock");
    call->count = 2;
    return call;
}

static struct gw_span *add_attempt(struct record *record, const char *host) {
    struct gw_span *attempt = span(record, GW_SPAN_ATTEMPT, 1, 100, 900);
    attempt->name = "inventory";
    attempt->host = host;
    attempt->count = 1;
    attempt->status = 201;
    return attempt;
}

static void calls_and_attempts_are_client_spans_below_each_other(void **state) {
    struct record *record = *state;
    add_call(record)->status = 201;
    struct gw_span *attempt = add_attempt(record, "http://inventory:8001/base");
    attempt->flags = GW_SPAN_HEDGE | GW_SPAN_REUSED;
    attempt->phases_us[GW_SPAN_WAIT] = 800;
    attempt->count = 2;
    check_has(record, "\"spanId\":\"00000000000000a2\",\"parentSpanId\":\"00000000000000a1\","
                      "\"flags\":259,\"name\":\"call inventory\",\"kind\":3,");
    check_text(record, "http.request.method", "POST");
    check_text(record, "url.path", "/api/v1/stock");
    check_int(record, "http.response.status_code", "201");
    check_int(record, "moongate.attempts", "2");
    check_text(record, "moongate.backend", "inventory");
    check_has(record, "\"spanId\":\"00000000000000a3\",\"parentSpanId\":\"00000000000000a2\","
                      "\"flags\":259,\"name\":\"POST\",\"kind\":3,");
    check_text(record, "url.full", "http://inventory:8001/base/api/v1/stock");
    check_text(record, "server.address", "inventory");
    check_int(record, "server.port", "8001");
    check_int(record, "http.request.resend_count", "1");
    check_int(record, "moongate.wait_us", "800");
    check_has_no(record, "moongate.dns_us");
    check_true(record, "moongate.hedge");
    check_true(record, "moongate.connection.reused");
    check_has_no(record, "moongate.repeated");
}

static void addresses_are_taken_apart(void **state) {
    static const char *const urls[][3] = {
        {"http://a", "a", "80"},
        {"https://a.example/x", "a.example", "443"},
        {"http://a:1", "a", "1"},
        {"http://[::1]:8001", "::1", "8001"},
        {"https://[fe80::2]", "fe80::2", "443"},
    };
    struct record *record = *state;
    add_call(record);
    struct gw_span *attempt = add_attempt(record, NULL);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        attempt->host = urls[i][0];
        check_text(record, "server.address", urls[i][1]);
        check_int(record, "server.port", urls[i][2]);
    }
}

static void failures_have_their_word_and_reason(void **state) {
    struct record *record = *state;
    add_call(record);
    struct gw_span *attempt = add_attempt(record, "http://a");
    attempt->status = 0;
    attempt->failure = GW_FAILURE_CONNECT;
    attempt->text = add(record, "cannot connect");
    check_text(record, "error.type", "connect");
    check_has(record, "],\"status\":{\"code\":2,\"message\":\"cannot connect\"}}");
    attempt->failure = GW_FAILURE_STATUS;
    attempt->status = 409;
    check_text(record, "error.type", "409");
    attempt->failure = GW_FAILURE_CANCELLED;
    check_text(record, "error.type", "cancelled");
    check_has_no(record, "\"status\":");
}

static void moments_are_events_of_what_they_happened_in(void **state) {
    struct record *record = *state;
    add_call(record);
    struct gw_span *log = span(record, GW_SPAN_LOG, GW_SPAN_ROOT, 50, 0);
    log->level = GW_LOG_WARN;
    log->text = add(record, "odd \"thing\"");
    log->text2 = add(record, "routes/a.lua:3");
    struct gw_span *breaker = span(record, GW_SPAN_BREAKER, 1, 60, 0);
    breaker->name = "inventory";
    breaker->text = add(record, "open: not sent");
    check_has(record, "\"events\":[{\"timeUnixNano\":\"1700000000000051000\",\"name\":\"log\",");
    check_text(record, "moongate.log.level", "warn");
    check_text(record, "moongate.log.message", "odd \\\"thing\\\"");
    check_text(record, "moongate.log.where", "routes/a.lua:3");
    check_has(record, "\"name\":\"circuit breaker\",\"attributes\":[");
    check_text(record, "moongate.breaker", "open: not sent");
    check_has_no(record, "00000000000000a3");
}

static void jobs_and_undoings_are_roots_too(void **state) {
    struct record *record = *state;
    record->trace.method = 0;
    record->trace.status = 0;
    record->trace.path = add(record, "42");
    record->trace.route = add(record, "job report");
    record->spans[0].kind = GW_SPAN_JOB;
    check_has(record, "\"name\":\"job report\",\"kind\":5,");
    check_has_no(record, "error.type");
    record->trace.is_failed = true;
    check_text(record, "error.type", "_OTHER");
    check_has(record, "],\"status\":{\"code\":2}}");
    check_text(record, "moongate.job.kind", "report");
    check_text(record, "moongate.job.id", "42");
    record->trace.route = add(record, "saga order");
    record->spans[0].kind = GW_SPAN_UNDOING;
    check_has(record, "\"name\":\"undo saga order\",\"kind\":1,");
    check_text(record, "moongate.saga.kind", "order");
    check_text(record, "moongate.saga.id", "42");
}

static void steps_and_undos_name_their_saga(void **state) {
    struct record *record = *state;
    struct gw_span *step = span(record, GW_SPAN_SAGA_STEP, GW_SPAN_ROOT, 1, 2);
    step->text = add(record, "order");
    step->text2 = add(record, "ORDER-1");
    check_has(record, "\"name\":\"saga_step\",\"kind\":1,");
    check_text(record, "moongate.saga.kind", "order");
    check_text(record, "moongate.saga.id", "ORDER-1");
    step->kind = GW_SPAN_UNDO;
    step->name = "inventory";
    step->text = add(record, "POST /release");
    check_has(record, "\"name\":\"undo inventory\",\"kind\":3,");
    check_text(record, "http.request.method", "POST");
    check_text(record, "url.path", "/release");
    check_text(record, "moongate.saga.id", "ORDER-1");
}

static void what_is_missing_is_counted(void **state) {
    struct record *record = *state;
    record->trace.spans_dropped = 3;
    check_int(record, "moongate.spans_dropped", "3");
}

/* The attributes as "key=value|". */
static void check_resource(const char *name, const char *attributes, const char *expected) {
    struct gw_buf out = {0}, seen = {0};
    struct gw_json_item item;
    gw_otlp_resource(&out, name, attributes);
    struct gw_str list = gw_json_inside(gw_buf_str(&out)), key, value;
    while (gw_json_next(&list, &item)) {
        assert_true(gw_json_find(gw_json_inside(item.value), "key", &key));
        assert_true(gw_json_find(gw_json_inside(item.value), "value", &value));
        assert_true(gw_json_find(gw_json_inside(value), "stringValue", &value));
        gw_json_append_text(&seen, key);
        gw_buf_append_char(&seen, '=');
        gw_json_append_text(&seen, value);
        gw_buf_append_char(&seen, '|');
    }
    gw_buf_append_char(&seen, '\0');
    assert_memory_equal(seen.data, expected, strlen(expected));
    assert_non_null(strstr(seen.data, "|telemetry.sdk.name=moongate|telemetry.sdk.language=c|"));
    gw_buf_fini(&out);
    gw_buf_fini(&seen);
}

static void the_service_has_a_name(void **state) {
    (void)state;
    check_resource(NULL, NULL, "service.name=moongate|telemetry");
    check_resource("edge", "service.name=x,team=a%20b", "service.name=edge|team=a b|telemetry");
    check_resource(NULL, "team=a,service.name=x", "team=a|service.name=x|telemetry");
}

static void a_request_is_whole(void **state) {
    struct record *record = *state;
    gw_otlp_open(&record->out, GW_STR("[]"));
    gw_otlp_append(&record->out, &record->trace);
    gw_otlp_append(&record->out, &record->trace);
    gw_otlp_close(&record->out);
    gw_buf_append_char(&record->out, '\0');
    const char *head = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[]},\"scopeSpans\":"
                       "[{\"scope\":{\"name\":\"moongate\",\"version\":\"";
    assert_memory_equal(record->out.data, head, strlen(head));
    assert_non_null(strstr(record->out.data, "\"},\"spans\":[{\"traceId\""));
    assert_non_null(strstr(record->out.data, "]},{\"traceId\""));
    assert_string_equal(record->out.data + record->out.len - 9, "]}]}]}]}");
}

static uint64_t rejected(const char *answer) {
    struct gw_str message;
    return gw_otlp_rejected(gw_str_from(answer), &message);
}

static void what_the_collector_does_not_take_is_counted(void **state) {
    (void)state;
    assert_int_equal(rejected(""), 0);
    assert_int_equal(rejected("{}"), 0);
    assert_int_equal(rejected("{\"partialSuccess\":{}}"), 0);
    assert_int_equal(rejected("{\"partialSuccess\": {\"rejectedSpans\": \"12\"}}"), 12);
    assert_int_equal(rejected("{\"partialSuccess\":{\"errorMessage\":\"x\",\"rejectedSpans\":3}}"),
                     3);
    assert_int_equal(rejected("{\"partialSuccess\":{\"rejectedSpans\":\"-1\"}}"), 0);
    assert_int_equal(rejected("<html>"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_a_server_span, begin, end),
        cmocka_unit_test_setup_teardown(a_trace_that_goes_on_names_its_parent, begin, end),
        cmocka_unit_test_setup_teardown(only_5xx_is_an_error_of_the_server, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_has_gone_was_answered_nothing, begin, end),
        cmocka_unit_test_setup_teardown(odd_methods_have_one_name, begin, end),
        cmocka_unit_test_setup_teardown(calls_and_attempts_are_client_spans_below_each_other, begin,
                                        end),
        cmocka_unit_test_setup_teardown(addresses_are_taken_apart, begin, end),
        cmocka_unit_test_setup_teardown(failures_have_their_word_and_reason, begin, end),
        cmocka_unit_test_setup_teardown(moments_are_events_of_what_they_happened_in, begin, end),
        cmocka_unit_test_setup_teardown(jobs_and_undoings_are_roots_too, begin, end),
        cmocka_unit_test_setup_teardown(steps_and_undos_name_their_saga, begin, end),
        cmocka_unit_test_setup_teardown(what_is_missing_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(a_request_is_whole, begin, end),
        cmocka_unit_test(the_service_has_a_name),
        cmocka_unit_test(what_the_collector_does_not_take_is_counted),
    };
    return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
