/* Traces on their way to a collector, which here lives on the test's own loop. */
#include "engine/exporter.h"

#include "peer_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct event_base *base;
    struct peer *collector;
    struct gw_tracer *tracer;
    struct gw_exporter *exporter;
    struct gw_settings settings;
    char endpoint[64];
};

static void on_done(void *user, struct gw_trace *trace) {
    struct world *w = user;
    gw_exporter_take(w->exporter, trace);
}

static int begin(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->base = event_base_new();
    w->collector = peer_new(w->base);
    w->collector->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    w->tracer = gw_tracer_new(0, on_done, w);
    snprintf(w->endpoint, sizeof w->endpoint, "http://127.0.0.1:%u/", w->collector->port);
    w->settings = (struct gw_settings){.otlp_endpoint = w->endpoint,
                                       .otel_exporter = "otlp",
                                       .otlp_timeout_ms = 8000,
                                       .otel_delay_ms = 60000,
                                       .otel_queue_size = 100,
                                       .otel_batch_size = 2};
    *state = w;
    return 0;
}

static void open_exporter(struct world *w) {
    struct gw_exporter_options options;
    assert_true(gw_exporter_options_init(&options, &w->settings));
    options.flush_ms = 500;
    w->exporter = gw_exporter_new(&options);
}

struct freeing {
    struct gw_exporter *exporter;
    atomic_bool is_done;
};

static void *free_it(void *user) {
    struct freeing *freeing = user;
    gw_exporter_free(freeing->exporter);
    atomic_store(&freeing->is_done, true);
    return NULL;
}

/* While the collector answers, which the exporter waits for. */
static void close_exporter(struct world *w) {
    struct freeing freeing = {.exporter = w->exporter};
    pthread_t thread;
    pthread_create(&thread, NULL, free_it, &freeing);
    RUN_UNTIL(w->base, atomic_load(&freeing.is_done));
    pthread_join(thread, NULL);
    w->exporter = NULL;
}

static int end(void **state) {
    struct world *w = *state;
    if (w->exporter)
        close_exporter(w);
    gw_tracer_free(w->tracer);
    peer_free(w->collector);
    event_base_free(w->base);
    free(w);
    return 0;
}

/* So many records of one span. */
static void trace(struct world *w, unsigned n, const char *path) {
    for (unsigned i = 0; i < n; i++) {
        struct gw_trace_start start = {.method = GW_STR("GET"), .path = gw_str_from(path)};
        struct gw_trace *begun = gw_trace_begin(w->tracer, &start);
        gw_trace_answered(begun, 200, 0, 0);
        gw_trace_let_go(begun);
    }
}

static struct gw_exporter_counts counts(struct world *w) {
    return gw_exporter_counts(w->exporter);
}

#define WAIT(condition) RUN_UNTIL(w->base, condition)

static void a_batch_is_sent_when_it_is_full(void **state) {
    struct world *w = *state;
    w->settings.otlp_headers = "api-key=hunter2,x=a%20b";
    open_exporter(w);
    trace(w, 1, "/first");
    RUN_TURNS(w->base, 10);
    trace(w, 1, "/second");
    WAIT(counts(w).exported == 2);
    const char *request = w->collector->last;
    assert_memory_equal(request, "POST /v1/traces HTTP/1.1\r\n", 26);
    assert_non_null(strstr(request, "\r\ncontent-type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nuser-agent: moongate/"));
    assert_non_null(strstr(request, "\r\napi-key: hunter2\r\nx: a b\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"resourceSpans\":[{\"resource\":{"));
    assert_non_null(strstr(request, "\"/first\""));
    assert_non_null(strstr(request, "\"/second\""));
    assert_string_equal(request + strlen(request) - 6, "]}]}]}");
    assert_int_equal(w->collector->requests, 1);
}

static void few_are_sent_after_a_while(void **state) {
    struct world *w = *state;
    w->settings.otel_delay_ms = 30;
    open_exporter(w);
    trace(w, 1, "/");
    WAIT(counts(w).exported == 1);
    trace(w, 1, "/");
    WAIT(counts(w).exported == 2);
    assert_int_equal(w->collector->requests, 2);
    assert_int_equal(w->collector->accepted, 1);
}

