#include "backend_fixture.h"

struct later {
    struct peer_conn *conn;
    struct event *timer;
};

static void on_later(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct later *later = user;
    peer_say(later->conn, later->conn->peer->answer);
    event_free(later->timer);
    free(later);
}

static void answers_after_50_ms(struct peer_conn *conn, const char *request) {
    (void)request;
    struct later *later = calloc(1, sizeof *later);
    later->conn = conn;
    later->timer = evtimer_new(conn->peer->base, on_later, later);
    event_add(later->timer, &(struct timeval){.tv_usec = 50000});
}

/* --- Calls --- */

static void sends_and_answers(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = {.method = "POST",
                                         .path = GW_STR("/a/b?c=d"),
                                         .fields = GW_STR("x-correlation-id: abc\n"),
                                         .body = GW_STR("{}"),
                                         .has_body = true};
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_int_equal(answer.result.status, 200);
    assert_int_equal(answer.result.attempts, 1);
    assert_int_equal(answer.result.retry_after_ms, 0);
    assert_true(answer.result.duration_us > 0);
    assert_string_equal(answer.body, "ok");
    assert_non_null(strstr(w->peer->last, "POST /a/b?c=d HTTP/1.1\r\n"));
    assert_non_null(strstr(w->peer->last, "\r\nx-correlation-id: abc\r\n"));
    assert_non_null(strstr(w->peer->last, "\r\n\r\n{}"));
}

static int patience(const struct world *w) {
    const char *field = strstr(w->peer->last, "\r\nx-request-timeout-ms: ");
    assert_non_null(field);
    return atoi(field + 24);
}

static void tells_how_long_it_waits(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    call(w, &request);
    assert_in_range(patience(w), 5000, 8000);
    request.try_timeout_ms = 700;
    call(w, &request);
    assert_int_equal(patience(w), 700);
    request.deadline_ms = gw_clock_ms() + 600;
    call(w, &request);
    assert_in_range(patience(w), 100, 600);
}

static void tells_each_kind_of_failure(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.breaker.threshold = 1000;
    define(w, &options);
    struct gw_backend_request slow = GET;
    slow.timeout_ms = 30;
    w->peer->script = hangs_up;
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_DECODE);
    w->peer->script = says_nothing;
    answer = call(w, &slow);
    assert_failure(&answer, GW_FAILURE_TIMEOUT);
    w->peer->script = peer_answers;
    w->peer->answer = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone";
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_STATUS);
    assert_int_equal(answer.result.status, 404);
    assert_string_equal(answer.body, "gone");
    w->peer->answer = "HTTP/1.1 304 Same\r\n\r\n";
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    options.max_response = 3;
    define(w, &options);
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlong";
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_TOO_LARGE);
    struct gw_backend_request bad = GET;
    bad.path = GW_STR("/a b");
    answer = call(w, &bad);
    assert_failure(&answer, GW_FAILURE_REFUSED);
    peer_stop_listening(w->peer);
    peer_hang_up_all(w->peer);
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_CONNECT);
    assert_string_equal(answer.result.error, "Connection refused");
}

static void the_result_may_be_taken(void *user, struct gw_backend_result *result) {
    gw_buf_move(user, &result->body);
}

static void gives_away_its_body(void **state) {
    struct world *w = *state;
    struct gw_buf body = {0};
    gw_backend_start(w->backend, w->caller, &GET, the_result_may_be_taken, &body);
    RUN_UNTIL(w->base, body.len > 0);
    assert_true(gw_str_equal(gw_buf_str(&body), GW_STR("ok")));
    gw_buf_fini(&body);
}

/* --- Deadlines --- */

static void a_passed_deadline_sends_nothing(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.deadline_ms = gw_clock_ms() - 1;
    struct answer answer = call(w, &request);
    assert_failure(&answer, GW_FAILURE_DEADLINE);
    assert_int_equal(answer.result.attempts, 0);
    assert_int_equal(w->peer->accepted, 0);
}

/* The backend had not had the time it is given: that says nothing of its health. */
static void a_deadline_is_not_the_backends_fault(void **state) {
    struct world *w = *state;
    w->peer->script = says_nothing;
    for (int i = 0; i < 5; i++) {
        struct gw_backend_request request = GET;
        request.deadline_ms = gw_clock_ms() + 20;
        struct answer answer = call(w, &request);
        assert_failure(&answer, GW_FAILURE_DEADLINE);
        assert_int_equal(answer.result.attempts, 1);
    }
    assert_state(w, GW_BREAKER_CLOSED);
}

