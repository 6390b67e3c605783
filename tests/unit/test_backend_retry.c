#include "backend_fixture.h"

static struct gw_backend_options retrying(struct world *w) {
    struct gw_backend_options options = options_for(w->url);
    options.breaker.threshold = 1000;
    options.retry = gw_retry_defaults();
    return options;
}

static int begin_retrying(void **state) {
    begin(state);
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    define(w, &options);
    return 0;
}

static void fails_twice(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests <= 2)
        fails(conn, request);
    else
        peer_answers(conn, request);
}

/* --- Which failures, of which requests --- */

static void the_caller_sees_one_result(void **state) {
    struct world *w = *state;
    w->peer->script = fails_twice;
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_int_equal(answer.result.status, 200);
    assert_int_equal(answer.result.attempts, 3);
    assert_string_equal(answer.body, "ok");
    assert_int_equal(w->peer->requests, 3);
}

static void the_last_failure_is_the_result(void **state) {
    struct world *w = *state;
    w->peer->answer = "HTTP/1.1 502 No\r\nContent-Length: 4\r\n\r\nlost";
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_STATUS);
    assert_int_equal(answer.result.status, 502);
    assert_int_equal(answer.result.attempts, 3);
    assert_string_equal(answer.body, "lost");
    assert_int_equal(w->peer->requests, 3);
}

static void each_attempt_is_the_same_request(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = {.method = "PUT",
                                         .path = GW_STR("/a"),
                                         .fields = GW_STR("x-correlation-id: abc\nx-b: c\n"),
                                         .body = GW_STR("body"),
                                         .has_body = true};
    w->peer->script = fails_twice;
    struct answer answer = call(w, &request);
    assert_int_equal(answer.result.attempts, 3);
    assert_non_null(strstr(w->peer->last, "\r\nx-correlation-id: abc\r\nx-b: c\r\n"));
    assert_non_null(strstr(w->peer->last, "\r\n\r\nbody"));
}

static unsigned attempts_of(struct world *w, struct gw_backend_request request, const char *method,
                            enum gw_repeat repeat) {
    request.method = method;
    request.repeat = repeat;
    int before = w->peer->requests;
    struct answer answer = call(w, &request);
    assert_int_equal(w->peer->requests - before, answer.result.attempts);
    return answer.result.attempts;
}

static void only_what_may_be_repeated_is(void **state) {
    struct world *w = *state;
    w->peer->script = fails;
    assert_int_equal(attempts_of(w, GET, "GET", GW_REPEAT_BY_METHOD), 3);
    assert_int_equal(attempts_of(w, GET, "PUT", GW_REPEAT_BY_METHOD), 3);
    assert_int_equal(attempts_of(w, GET, "DELETE", GW_REPEAT_BY_METHOD), 3);
    assert_int_equal(attempts_of(w, GET, "POST", GW_REPEAT_BY_METHOD), 1);
    assert_int_equal(attempts_of(w, GET, "PATCH", GW_REPEAT_BY_METHOD), 1);
    assert_int_equal(attempts_of(w, GET, "POST", GW_REPEAT_ALLOWED), 3);
    assert_int_equal(attempts_of(w, GET, "GET", GW_REPEAT_FORBIDDEN), 1);
}

static void other_answers_are_final(void **state) {
    static const char *const answers[] = {
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        w->peer->answer = answers[i];
        struct answer answer = call(w, &GET);
        assert_int_equal(answer.result.attempts, 1);
    }
    assert_int_equal(w->peer->requests, 4);
}

static void the_statuses_may_be_chosen(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    options.retry.n_statuses = 1;
    options.retry.statuses[0] = 500;
    define(w, &options);
    w->peer->answer = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(call(w, &GET).result.attempts, 3);
    w->peer->script = fails;
    assert_int_equal(call(w, &GET).result.attempts, 1);
    options.retry.statuses[0] = 429;
    define(w, &options);
    w->peer->script = peer_answers;
    w->peer->answer = "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(call(w, &GET).result.attempts, 3);
}

/* A request that never left may be repeated, whatever it is. */
static void what_never_left_is_tried_again(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.method = "POST";
    peer_stop_listening(w->peer);
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_CONNECT);
    assert_int_equal(answer.result.attempts, 3);
}

