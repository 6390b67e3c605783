#include "backend_fixture.h"

#define HOSTS 3

/* `w` with more peers: the first is its own. */
struct shop {
    struct world *w;
    struct peer *peers[HOSTS];
    char urls[HOSTS][64];
};

static struct shop shop;

static struct gw_backend_options options_for_all(void) {
    struct gw_backend_options options = options_for(NULL);
    options.n_urls = HOSTS;
    for (int i = 0; i < HOSTS; i++)
        options.urls[i] = shop.urls[i];
    options.breaker.threshold = 3;
    options.breaker.recovery_ms = 100000;
    options.breaker_per_host = true;
    options.retry = gw_retry_defaults();
    return options;
}

static void define_all(const struct gw_backend_options *options) {
    define(shop.w, options);
}

static int begin_shop(void **state) {
    begin(state);
    shop.w = *state;
    for (int i = 0; i < HOSTS; i++) {
        shop.peers[i] = i ? peer_new(shop.w->base) : shop.w->peer;
        snprintf(shop.urls[i], sizeof shop.urls[i], "http://127.0.0.1:%u", shop.peers[i]->port);
    }
    struct gw_backend_options options = options_for_all();
    define_all(&options);
    return 0;
}

static int end_shop(void **state) {
    for (int i = 1; i < HOSTS; i++)
        peer_free(shop.peers[i]);
    return end(state);
}

static int requests(void) {
    int sum = 0;
    for (int i = 0; i < HOSTS; i++)
        sum += shop.peers[i]->requests;
    return sum;
}

static void calls_are_spread(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 60; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    for (int i = 0; i < HOSTS; i++)
        assert_in_range(shop.peers[i]->requests, 5, 40);
}

/* With so many in flight that two random choices see the difference. */
static void the_busy_one_is_spared(void **state) {
    struct world *w = *state;
    struct answer stuck[24], answer;
    struct gw_backend_call *calls[24];
    for (int i = 0; i < HOSTS; i++)
        shop.peers[i]->script = says_nothing;
    for (int i = 0; i < 24; i++)
        calls[i] = start(w, &GET, &stuck[i]);
    RUN_UNTIL(w->base, requests() == 24);
    for (int i = 0; i < HOSTS; i++)
        assert_in_range(shop.peers[i]->requests, 6, 10);
    for (int i = 0; i < 24; i++)
        gw_backend_cancel(calls[i]);
    RUN_UNTIL(w->base, shop.peers[0]->open + shop.peers[1]->open + shop.peers[2]->open == 0);
    shop.peers[0]->script = peer_answers;
    shop.peers[1]->script = peer_answers;
    shop.peers[2]->script = peer_answers;
    answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
}

static void a_retry_goes_elsewhere(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for_all();
    options.breaker.threshold = 1000;
    define_all(&options);
    for (int i = 0; i < HOSTS; i++)
        shop.peers[i]->script = fails;
    struct answer answer = call(w, &GET);
    assert_int_equal(answer.result.attempts, 3);
    for (int i = 0; i < HOSTS; i++)
        assert_int_equal(shop.peers[i]->requests, 1);
}