static void let_three_be_late(struct world *w, const struct gw_backend_request *request) {
    struct answer late[3];
    w->peer->script = says_nothing;
    for (int i = 0; i < 3; i++)
        start(w, request, &late[i]);
    RUN_UNTIL(w->base, late[0].times + late[1].times + late[2].times == 3);
    for (int i = 0; i < 3; i++)
        assert_failure(&late[i], GW_FAILURE_DEADLINE);
}

/* A route that gives its requests little says what is long for it: else a backend that hangs behind
 * it would be called for ever. */
static void the_routes_own_deadline_is(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.deadline_ms = gw_clock_ms() + 40;
    request.allowance_ms = 50;
    let_three_be_late(w, &request);
    assert_state(w, GW_BREAKER_OPEN);
}

static void what_others_left_of_it_is_not(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.deadline_ms = gw_clock_ms() + 40;
    request.allowance_ms = 100;
    let_three_be_late(w, &request);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* Whoever asks for little must not be able to close the backend for all. */
static void a_callers_deadline_never_is(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.deadline_ms = gw_clock_ms() + 40;
    request.allowance_ms = 50;
    request.deadline_is_callers = true;
    let_three_be_late(w, &request);
    assert_state(w, GW_BREAKER_CLOSED);
}

static const char *wants_ok(const struct gw_backend_request *request,
                            const struct gw_call_response *response) {
    (void)request;
    return gw_str_equal(gw_buf_str(&response->body), GW_STR("ok")) ? NULL : "not ok";
}

/* It answered, but with what nobody can use. */
static void an_unusable_answer_is_a_failure(void **state) {
    struct world *w = *state;
    struct gw_backend_request request = GET;
    request.check = wants_ok;
    for (int i = 0; i < 3; i++) {
        w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
        struct answer answer = call(w, &request);
        assert_failure(&answer, GW_FAILURE_DECODE);
        assert_string_equal(answer.result.error, "not ok");
        assert_int_equal(answer.result.status, 200);
        assert_int_equal(answer.result.attempts, 1);
    }
    assert_state(w, GW_BREAKER_OPEN);
}

static void a_timeout_before_the_deadline_is(void **state) {
    struct world *w = *state;
    w->peer->script = says_nothing;
    for (int i = 0; i < 3; i++) {
        struct gw_backend_request request = GET;
        request.timeout_ms = 20;
        request.deadline_ms = gw_clock_ms() + 5000;
        struct answer answer = call(w, &request);
        assert_failure(&answer, GW_FAILURE_TIMEOUT);
    }
    assert_state(w, GW_BREAKER_OPEN);
}

/* --- The breaker --- */

static void opens_after_failures(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.breaker.recovery_ms = 100000;
    define(w, &options);
    open_it(w);
    assert_state(w, GW_BREAKER_OPEN);
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_OPEN);
    assert_int_equal(answer.result.attempts, 0);
    assert_int_equal(answer.result.status, 0);
    assert_in_range(answer.result.retry_after_ms, 90000, 100000);
    assert_int_equal(w->peer->requests, 3);
}

static void the_callers_mistakes_do_not_open_it(void **state) {
    struct world *w = *state;
    w->peer->answer = "HTTP/1.1 409 No\r\nContent-Length: 0\r\n\r\n";
    struct gw_backend_request bad = GET;
    bad.path = GW_STR("/a b");
    for (int i = 0; i < 5; i++) {
        call(w, &GET);
        call(w, &bad);
    }
    assert_state(w, GW_BREAKER_CLOSED);
}

static void too_many_requests_count_if_asked_to(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    w->peer->answer = "HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n";
    for (int i = 0; i < 5; i++)
        call(w, &GET);
    assert_state(w, GW_BREAKER_CLOSED);
    options.count_429 = true;
    define(w, &options);
    for (int i = 0; i < 3; i++)
        call(w, &GET);
    assert_state(w, GW_BREAKER_OPEN);
}

static void slow_calls_count_if_asked_to(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.breaker.window.calls = 2;
    options.breaker.minimum_calls = 2;
    options.breaker.slow_call_ms = 30;
    options.breaker.slow_rate = 1;
    define(w, &options);
    w->peer->script = answers_after_50_ms;
    call(w, &GET);
    assert_state(w, GW_BREAKER_CLOSED);
    call(w, &GET);
    assert_state(w, GW_BREAKER_OPEN);
}

