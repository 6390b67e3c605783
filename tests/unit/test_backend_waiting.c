#include "backend_fixture.h"

static struct gw_backend_options narrow(struct world *w, unsigned max_concurrent,
                                        unsigned max_waiting) {
    struct gw_backend_options options = options_for(w->url);
    options.max_concurrent = max_concurrent;
    options.max_waiting = max_waiting;
    return options;
}

/* Each request is answered when the test says so. */
static struct peer_conn *asked;

static void holds(struct peer_conn *conn, const char *request) {
    (void)request;
    asked = conn;
}

static int begin_narrow(void **state) {
    begin(state);
    asked = NULL;
    struct world *w = *state;
    struct gw_backend_options options = narrow(w, 1, 2);
    define(w, &options);
    return 0;
}

static void answer_one(struct world *w, struct answer *answer) {
    int before = answer->times;
    RUN_UNTIL(w->base, asked);
    struct peer_conn *conn = asked;
    asked = NULL;
    peer_answers(conn, "");
    RUN_UNTIL(w->base, answer->times > before);
}

static void first_come_first_served(void **state) {
    struct world *w = *state;
    struct answer answers[3];
    w->peer->script = holds;
    for (int i = 0; i < 3; i++)
        start(w, &GET, &answers[i]);
    for (int i = 0; i < 3; i++) {
        answer_one(w, &answers[i]);
        assert_failure(&answers[i], GW_FAILURE_NONE);
        assert_int_equal(answers[0].times + answers[1].times + answers[2].times, i + 1);
    }
    assert_int_equal(w->peer->most_open, 1);
}