/* After so many failures of its own a host is no longer asked, and no client saw any of them. */
static void a_failing_host_is_left_out(void **state) {
    struct world *w = *state;
    shop.peers[0]->script = fails;
    for (int i = 0; i < 60; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    assert_int_equal(shop.peers[0]->requests, 3);
    assert_state(w, GW_BREAKER_CLOSED);
}

static void without_breakers_per_host_it_is_not(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for_all();
    options.breaker_per_host = false;
    define_all(&options);
    shop.peers[0]->script = fails;
    for (int i = 0; i < 40; i++)
        call(w, &GET);
    assert_true(shop.peers[0]->requests > 3);
}

static void it_comes_back_by_trials(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for_all();
    options.breaker.recovery_ms = 50;
    define_all(&options);
    shop.peers[0]->script = fails;
    while (shop.peers[0]->requests < 3)
        call(w, &GET);
    shop.peers[0]->script = peer_answers;
    int64_t limit = gw_clock_ms() + 5000;
    while (shop.peers[0]->requests < 6 && gw_clock_ms() < limit) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    assert_true(shop.peers[0]->requests >= 6);
}

/* Nobody waited for its answer: of what is cancelled nothing is known. */
static void a_host_that_a_hedge_overtakes_is_not_blamed(void **state) {
    struct world *w = *state;
    struct gw_backend_request hedged = {.method = "GET", .path = {"/a", 2}, .hedge_ms = 5};
    shop.peers[0]->script = says_nothing;
    for (int i = 0; i < 60; i++) {
        struct answer answer = call(w, &hedged);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    assert_true(shop.peers[0]->requests > 3);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* The host that is well has as many connections as the worker may make; the other one is half-open
 * and hangs in its trial. What comes then waits for the first one. */
static void a_trial_stays_alone_though_the_others_are_full(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for_all();
    struct answer answers[30];
    options.n_urls = 2;
    options.breaker.threshold = 1;
    options.breaker.recovery_ms = 30;
    options.breaker.trials = 1;
    options.retry.attempts = 2;
    define_all(&options);
    shop.peers[0]->script = fails;
    while (shop.peers[0]->requests == 0)
        call(w, &GET);
    int64_t until_ms = gw_clock_ms() + 40;
    RUN_UNTIL(w->base, gw_clock_ms() > until_ms);
    shop.peers[0]->script = shop.peers[1]->script = says_nothing;
    int before[] = {shop.peers[0]->requests, shop.peers[1]->requests};
    struct gw_backend_call *calls[30];
    for (int i = 0; i < 30; i++)
        calls[i] = start(w, &GET, &answers[i]);
    RUN_UNTIL(w->base, shop.peers[1]->requests - before[1] == 10);
    RUN_TURNS(w->base, 20);
    assert_int_equal(shop.peers[0]->requests - before[0], 1);
    assert_int_equal(shop.peers[1]->requests - before[1], 10); /* max_connections */
    for (int i = 0; i < 30; i++)
        gw_backend_cancel(calls[i]);
}

/* --- Health checks --- */

static int checks[HOSTS];

static int index_of(const struct peer *peer) {
    for (int i = 0; i < HOSTS; i++)
        if (shop.peers[i] == peer)
            return i;
    return -1;
}

static unsigned unwell; /* hosts, by bit */

static void has_health(struct peer_conn *conn, const char *request) {
    int i = index_of(conn->peer);
    if (strncmp(request, "GET /health HTTP/1.1\r\n", 22) != 0) {
        peer_answers(conn, request);
        return;
    }
    conn->peer->requests--;
    checks[i]++;
    assert_non_null(strstr(request, "\r\nx-correlation-id: "));
    peer_say(conn, unwell >> i & 1 ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                                   : "HTTP/1.1 204 OK\r\n\r\n");
}

static void check_every_30_ms(void) {
    struct gw_backend_options options = options_for_all();
    options.health = (struct gw_health_check){"/health", 30, 2, 2};
    memset(checks, 0, sizeof checks);
    unwell = 1;
    for (int i = 0; i < HOSTS; i++)
        shop.peers[i]->script = has_health;
    define_all(&options);
}

static void an_unwell_host_is_left_out(void **state) {
    struct world *w = *state;
    check_every_30_ms();
    call(w, &GET);
    RUN_UNTIL(w->base, checks[0] >= 3);
    int before = shop.peers[0]->requests;
    for (int i = 0; i < 30; i++)
        call(w, &GET);
    assert_int_equal(shop.peers[0]->requests, before);
    unwell = 0;
    int seen = checks[0];
    RUN_UNTIL(w->base, checks[0] >= seen + 4);
    for (int i = 0; i < 60; i++)
        call(w, &GET);
    assert_true(shop.peers[0]->requests > before);
}

static void if_all_are_out_all_are_used(void **state) {
    struct world *w = *state;
    check_every_30_ms();
    unwell = 7;
    call(w, &GET);
    RUN_UNTIL(w->base, checks[0] >= 3 && checks[1] >= 3 && checks[2] >= 3);
    for (int i = 0; i < 30; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    for (int i = 0; i < HOSTS; i++)
        assert_true(shop.peers[i]->requests > 0);
}

/* A check that succeeds again ends the waiting that failed trials have drawn out. */
static void a_check_brings_trials_forward(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for_all();
    options.health = (struct gw_health_check){"/health", 30, 2, 2};
    options.breaker.recovery_ms = 20;
    options.breaker.recovery_max_ms = 100000;
    options.retry.attempts = 1;
    options.breaker_per_host = false;
    unwell = 7;
    memset(checks, 0, sizeof checks);
    for (int i = 0; i < HOSTS; i++)
        shop.peers[i]->script = fails;
    define_all(&options);
    int64_t retry_after_ms = 0;
    while (retry_after_ms < 10000) { /* ten trials have failed, and at least two checks */
        struct answer answer = call(w, &GET);
        retry_after_ms = answer.result.retry_after_ms;
        RUN_TURNS(w->base, 1);
    }
    unwell = 0;
    for (int i = 0; i < HOSTS; i++)
        shop.peers[i]->script = has_health;
    int64_t limit_ms = gw_clock_ms() + 5000;
    while (gw_backend_state(w->backend) != GW_BREAKER_CLOSED && gw_clock_ms() < limit_ms)
        call(w, &GET);
    assert_state(w, GW_BREAKER_CLOSED);
}

/* Workers that check the same hosts take turns. */
static void one_worker_checks_for_all(void **state) {
    struct world *w = *state;
    struct gw_caller *mine = w->caller, *other = gw_caller_new(w->base, w->client);
    check_every_30_ms();
    int64_t began = gw_clock_ms();
    call(w, &GET);
    w->caller = other;
    call(w, &GET);
    w->caller = mine;
    RUN_UNTIL(w->base, checks[1] >= 10);
    assert_true(gw_clock_ms() - began >= 8 * 30);
    gw_caller_free(other);
}

static void checks_end_with_their_option(void **state) {
    struct world *w = *state;
    check_every_30_ms();
    call(w, &GET);
    RUN_UNTIL(w->base, checks[1] >= 2);
    struct gw_backend_options options = options_for_all();
    define_all(&options);
    int64_t until = gw_clock_ms() + 60;
    RUN_UNTIL(w->base, gw_clock_ms() > until);
    int seen = checks[1];
    until = gw_clock_ms() + 100;
    RUN_UNTIL(w->base, gw_clock_ms() > until);
    assert_int_equal(checks[1], seen);
    check_every_30_ms(); /* and come back with it */
    call(w, &GET);
    RUN_UNTIL(w->base, checks[1] >= 2);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_shop, end_shop)
    const struct CMUnitTest tests[] = {
        TEST(calls_are_spread),
        TEST(the_busy_one_is_spared),
        TEST(a_retry_goes_elsewhere),
        TEST(a_failing_host_is_left_out),
        TEST(without_breakers_per_host_it_is_not),
        TEST(it_comes_back_by_trials),
        TEST(a_host_that_a_hedge_overtakes_is_not_blamed),
        TEST(a_trial_stays_alone_though_the_others_are_full),
        TEST(an_unwell_host_is_left_out),
        TEST(if_all_are_out_all_are_used),
        TEST(a_check_brings_trials_forward),
        TEST(one_worker_checks_for_all),
        TEST(checks_end_with_their_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
