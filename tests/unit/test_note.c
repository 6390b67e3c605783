/* What is noted of a call in the record of the request it serves. */
#include "backend_fixture.h"

struct recording {
    struct gw_tracer *tracer;
    struct gw_trace *trace;
    uint16_t span; /* the call's */
};

static void on_done(void *user, struct gw_trace *trace) {
    (void)user, (void)trace;
}

static struct recording record(void) {
    struct recording r = {.tracer = gw_tracer_new(0, on_done, NULL)};
    struct gw_trace_start start = {.started_us = gw_clock_us()};
    r.trace = gw_trace_begin(r.tracer, &start);
    r.span = gw_span_begin(r.trace, GW_SPAN_CALL, GW_SPAN_ROOT, gw_clock_us());
    return r;
}

static void forget(struct recording *r) {
    gw_trace_let_go(r->trace);
    gw_tracer_free(r->tracer);
}

static struct gw_backend_request recorded(const struct recording *r) {
    struct gw_backend_request request = GET;
    request.trace = r->trace;
    request.span = r->span;
    return request;
}

static struct recording run(struct world *w) {
    struct recording r = record();
    struct gw_backend_request request = recorded(&r);
    call(w, &request);
    return r;
}

/* The kinds of the spans below the call, as one word each. */
static void assert_kinds(const struct recording *r, const char *expected) {
    char text[256] = "";
    for (unsigned i = r->span + 1u; i < r->trace->n_spans; i++) {
        strcat(text, *text ? " " : "");
        strcat(text, gw_span_kind_name((enum gw_span_kind)r->trace->spans[i].kind));
        assert_int_equal(r->trace->spans[i].parent, r->span);
        assert_int_not_equal(r->trace->spans[i].duration_us, GW_SPAN_OPEN);
    }
    assert_string_equal(text, expected);
}

static const struct gw_span *child(const struct recording *r, unsigned n) {
    return &r->trace->spans[r->span + n];
}

static const char *text_of(const struct recording *r, unsigned n) {
    return gw_trace_text(r->trace, child(r, n)->text);
}

static void an_attempt_has_its_host_and_phases(void **state) {
    struct world *w = *state;
    struct recording r = run(w);
    assert_kinds(&r, "attempt");
    const struct gw_span *attempt = child(&r, 1);
    assert_string_equal(attempt->name, "pricing");
    assert_string_equal(attempt->host, w->url);
    assert_int_equal(attempt->status, 200);
    assert_int_equal(attempt->count, 1);
    assert_int_equal(attempt->failure, GW_FAILURE_NONE);
    assert_int_equal(attempt->flags, 0);
    assert_true(attempt->phases_us[GW_SPAN_CONNECT] > 0 && attempt->phases_us[GW_SPAN_WAIT] > 0);
    forget(&r);
    r = run(w);
    assert_int_equal(child(&r, 1)->flags, GW_SPAN_REUSED);
    forget(&r);
}

static void fails_once(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 1)
        fails(conn, request);
    else
        peer_answers(conn, request);
}

static void a_retry_comes_after_its_pause(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.retry = gw_retry_defaults();
    define(w, &options);
    w->peer->script = fails_once;
    struct recording r = run(w);
    assert_kinds(&r, "attempt pause attempt");
    assert_int_equal(child(&r, 1)->status, 503);
    assert_int_equal(child(&r, 1)->failure, GW_FAILURE_STATUS);
    assert_int_equal(child(&r, 3)->status, 200);
    assert_int_equal(child(&r, 3)->count, 2);
    assert_true(child(&r, 2)->start_us + child(&r, 2)->duration_us <= child(&r, 3)->start_us);
    forget(&r);
}

static void an_open_breaker_lets_nothing_through(void **state) {
    struct world *w = *state;
    open_it(w);
    struct recording r = run(w);
    assert_kinds(&r, "breaker");
    assert_string_equal(text_of(&r, 1), "open: not sent");
    forget(&r);
}

static void what_an_attempt_does_to_the_breaker_is_noted(void **state) {
    struct world *w = *state;
    struct recording r;
    w->peer->script = fails;
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            forget(&r);
        r = run(w);
    }
    assert_kinds(&r, "attempt breaker");
    assert_string_equal(text_of(&r, 2), "closed to open");
    forget(&r);
    w->peer->script = peer_answers;
    RUN_UNTIL(w->base, gw_backend_state(w->backend) == GW_BREAKER_HALF_OPEN);
    r = run(w);
    assert_kinds(&r, "breaker attempt breaker");
    assert_string_equal(text_of(&r, 1), "half_open: a trial");
    assert_string_equal(text_of(&r, 3), "half_open to closed");
    forget(&r);
}

static void a_failure_says_why(void **state) {
    struct world *w = *state;
    peer_stop_listening(w->peer);
    struct recording r = run(w);
    assert_int_equal(child(&r, 1)->failure, GW_FAILURE_CONNECT);
    assert_string_equal(text_of(&r, 1), "Connection refused");
    forget(&r);
}

static void answers_the_second(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 2)
        peer_answers(conn, request);
}

static void a_hedge_is_marked_and_the_slower_one_cancelled(void **state) {
    struct world *w = *state;
    struct recording r = record();
    struct gw_backend_request request = recorded(&r);
    request.hedge_ms = 5;
    w->peer->script = answers_the_second;
    call(w, &request);
    assert_kinds(&r, "attempt attempt");
    assert_int_equal(child(&r, 1)->failure, GW_FAILURE_CANCELLED);
    assert_int_equal(child(&r, 2)->flags & GW_SPAN_HEDGE, GW_SPAN_HEDGE);
    assert_int_equal(child(&r, 2)->status, 200);
    forget(&r);
}

static void the_line_is_waited_in(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.max_concurrent = options.max_waiting = 1;
    define(w, &options);
    struct recording first = record(), second = record();
    struct gw_backend_request one = recorded(&first), two = recorded(&second);
    struct answer answers[2];
    start(w, &one, &answers[0]);
    start(w, &two, &answers[1]);
    RUN_UNTIL(w->base, answers[0].times && answers[1].times);
    assert_kinds(&first, "attempt");
    assert_kinds(&second, "line attempt");
    assert_true(child(&second, 2)->start_us >= child(&second, 1)->duration_us);
    forget(&first);
    forget(&second);
}

static void a_cancelled_call_leaves_nothing_open(void **state) {
    struct world *w = *state;
    struct recording r = record();
    struct gw_backend_request request = recorded(&r);
    struct answer answer;
    w->peer->script = says_nothing;
    struct gw_backend_call *sent = start(w, &request, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    gw_backend_cancel(sent);
    assert_kinds(&r, "attempt");
    assert_int_equal(child(&r, 1)->failure, GW_FAILURE_CANCELLED);
    forget(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_attempt_has_its_host_and_phases),
        TEST(a_retry_comes_after_its_pause),
        TEST(an_open_breaker_lets_nothing_through),
        TEST(what_an_attempt_does_to_the_breaker_is_noted),
        TEST(a_failure_says_why),
        TEST(a_hedge_is_marked_and_the_slower_one_cancelled),
        TEST(the_line_is_waited_in),
        TEST(a_cancelled_call_leaves_nothing_open),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