static void stay_silent(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static void what_does_not_fit_is_dropped_and_counted(void **state) {
    struct world *w = *state;
    w->settings.otel_queue_size = 5;
    w->collector->script = stay_silent;
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(w->collector->requests == 1);
    trace(w, 7, "/");
    assert_int_equal(counts(w).dropped, 2);
    assert_int_equal(counts(w).exported, 0);
}

static void fail_once(struct peer_conn *conn, const char *request) {
    bool is_first = conn->peer->requests == 1;
    (void)request;
    peer_say(conn, is_first ? "HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
                            : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void what_may_come_later_is_sent_again(void **state) {
    struct world *w = *state;
    w->collector->script = fail_once;
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(counts(w).exported == 2);
    assert_int_equal(w->collector->requests, 2);
    assert_int_equal(counts(w).dropped, 0);
}

static void break_off_once(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 1)
        peer_reset(conn);
    else
        peer_answers(conn, request);
}

static void what_broke_off_is_sent_again(void **state) {
    struct world *w = *state;
    w->collector->script = break_off_once;
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(counts(w).exported == 2);
    assert_int_equal(w->collector->requests, 2);
}

static void what_is_refused_is_not_sent_again(void **state) {
    struct world *w = *state;
    w->collector->answer = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(counts(w).dropped == 2);
    assert_int_equal(w->collector->requests, 1);
    w->collector->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    trace(w, 2, "/");
    WAIT(counts(w).exported == 2);
}

static void it_is_not_tried_for_ever(void **state) {
    struct world *w = *state;
    w->settings.otlp_timeout_ms = 100;
    w->collector->answer = "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(counts(w).dropped == 2);
    assert_int_equal(w->collector->requests, 1);
    w->collector->script = stay_silent;
    trace(w, 2, "/");
    WAIT(counts(w).dropped == 4);
}

static void some_may_be_refused(void **state) {
    struct world *w = *state;
    w->collector->answer = "HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n"
                           " {\"partialSuccess\": {\"rejectedSpans\": \"1\"}}";
    open_exporter(w);
    trace(w, 2, "/");
    WAIT(counts(w).exported == 1);
    assert_int_equal(counts(w).dropped, 1);
}

static void what_waits_is_sent_at_the_end(void **state) {
    struct world *w = *state;
    w->settings.otel_batch_size = 10;
    open_exporter(w);
    trace(w, 25, "/");
    close_exporter(w);
    assert_int_equal(w->collector->requests, 3);
}

static void a_silent_collector_is_not_waited_for_at_the_end(void **state) {
    struct world *w = *state;
    int64_t started_ms = gw_clock_ms();
    w->collector->script = stay_silent;
    open_exporter(w);
    trace(w, 9, "/");
    WAIT(w->collector->requests == 1);
    close_exporter(w);
    assert_in_range(gw_clock_ms() - started_ms, 400, 5000);
    assert_int_equal(w->collector->requests, 1);
}

static void nor_is_one_that_is_away(void **state) {
    struct world *w = *state;
    int64_t started_ms = gw_clock_ms();
    peer_stop_listening(w->collector);
    open_exporter(w);
    trace(w, 9, "/");
    close_exporter(w);
    assert_in_range(gw_clock_ms() - started_ms, 0, 5000);
}

static void one_alone_has_always_room(void **state) {
    struct world *w = *state;
    w->settings.otel_queue_size = 1;
    open_exporter(w);
    struct gw_trace_start start = {.method = GW_STR("GET")};
    struct gw_trace *begun = gw_trace_begin(w->tracer, &start);
    gw_span_event(begun, GW_SPAN_CALL, GW_SPAN_ROOT, 0);
    gw_trace_let_go(begun);
    WAIT(counts(w).exported == 2);
}

static bool is_wanted(const struct gw_settings *settings) {
    struct gw_exporter_options options;
    if (!gw_exporter_options_init(&options, settings))
        return false;
    gw_exporter_options_fini(&options);
    return true;
}

static void nothing_is_exported_unless_it_is_wanted(void **state) {
    struct world *w = *state;
    struct gw_settings settings = w->settings;
    assert_true(is_wanted(&settings));
    settings.otel_disabled = true;
    assert_false(is_wanted(&settings));
    settings = w->settings;
    settings.otel_exporter = "none";
    assert_false(is_wanted(&settings));
    settings = w->settings;
    settings.otlp_endpoint = NULL;
    assert_false(is_wanted(&settings));
    settings.otlp_traces_endpoint = "http://a/b";
    assert_true(is_wanted(&settings));
    gw_exporter_take(NULL, NULL);
    gw_exporter_free(NULL);
}

static void check_url(const struct gw_settings *settings, const char *expected) {
    struct gw_exporter_options options;
    assert_true(gw_exporter_options_init(&options, settings));
    assert_string_equal(options.url.data, expected);
    gw_exporter_options_fini(&options);
}

static void what_is_for_traces_goes_before_what_is_for_all(void **state) {
    struct world *w = *state;
    struct gw_settings settings = w->settings;
    struct gw_exporter_options options;
    settings.otlp_endpoint = "http://a:4318";
    check_url(&settings, "http://a:4318/v1/traces");
    settings.otlp_endpoint = "http://a:4318/otlp//";
    check_url(&settings, "http://a:4318/otlp/v1/traces");
    settings.otlp_traces_endpoint = "https://b/in/";
    check_url(&settings, "https://b/in/");
    settings.otlp_traces_timeout_ms = 7;
    settings.otlp_headers = "a=1";
    settings.otlp_traces_headers = "b=2";
    settings.otlp_certificate = "/ca";
    assert_true(gw_exporter_options_init(&options, &settings));
    assert_int_equal(options.timeout_ms, 7);
    assert_string_equal(options.ca_file, "/ca");
    gw_buf_append_char(&options.fields, '\0');
    assert_null(strstr(options.fields.data, "a: 1"));
    assert_non_null(strstr(options.fields.data, "\nb: 2\n"));
    gw_exporter_options_fini(&options);
}

static void without_the_sdk_only_callers_sample(void **state) {
    (void)state;
    struct gw_traceparent parent = {.flags = GW_TRACEPARENT_SAMPLED};
    struct gw_settings settings = {.otel_sampler = "always_on", .otel_sampler_ratio = 1};
    struct gw_sampler sampler = gw_exporter_sampler(&settings);
    assert_true(gw_sampler_decide(&sampler, 1, NULL));
    settings.otel_disabled = true;
    sampler = gw_exporter_sampler(&settings);
    assert_false(gw_sampler_decide(&sampler, UINT64_MAX, NULL));
    assert_true(gw_sampler_decide(&sampler, 1, &parent));
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_is_sent_when_it_is_full, begin, end),
        cmocka_unit_test_setup_teardown(few_are_sent_after_a_while, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_dropped_and_counted, begin, end),
        cmocka_unit_test_setup_teardown(what_may_come_later_is_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(what_broke_off_is_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(what_is_refused_is_not_sent_again, begin, end),
        cmocka_unit_test_setup_teardown(it_is_not_tried_for_ever, begin, end),
        cmocka_unit_test_setup_teardown(some_may_be_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_waits_is_sent_at_the_end, begin, end),
        cmocka_unit_test_setup_teardown(a_silent_collector_is_not_waited_for_at_the_end, begin,
                                        end),
        cmocka_unit_test_setup_teardown(nor_is_one_that_is_away, begin, end),
        cmocka_unit_test_setup_teardown(one_alone_has_always_room, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_exported_unless_it_is_wanted, begin, end),
        cmocka_unit_test_setup_teardown(what_is_for_traces_goes_before_what_is_for_all, begin, end),
        cmocka_unit_test(without_the_sdk_only_callers_sample),
    };
    return cmocka_run_group_tests_name("exporter", tests, NULL, NULL);
}