static void one_call_may_ask_for_fewer(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    w->peer->script = fails;
    request.attempts = 2;
    assert_int_equal(call(w, &request).result.attempts, 2);
    request.attempts = 1;
    assert_int_equal(call(w, &request).result.attempts, 1);
}

/* --- Time --- */

static void a_slow_try_is_given_up(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    options.try_timeout_ms = 30;
    define(w, &options);
    w->peer->script = says_nothing;
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_TIMEOUT);
    assert_int_equal(answer.result.attempts, 3);
    assert_true(answer.result.duration_us > 80000);
    RUN_UNTIL(w->base, w->peer->open == 0); /* no connection with a late answer is kept */
}

static void the_timeout_is_that_of_all_attempts(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.timeout_ms = 100;
    request.try_timeout_ms = 60;
    w->peer->script = says_nothing;
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_TIMEOUT);
    assert_in_range(answer.result.attempts, 1, 2); /* the pause may be longer than what is left */
    assert_true(answer.result.duration_us < 2000000);
}

static void the_deadline_is_too(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.deadline_ms = gw_clock_ms() + 100;
    request.attempts = 1000;
    w->peer->script = fails;
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_STATUS);
    assert_in_range(answer.result.attempts, 2, 100);
    assert_true(gw_clock_ms() < request.deadline_ms + 2000);
}

static int64_t times_ms[16];

static void fails_and_notes(struct peer_conn *conn, const char *request) {
    times_ms[conn->peer->requests - 1] = gw_clock_ms();
    fails(conn, request);
}

static void pauses_are_short_and_random(void **state) {
    struct world *w = *state;
    w->peer->script = fails_and_notes;
    for (int i = 0; i < 5; i++)
        call(w, &GET);
    assert_int_equal(w->peer->requests, 15);
    int64_t sum = 0;
    for (int i = 0; i < 15; i += 3)
        sum += times_ms[i + 2] - times_ms[i];
    /* At most 375 ms; how they are spread is test_retry's. The rest is for a machine in a hurry. */
    assert_in_range(sum, 1, 3000);
}

static void asks_for_a_second(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 1)
        peer_say(conn, "HTTP/1.1 503 No\r\nRetry-After:  1 \r\nContent-Length: 0\r\n\r\n");
    else
        peer_answers(conn, request);
}

static void retry_after_is_waited_out(void **state) {
    struct world *w = *state;
    w->peer->script = asks_for_a_second;
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_int_equal(answer.result.attempts, 2);
    assert_true(answer.result.duration_us > 950000); /* the loop's clock is a coarse one */
}

static void or_the_call_is_over(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.timeout_ms = 500;
    w->peer->script = asks_for_a_second;
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_STATUS);
    assert_int_equal(answer.result.attempts, 1);
    assert_true(answer.result.duration_us < 950000);
}

/* --- Breaker and budget --- */

/* Each try is a call to the backend: the third one opens it. */
static void never_into_an_open_breaker(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    options.breaker.threshold = 2;
    options.breaker.recovery_ms = 100000;
    define(w, &options);
    w->peer->script = fails;
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_STATUS); /* what it got, not that the breaker is open */
    assert_int_equal(answer.result.attempts, 2);
    assert_int_equal(w->peer->requests, 2);
    assert_state(w, GW_BREAKER_OPEN);
}

static void nor_into_one_that_opens_in_the_pause(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    struct answer answer;
    options.retry.base_ms = options.retry.cap_ms = 400;
    define(w, &options);
    w->peer->script = fails;
    start(w, &GET, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1 || answer.times);
    RUN_TURNS(w->base, 5);
    gw_backend_force_open(w->backend);
    RUN_UNTIL(w->base, answer.times);
    assert_failure(&answer, GW_FAILURE_STATUS);
    assert_int_equal(answer.result.attempts, w->peer->requests);
}

/* Of 20 calls at most as many are repeated as the budget lets: 20 %, but one in each second. */
static void an_outage_is_not_multiplied(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    options.budget = (struct gw_retry_budget_options){.ratio = 0.2, .per_second = 1};
    define(w, &options);
    w->peer->script = fails;
    for (int i = 0; i < 20; i++)
        call(w, &GET);
    assert_in_range(w->peer->requests, 23, 28);
}

/* --- Hedging --- */

