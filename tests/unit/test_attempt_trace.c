/* What each try of a call tells its backend of the trace it belongs to. */
#include "backend_fixture.h"

#include "policy/tracestate.h"

static char sent[4][2][700]; /* traceparent and tracestate of each request */

static void take_field(const char *request, const char *name, char *out) {
    const char *at = strstr(request, name);
    out[0] = '\0';
    if (at)
        sscanf(at + strlen(name), "%600[^\r]", out);
}

static void fails_once(struct peer_conn *conn, const char *request) {
    int n = conn->peer->requests - 1;
    take_field(request, "\r\ntraceparent: ", sent[n][0]);
    take_field(request, "\r\ntracestate: ", sent[n][1]);
    peer_say(conn, n == 0 ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                          : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void forget(void *user, struct gw_trace *trace) {
    (void)user, (void)trace;
}

static const struct gw_traceparent CALLER = {1, 2, 3, GW_TRACEPARENT_SAMPLED};

/* Two tries of one call, in a record with or without spans; the spans' own ids, or zeros. */
static void call_twice(struct world *w, bool spans, struct gw_str state, uint64_t ids[2]) {
    struct gw_backend_options options = options_for(w->url);
    options.retry = (struct gw_retry_options){.attempts = 2, .n_statuses = 1, .statuses = {503}};
    w->backend = define(w, &options);
    w->peer->script = fails_once;
    struct gw_tracer *tracer = gw_tracer_new(0, forget, NULL);
    gw_tracer_record(tracer, spans);
    struct gw_trace_start begin_it = {.parent = &CALLER, .tracestate = state};
    struct gw_trace *trace = gw_trace_begin(tracer, &begin_it);
    struct gw_backend_request request = GET;
    request.trace = trace;
    request.span = gw_span_begin(trace, GW_SPAN_CALL, GW_SPAN_ROOT, gw_clock_us());
    struct answer answer = call(w, &request);
    assert_int_equal(answer.result.attempts, 2);
    ids[0] = ids[1] = 0;
    for (unsigned i = 0, n = 0; i < trace->n_spans; i++)
        if (trace->spans[i].kind == GW_SPAN_ATTEMPT)
            ids[n++] = trace->spans[i].id;
    gw_trace_let_go(trace);
    gw_tracer_free(tracer);
}

static struct gw_traceparent parent_sent(int n) {
    struct gw_traceparent parent;
    assert_true(gw_traceparent_parse(gw_str_from(sent[n][0]), &parent));
    assert_true(parent.trace_high == 1 && parent.trace_low == 2);
    assert_int_equal(parent.flags, GW_TRACEPARENT_SAMPLED);
    return parent;
}

static void each_try_sends_its_own_id(void **state) {
    uint64_t ids[2];
    call_twice(*state, true, GW_STR("foo=1"), ids);
    assert_true(parent_sent(0).span == ids[0]);
    assert_true(parent_sent(1).span == ids[1]);
    assert_string_equal(sent[0][1], "foo=1");
    assert_string_equal(sent[1][1], "foo=1");
}

static void also_where_nothing_is_recorded(void **state) {
    uint64_t ids[2];
    call_twice(*state, false, GW_STR(""), ids);
    assert_true(ids[0] == 0 && ids[1] == 0);
    assert_true(parent_sent(0).span != parent_sent(1).span);
    assert_string_equal(sent[0][1], "");
}

static void the_longest_state_is_sent_whole(void **state) {
    uint64_t ids[2];
    char longest[GW_TRACESTATE_MAX_LEN];
    memset(longest, 'v', sizeof longest);
    memcpy(longest, "a=", 2);
    memcpy(longest + 250, ",b=", 3);
    call_twice(*state, true, (struct gw_str){longest, sizeof longest}, ids);
    assert_int_equal(strlen(sent[0][1]), sizeof longest);
    assert_memory_equal(sent[0][1], longest, sizeof longest);
}

static void a_call_of_no_trace_has_none(void **state) {
    struct world *w = *state;
    w->peer->script = fails_once;
    call(w, &GET);
    assert_string_equal(sent[0][0], "");
    assert_string_equal(sent[0][1], "");
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_try_sends_its_own_id, begin, end),
        cmocka_unit_test_setup_teardown(also_where_nothing_is_recorded, begin, end),
        cmocka_unit_test_setup_teardown(the_longest_state_is_sent_whole, begin, end),
        cmocka_unit_test_setup_teardown(a_call_of_no_trace_has_none, begin, end),
    };
    return cmocka_run_group_tests_name("attempts' traces", tests, NULL, NULL);
}
