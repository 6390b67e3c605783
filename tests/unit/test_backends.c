#include "backend_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* --- The log --- */

/* What `act` writes to standard output. */
static void capture(char *text, size_t size, struct world *w, void (*act)(struct world *w)) {
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    act(w);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void open_and_close(struct world *w) {
    open_it(w);
    RUN_UNTIL(w->base, gw_backend_state(w->backend) == GW_BREAKER_HALF_OPEN);
    call(w, &GET);
}

static void logs_each_change_of_a_breaker(void **state) {
    struct world *w = *state;
    static const char *const lines[] = {
        "\"backend\":\"pricing\",\"from\":\"closed\",\"to\":\"open\",\"reason\":\"3 failures in a "
        "row\",\"last_failure\":\"Service Unavailable\"}\n",
        "\"backend\":\"pricing\",\"from\":\"open\",\"to\":\"half_open\",\"reason\":",
        "\"backend\":\"pricing\",\"from\":\"half_open\",\"to\":\"closed\",\"reason\":",
    };
    char text[2048];
    gw_log_set_level(GW_LOG_INFO);
    capture(text, sizeof text, w, open_and_close);
    gw_log_set_level(GW_LOG_ERROR);
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, lines[i]);
        assert_non_null(at);
    }
    assert_null(strstr(at + 1, "\"breaker\""));
}

/* --- The list --- */

static void a_name_is_one_backend(void **state) {
    struct world *w = *state;
    struct peer *other = peer_new(w->base);
    struct gw_backend_options options = options_for(w->url);
    struct answer waiting;
    w->peer->script = says_nothing;
    struct gw_backend_call *old = start(w, &GET, &waiting);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/base/", other->port);
    options.urls[0] = url;
    assert_ptr_equal(define(w, &options), w->backend);
    memset(url, '#', sizeof url - 1);
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_non_null(strstr(other->last, "GET /base/a HTTP/1.1\r\n"));
    assert_int_equal(waiting.times, 0); /* goes on where it began */
    gw_backend_cancel(old);
    options.urls[0] = w->url;
    define(w, &options);
    w->peer->script = peer_answers;
    answer = call(w, &GET);
    assert_int_equal(w->peer->requests, 2);
    assert_string_equal(gw_backend_name(w->backend), "pricing");
    peer_free(other);
}

static void refuses_bad_options(void **state) {
    struct world *w = *state;
    static const char *const bad_urls[] = {
        "",
        "inventory:8001",
        "ftp://a",
        "http://",
        "http:///a",
        "http://:80",
        "http://a:99999",
        "http://a b/",
        "http://a/b?c",
        "http://a#",
        "http://a/\n",
    };
    const char *error;
    for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        struct gw_backend_options options = options_for(bad_urls[i]);
        error = NULL;
        assert_null(gw_backends_define(w->backends, "bad", &options, &error));
        assert_non_null(error);
    }
    static const char *const good_urls[] = {"http://a", "https://a.b:1", "http://[::1]:80/x/y/",
                                            "http://127.0.0.1:8001//"};
    for (size_t i = 0; i < sizeof good_urls / sizeof *good_urls; i++) {
        struct gw_backend_options options = options_for(good_urls[i]);
        assert_non_null(gw_backends_define(w->backends, "good", &options, &error));
    }
    struct gw_backend_options options = options_for(w->url);
    options.timeout_ms = 0;
    assert_null(gw_backends_define(w->backends, "bad", &options, &error));
    options = options_for(w->url);
    options.urls[1] = w->url;
    options.n_urls = 2;
    assert_null(gw_backends_define(w->backends, "bad", &options, &error));
    assert_string_equal(error, "urls names a host twice");
    options = options_for(w->url);
    options.retry.attempts = 0;
    assert_null(gw_backends_define(w->backends, "bad", &options, &error));
    options = options_for(w->url);
    options.health = (struct gw_health_check){"no/slash", 1000, 1, 1};
    assert_null(gw_backends_define(w->backends, "bad", &options, &error));
    options = options_for(w->url);
    options.breaker.trials = GW_BREAKER_MAX_TRIALS + 1;
    assert_null(gw_backends_define(w->backends, "bad", &options, &error));
}