static const struct gw_backend_request HEDGED = {
    .method = "GET", .path = {"/a", 2}, .hedge_ms = 40};

static void only_the_second_answers(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 2)
        peer_answers(conn, request);
}

static void the_first_answer_wins(void **state) {
    struct world *w = *state;
    w->peer->script = only_the_second_answers;
    struct answer answer = call(w, &HEDGED);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_int_equal(answer.result.attempts, 2);
    assert_true(answer.result.duration_us > 25000);
    RUN_UNTIL(w->base, w->peer->open == 1); /* that of the other attempt is closed */
    assert_int_equal(w->peer->requests, 2);
}

static void a_quick_answer_is_not_hedged(void **state) {
    struct world *w = *state;
    int64_t until = gw_clock_ms() + 80;
    struct answer answer = call(w, &HEDGED);
    assert_int_equal(answer.result.attempts, 1);
    RUN_UNTIL(w->base, gw_clock_ms() > until);
    assert_int_equal(w->peer->requests, 1);
}

/* The hedge fails at once; the first attempt, silent so far, is waited for. */
static struct peer_conn *silent;

static void the_hedge_fails(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 1) {
        silent = conn;
        return;
    }
    fails(conn, request);
    peer_answers(silent, request);
}

static void a_failure_waits_for_the_other(void **state) {
    struct world *w = *state;
    w->peer->script = the_hedge_fails;
    struct answer answer = call(w, &HEDGED);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_string_equal(answer.body, "ok");
    assert_int_equal(answer.result.attempts, 2);
}

static void what_may_not_be_repeated_is_not_hedged(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = HEDGED;
    request.method = "POST";
    request.timeout_ms = 120;
    w->peer->script = says_nothing;
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_TIMEOUT);
    assert_int_equal(w->peer->requests, 1);
}

static void hedges_draw_on_the_budget(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    struct gw_backend_request request = HEDGED;
    options.budget = (struct gw_retry_budget_options){0};
    define(w, &options);
    request.timeout_ms = 120;
    w->peer->script = says_nothing;
    struct answer answer = call(w, &request);
    assert_int_equal(answer.result.attempts, 1);
    assert_int_equal(w->peer->requests, 1);
}

/* --- Cancelling --- */

static void cancels_in_the_pause(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = retrying(w);
    struct answer answer;
    options.retry.base_ms = options.retry.cap_ms = 5000;
    define(w, &options);
    w->peer->answer = "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nkept";
    struct gw_backend_call *sent = start(w, &GET, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    RUN_TURNS(w->base, 5);
    gw_backend_cancel(sent);
    RUN_TURNS(w->base, 5);
    assert_int_equal(answer.times, 0);
    assert_int_equal(w->peer->requests, 1);
}

static void cancels_both_attempts(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = says_nothing;
    struct gw_backend_call *sent = start(w, &HEDGED, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 2);
    assert_int_equal(gw_backend_attempts(sent), 2);
    gw_backend_cancel(sent);
    RUN_UNTIL(w->base, w->peer->open == 0);
    assert_int_equal(answer.times, 0);
    assert_state(w, GW_BREAKER_CLOSED);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_retrying, end)
    const struct CMUnitTest tests[] = {
        TEST(the_caller_sees_one_result),
        TEST(the_last_failure_is_the_result),
        TEST(each_attempt_is_the_same_request),
        TEST(only_what_may_be_repeated_is),
        TEST(other_answers_are_final),
        TEST(the_statuses_may_be_chosen),
        TEST(what_never_left_is_tried_again),
        TEST(one_call_may_ask_for_fewer),
        TEST(a_slow_try_is_given_up),
        TEST(the_timeout_is_that_of_all_attempts),
        TEST(the_deadline_is_too),
        TEST(pauses_are_short_and_random),
        TEST(retry_after_is_waited_out),
        TEST(or_the_call_is_over),
        TEST(never_into_an_open_breaker),
        TEST(nor_into_one_that_opens_in_the_pause),
        TEST(an_outage_is_not_multiplied),
        TEST(the_first_answer_wins),
        TEST(a_quick_answer_is_not_hedged),
        TEST(a_failure_waits_for_the_other),
        TEST(what_may_not_be_repeated_is_not_hedged),
        TEST(hedges_draw_on_the_budget),
        TEST(cancels_in_the_pause),
        TEST(cancels_both_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