static void a_full_line_refuses(void **state) {
    struct world *w = *state;
    struct answer answers[3], refused;
    w->peer->script = holds;
    for (int i = 0; i < 3; i++)
        start(w, &GET, &answers[i]);
    refused = call(w, &GET);
    assert_failure(&refused, GW_FAILURE_REFUSED);
    assert_int_equal(refused.result.attempts, 0);
    assert_int_equal(refused.result.retry_after_ms, 1000);
    for (int i = 0; i < 3; i++)
        answer_one(w, &answers[i]);
    assert_int_equal(w->peer->requests, 3);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void without_a_line_it_refuses_at_once(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = narrow(w, 1, 0);
    struct answer first, refused;
    define(w, &options);
    w->peer->script = holds;
    start(w, &GET, &first);
    refused = call(w, &GET);
    assert_failure(&refused, GW_FAILURE_REFUSED);
    answer_one(w, &first);
    start(w, &GET, &first);
    answer_one(w, &first);
    assert_failure(&first, GW_FAILURE_NONE);
}

static void waiting_counts_against_the_time(void **state) {
    struct world *w = *state;
    struct answer first, late, short_of_time;
    struct gw_backend_request request = GET;
    w->peer->script = holds;
    start(w, &GET, &first);
    request.timeout_ms = 50;
    start(w, &request, &late);
    request.timeout_ms = 0;
    request.deadline_ms = gw_clock_ms() + 70;
    start(w, &request, &short_of_time);
    RUN_UNTIL(w->base, late.times && short_of_time.times);
    assert_failure(&late, GW_FAILURE_TIMEOUT);
    assert_failure(&short_of_time, GW_FAILURE_DEADLINE);
    assert_int_equal(late.result.attempts, 0);
    answer_one(w, &first);
    assert_int_equal(w->peer->requests, 1);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* What the backend is told is what is left when it hears of the call, whatever it waited for: a
 * place, or a connection. */
static void the_attempt_has_what_is_left(void **state) {
    struct world *w = *state;
    struct answer first, second;
    struct gw_backend_request request = GET;
    int64_t until;
    w->peer->script = holds;
    start(w, &GET, &first);
    request.timeout_ms = 5000;
    start(w, &request, &second);
    until = gw_clock_ms() + 60;
    RUN_UNTIL(w->base, gw_clock_ms() > until);
    answer_one(w, &first);
    answer_one(w, &second);
    const char *field = strstr(w->peer->last, "\r\nx-request-timeout-ms: ");
    assert_non_null(field);
    assert_in_range(atoi(field + 24), 3000, 4940);
}

/* A place that another worker frees is handed over. */
static void another_workers_place_is_handed_over(void **state) {
    struct world *w = *state;
    struct gw_caller *other = gw_caller_new(w->base, w->client), *mine = w->caller;
    struct answer first, second;
    w->peer->script = holds;
    start(w, &GET, &first);
    w->caller = other;
    start(w, &GET, &second);
    w->caller = mine;
    answer_one(w, &first);
    int64_t freed_ms = gw_clock_ms();
    RUN_UNTIL(w->base, asked);
    assert_true(gw_clock_ms() - freed_ms < 200);
    answer_one(w, &second);
    gw_caller_free(other);
}

static void an_open_breaker_empties_the_line(void **state) {
    struct world *w = *state;
    struct answer first, second, third;
    w->peer->script = holds;
    start(w, &GET, &first);
    start(w, &GET, &second);
    start(w, &GET, &third);
    gw_backend_force_open(w->backend);
    answer_one(w, &first);
    RUN_UNTIL(w->base, second.times && third.times);
    assert_failure(&second, GW_FAILURE_OPEN);
    assert_failure(&third, GW_FAILURE_OPEN);
    assert_int_equal(w->peer->requests, 1);
}

/* A hedge is one more call to the backend. */
static void a_hedge_needs_a_place_too(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = narrow(w, 2, 5);
    struct gw_backend_request hedged = {.method = "GET", .path = {"/a", 2}, .hedge_ms = 10};
    struct answer first, second, third;
    define(w, &options);
    w->peer->script = says_nothing;
    struct gw_backend_call *calls[] = {start(w, &hedged, &first), start(w, &hedged, &second)};
    int64_t until_ms = gw_clock_ms() + 60;
    RUN_UNTIL(w->base, gw_clock_ms() > until_ms);
    assert_int_equal(w->peer->requests, 2);
    gw_backend_cancel(calls[1]);
    calls[1] = start(w, &hedged, &third);
    gw_backend_cancel(calls[0]);
    RUN_UNTIL(w->base, w->peer->requests == 4); /* the third, and its hedge in the first's place */
    gw_backend_cancel(calls[1]);
    w->peer->script = holds;
    for (int i = 0; i < 3; i++) { /* no place is lost */
        start(w, &GET, &first);
        answer_one(w, &first);
    }
}

/* --- Connections: the worker has one --- */

static int begin_single(void **state) {
    begin(state);
    asked = NULL;
    struct world *w = *state;
    gw_caller_free(w->caller);
    gw_client_free(w->client);
    w->client = gw_client_new(
        w->base, &(struct gw_client_options){.max_connections = 1, .max_idle_connections = 1});
    w->caller = gw_caller_new(w->base, w->client);
    return 0;
}

static void calls_wait_for_a_connection(void **state) {
    struct world *w = *state;
    struct answer answers[3];
    w->peer->script = holds;
    for (int i = 0; i < 3; i++)
        start(w, &GET, &answers[i]);
    for (int i = 0; i < 3; i++) {
        answer_one(w, &answers[i]);
        assert_failure(&answers[i], GW_FAILURE_NONE);
    }
    assert_int_equal(w->peer->accepted, 1);
}

/* Its time is over before it was sent: that is not the backend's fault. */
static void to_wait_in_vain_is_no_failure_of_the_backend(void **state) {
    struct world *w = *state;
    struct answer first, late[3];
    struct gw_backend_request request = GET;
    w->peer->script = holds;
    request.timeout_ms = 20;
    start(w, &GET, &first);
    for (int i = 0; i < 3; i++)
        start(w, &request, &late[i]);
    RUN_UNTIL(w->base, late[0].times + late[1].times + late[2].times == 3);
    assert_failure(&late[0], GW_FAILURE_TIMEOUT);
    assert_int_equal(late[0].result.attempts, 0);
    assert_state(w, GW_BREAKER_CLOSED);
    answer_one(w, &first);
    assert_int_equal(w->peer->requests, 1);
}

static void what_waits_is_not_sent_into_an_open_breaker(void **state) {
    struct world *w = *state;
    struct answer first, second;
    w->peer->script = holds;
    start(w, &GET, &first);
    start(w, &GET, &second);
    RUN_UNTIL(w->base, asked);
    gw_backend_force_open(w->backend);
    RUN_UNTIL(w->base, second.times); /* at once, not when the first has ended */
    assert_failure(&second, GW_FAILURE_OPEN);
    assert_int_equal(first.times, 0);
    answer_one(w, &first);
    assert_int_equal(w->peer->requests, 1);
}

/* A retry stands behind nobody, but waits for its connection too. */
static void a_retry_waits_for_a_connection(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    struct answer first, second;
    options.retry = (struct gw_retry_options){
        .attempts = 2, .base_ms = 1, .cap_ms = 1, .n_statuses = 1, .statuses = {503}};
    define(w, &options);
    w->peer->script = holds;
    start(w, &GET, &first);
    start(w, &GET, &second);
    RUN_UNTIL(w->base, asked);
    struct peer_conn *conn = asked;
    asked = NULL;
    peer_say(conn, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    answer_one(w, &second); /* its turn comes while the first one pauses */
    answer_one(w, &first);
    assert_failure(&first, GW_FAILURE_NONE);
    assert_int_equal(first.result.attempts, 2);
    assert_int_equal(w->peer->most_open, 1);
}

static void nobody_joins_the_line_of_an_open_breaker(void **state) {
    struct world *w = *state;
    struct answer busy[3], turned_away;
    w->peer->script = holds;
    for (int i = 0; i < 3; i++)
        start(w, &GET, &busy[i]); /* one in work, two in line, which is full */
    RUN_UNTIL(w->base, asked);
    gw_backend_force_open(w->backend);
    turned_away = call(w, &GET);
    assert_failure(&turned_away, GW_FAILURE_OPEN);
    assert_true(turned_away.result.retry_after_ms > 0);
    answer_one(w, &busy[0]);
}

/* --- Places again --- */

struct series {
    struct world *w;
    int started, answered;
};

static void start_next(void *user, struct gw_backend_result *result) {
    struct series *series = user;
    series->answered += result->failure == GW_FAILURE_NONE;
    if (++series->started < 5)
        gw_backend_start(series->w->backend, series->w->caller, &GET, start_next, series);
}

static void a_done_finds_the_place_free(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = narrow(w, 1, 0);
    struct series series = {.w = w};
    define(w, &options);
    gw_backend_start(w->backend, w->caller, &GET, start_next, &series);
    RUN_UNTIL(w->base, series.started == 5);
    assert_int_equal(series.answered, 5);
}

/* --- Cancelling --- */

static void cancels_in_line(void **state) {
    struct world *w = *state;
    struct answer first, cancelled, third;
    w->peer->script = holds;
    start(w, &GET, &first);
    struct gw_backend_call *waiting = start(w, &GET, &cancelled);
    start(w, &GET, &third);
    gw_backend_cancel(waiting);
    answer_one(w, &first);
    answer_one(w, &third);
    assert_int_equal(cancelled.times, 0);
    assert_int_equal(w->peer->requests, 2);
}

static void a_cancelled_call_gives_its_place_back(void **state) {
    struct world *w = *state;
    struct answer cancelled, second;
    w->peer->script = holds;
    struct gw_backend_call *sent = start(w, &GET, &cancelled);
    start(w, &GET, &second);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    gw_backend_cancel(sent);
    asked = NULL;
    answer_one(w, &second);
    assert_failure(&second, GW_FAILURE_NONE);
    assert_int_equal(cancelled.times, 0);
}

static void all_may_be_cancelled(void **state) {
    struct world *w = *state;
    struct answer answers[3];
    struct gw_backend_call *calls[3];
    w->peer->script = holds;
    for (int i = 0; i < 3; i++)
        calls[i] = start(w, &GET, &answers[i]);
    for (int i = 0; i < 3; i++)
        gw_backend_cancel(calls[i]);
    RUN_TURNS(w->base, 5);
    asked = NULL;
    struct answer after;
    start(w, &GET, &after);
    answer_one(w, &after);
    assert_failure(&after, GW_FAILURE_NONE);
    assert_int_equal(answers[0].times + answers[1].times + answers[2].times, 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_narrow, end)
    const struct CMUnitTest tests[] = {
        TEST(first_come_first_served),
        TEST(a_full_line_refuses),
        TEST(without_a_line_it_refuses_at_once),
        TEST(waiting_counts_against_the_time),
        TEST(the_attempt_has_what_is_left),
        TEST(another_workers_place_is_handed_over),
        TEST(an_open_breaker_empties_the_line),
        TEST(nobody_joins_the_line_of_an_open_breaker),
        TEST(a_hedge_needs_a_place_too),
        cmocka_unit_test_setup_teardown(calls_wait_for_a_connection, begin_single, end),
        cmocka_unit_test_setup_teardown(to_wait_in_vain_is_no_failure_of_the_backend, begin_single,
                                        end),
        cmocka_unit_test_setup_teardown(the_attempt_has_what_is_left, begin_single, end),
        cmocka_unit_test_setup_teardown(what_waits_is_not_sent_into_an_open_breaker, begin_single,
                                        end),
        cmocka_unit_test_setup_teardown(a_retry_waits_for_a_connection, begin_single, end),
        TEST(a_done_finds_the_place_free),
        TEST(cancels_in_line),
        TEST(a_cancelled_call_gives_its_place_back),
        TEST(all_may_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