static void a_breaker_may_stand_alone(void **state) {
    struct world *w = *state;
    struct gw_breaker_options options = {
        .threshold = 1, .recovery_ms = 100, .trials = 1, .lease_ms = 100};
    struct gw_breaker *breaker = gw_backends_breaker(w->backends, "pricing", &options);
    assert_ptr_equal(gw_backends_breaker(w->backends, "pricing", &options), breaker);
    assert_ptr_not_equal(gw_backends_breaker(w->backends, "other", &options), breaker);
    struct gw_breaker_permit permit;
    int64_t retry_after;
    assert_true(gw_breaker_admit(breaker, 0, &permit, &retry_after));
    gw_breaker_report(breaker, permit, GW_BREAKER_FAILURE, 0, 0);
    assert_int_equal(gw_breaker_state(breaker, 0), GW_BREAKER_OPEN);
    assert_state(w, GW_BREAKER_CLOSED); /* another one of the same name */
}

static void *define_often(void *user) {
    struct world *w = user;
    struct gw_backend_options options = options_for(w->url);
    for (int i = 0; i < 2000; i++) {
        const char *error;
        options.timeout_ms = 8000 + i % 7;
        if (gw_backends_define(w->backends, "pricing", &options, &error) != w->backend)
            abort();
        gw_backend_state(w->backend);
    }
    return NULL;
}

static void is_defined_anew_while_calls_run(void **state) {
    struct world *w = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, define_often, w), 0);
    for (int i = 0; i < 50; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_NONE);
    }
    pthread_join(thread, NULL);
}

#define CALLS 50

/* What became of a worker's calls. */
struct tally {
    int ended, answered;
};

static void count(void *user, struct gw_backend_result *result) {
    struct tally *tally = user;
    tally->ended++;
    tally->answered += result->failure == GW_FAILURE_NONE;
}

static void start_many(struct gw_backend *backend, struct gw_caller *caller, struct tally *tally) {
    for (int i = 0; i < CALLS; i++)
        gw_backend_start(backend, caller, &GET, count, tally);
}

struct other_worker {
    struct gw_backend *backend;
    struct tally tally;
    atomic_bool is_done;
};

static void *call_often(void *user) {
    struct other_worker *other = user;
    struct gw_client_options options = {.max_connections = 10, .max_idle_connections = 5};
    struct event_base *base = event_base_new();
    struct gw_client *client = gw_client_new(base, &options);
    struct gw_caller *caller = gw_caller_new(base, client);
    start_many(other->backend, caller, &other->tally);
    while (other->tally.ended < CALLS)
        event_base_loop(base, EVLOOP_ONCE);
    gw_caller_free(caller);
    gw_client_free(client);
    event_base_free(base);
    atomic_store(&other->is_done, true);
    return NULL;
}

static void fails_now_and_then(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests % 5 == 0)
        fails(conn, request);
    else
        peer_answers(conn, request);
}

/* However many there are, each finds its place and its answer. */
static void workers_share_it(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    struct other_worker other = {.backend = w->backend};
    struct tally mine = {0};
    pthread_t thread;
    options.retry = gw_retry_defaults();
    options.retry.attempts = 10;
    options.max_concurrent = 3;
    options.max_waiting = 2 * CALLS;
    define(w, &options);
    w->peer->script = fails_now_and_then;
    assert_int_equal(pthread_create(&thread, NULL, call_often, &other), 0);
    start_many(w->backend, w->caller, &mine);
    RUN_UNTIL(w->base, mine.ended == CALLS && atomic_load(&other.is_done));
    pthread_join(thread, NULL);
    assert_int_equal(mine.answered, CALLS);
    assert_int_equal(other.tally.answered, CALLS);
    assert_in_range(w->peer->requests, 2 * CALLS + 1, 3 * CALLS);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(logs_each_change_of_a_breaker),
        TEST(a_name_is_one_backend),
        TEST(refuses_bad_options),
        TEST(a_breaker_may_stand_alone),
        TEST(is_defined_anew_while_calls_run),
        TEST(workers_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