static void an_operator_opens_and_closes_it(void **state) {
    struct world *w = *state;
    gw_backend_force_open(w->backend);
    assert_state(w, GW_BREAKER_FORCED_OPEN);
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_OPEN);
    gw_backend_close(w->backend);
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    gw_backend_disable(w->backend);
    open_it(w);
    assert_state(w, GW_BREAKER_DISABLED);
    gw_backend_reset(w->backend);
    open_it(w);
    assert_state(w, GW_BREAKER_OPEN);
}

static void closes_after_a_good_trial(void **state) {
    struct world *w = *state;
    open_it(w);
    RUN_UNTIL(w->base, gw_backend_state(w->backend) == GW_BREAKER_HALF_OPEN);
    struct answer trial, other;
    start(w, &GET, &trial);
    start(w, &GET, &other); /* one trial at once */
    RUN_UNTIL(w->base, trial.times && other.times);
    assert_failure(&trial, GW_FAILURE_NONE);
    assert_failure(&other, GW_FAILURE_OPEN);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void a_cancelled_trial_makes_room(void **state) {
    struct world *w = *state;
    open_it(w);
    RUN_UNTIL(w->base, gw_backend_state(w->backend) == GW_BREAKER_HALF_OPEN);
    struct answer cancelled;
    gw_backend_cancel(start(w, &GET, &cancelled));
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_state(w, GW_BREAKER_CLOSED);
    assert_int_equal(cancelled.times, 0);
}

/* A trial's lease is longer than its timeout, else its failure would come too late to count. */
static void a_trial_that_times_out_opens_it_again(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    options.timeout_ms = options.breaker.lease_ms = 20;
    define(w, &options);
    open_it(w);
    RUN_UNTIL(w->base, gw_backend_state(w->backend) == GW_BREAKER_HALF_OPEN);
    options.breaker.recovery_ms = 100000;
    w->peer->script = says_nothing;
    struct answer trial;
    start(w, &GET, &trial);
    define(w, &options);
    RUN_UNTIL(w->base, trial.times);
    assert_failure(&trial, GW_FAILURE_TIMEOUT);
    assert_state(w, GW_BREAKER_OPEN);
}

static void cancels(void **state) {
    struct world *w = *state;
    struct answer waiting, at_once, refused;
    w->peer->script = says_nothing;
    struct gw_backend_call *sent = start(w, &GET, &waiting);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    gw_backend_cancel(sent);
    gw_backend_cancel(start(w, &GET, &at_once));
    struct gw_backend_request late = GET;
    late.deadline_ms = 1;
    gw_backend_cancel(start(w, &late, &refused));
    RUN_UNTIL(w->base, w->peer->open == 0);
    assert_int_equal(waiting.times + at_once.times + refused.times, 0);
    assert_state(w, GW_BREAKER_CLOSED);
}

struct twins {
    struct gw_backend_call *first, *second;
    int delivered;
};

static void cancel_second(void *user, struct gw_backend_result *result) {
    struct twins *twins = user;
    assert_int_equal(result->failure, GW_FAILURE_DEADLINE);
    twins->delivered++;
    gw_backend_cancel(twins->second);
}

static void count(void *user, struct gw_backend_result *result) {
    (void)result;
    ((struct twins *)user)->delivered++;
}

static void a_done_may_cancel_its_neighbour(void **state) {
    struct world *w = *state;
    struct twins twins = {0};
    struct gw_backend_request late = GET;
    late.deadline_ms = 1;
    twins.first = gw_backend_start(w->backend, w->caller, &late, cancel_second, &twins);
    twins.second = gw_backend_start(w->backend, w->caller, &late, count, &twins);
    RUN_UNTIL(w->base, twins.delivered);
    RUN_TURNS(w->base, 5);
    assert_int_equal(twins.delivered, 1);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(sends_and_answers),
        TEST(tells_how_long_it_waits),
        TEST(tells_each_kind_of_failure),
        TEST(gives_away_its_body),
        TEST(a_passed_deadline_sends_nothing),
        TEST(a_deadline_is_not_the_backends_fault),
        TEST(an_unusable_answer_is_a_failure),
        TEST(the_routes_own_deadline_is),
        TEST(what_others_left_of_it_is_not),
        TEST(a_callers_deadline_never_is),
        TEST(a_timeout_before_the_deadline_is),
        TEST(opens_after_failures),
        TEST(the_callers_mistakes_do_not_open_it),
        TEST(too_many_requests_count_if_asked_to),
        TEST(slow_calls_count_if_asked_to),
        TEST(an_operator_opens_and_closes_it),
        TEST(closes_after_a_good_trial),
        TEST(a_cancelled_trial_makes_room),
        TEST(a_trial_that_times_out_opens_it_again),
        TEST(cancels),
        TEST(a_done_may_cancel_its_neighbour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
