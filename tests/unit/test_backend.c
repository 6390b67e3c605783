#include "engine/backend.h"

#include "base/log.h"
#include "peer_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct event_base *base;
    struct gw_client *client;
    struct peer *peer;
    struct gw_backends *backends;
    struct gw_backend *backend;
    char url[64];
};

struct answer {
    int times;
    struct gw_backend_result result; /* without its buffers */
    char body[256];
};

static struct gw_backend_options options_for(const char *url) {
    return (struct gw_backend_options){
        .url = url,
        .connect_timeout_ms = 5000,
        .timeout_ms = 8000,
        .max_response = 1000,
        .breaker = {.threshold = 3, .recovery_ms = 40, .trials = 1, .lease_ms = 8000},
    };
}

static struct gw_backend *define(struct world *w, const struct gw_backend_options *options) {
    const char *error;
    struct gw_backend *backend = gw_backends_define(w->backends, "pricing", options, &error);
    assert_null(error);
    return backend;
}

static int begin(void **state) {
    struct world *w = calloc(1, sizeof *w);
    struct gw_client_options options = {.max_connections = 10, .max_idle_connections = 5};
    w->base = event_base_new();
    w->client = gw_client_new(w->base, &options);
    w->peer = peer_new(w->base);
    w->backends = gw_backends_new();
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", w->peer->port);
    struct gw_backend_options backend = options_for(w->url);
    w->backend = define(w, &backend);
    *state = w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    gw_client_free(w->client);
    gw_backends_free(w->backends);
    peer_free(w->peer);
    event_base_free(w->base);
    free(w);
    return 0;
}

static void note(void *user, struct gw_backend_result *result) {
    struct answer *answer = user;
    answer->times++;
    answer->result = *result;
    size_t n = result->body.len < sizeof answer->body ? result->body.len : sizeof answer->body - 1;
    if (n)
        memcpy(answer->body, result->body.data, n);
    answer->body[n] = '\0';
}

static const struct gw_backend_request GET = {.method = "GET", .path = {"/a", 2}};

static struct gw_backend_call *start(struct world *w, const struct gw_backend_request *request,
                                     struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    return gw_backend_start(w->backend, w->client, w->base, request, note, answer);
}

static struct answer call(struct world *w, const struct gw_backend_request *request) {
    struct answer answer;
    start(w, request, &answer);
    assert_int_equal(answer.times, 0);
    RUN_UNTIL(w->base, answer.times > 0);
    assert_int_equal(answer.times, 1);
    return answer;
}

static void assert_failure(const struct answer *answer, enum gw_failure failure) {
    assert_string_equal(gw_failure_name(answer->result.failure), gw_failure_name(failure));
    assert_true((answer->result.error[0] == '\0') == (failure == GW_FAILURE_NONE));
}

static void assert_state(struct world *w, enum gw_breaker_state state) {
    assert_string_equal(gw_breaker_state_name(gw_backend_state(w->backend)),
                        gw_breaker_state_name(state));
}

static void says_nothing(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static void hangs_up(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_hang_up(conn);
}

static void fails(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_say(conn, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
}

/* --- Calls --- */

static void sends_and_answers(void **state) {
    struct world *w = *state;
    struct gw_str field = GW_STR("x-correlation-id: abc");
    struct gw_backend_request request = {.method = "POST",
                                         .path = GW_STR("/a/b?c=d"),
                                         .fields = &field,
                                         .n_fields = 1,
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
    gw_backend_start(w->backend, w->client, w->base, &GET, the_result_may_be_taken, &body);
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

/* A second is long enough for any backend, whose ever the deadline is. */
static void a_long_deadline_is_the_backends_fault(void **state) {
    struct world *w = *state;
    struct answer late[3];
    struct gw_backend_request request = GET;
    w->peer->script = says_nothing;
    request.deadline_ms = gw_clock_ms() + 1050;
    for (int i = 0; i < 3; i++)
        start(w, &request, &late[i]);
    RUN_UNTIL(w->base, late[0].times + late[1].times + late[2].times == 3);
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

static void open_it(struct world *w) {
    peer_script script = w->peer->script;
    w->peer->script = fails;
    for (int i = 0; i < 3; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_STATUS);
    }
    w->peer->script = script;
}

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
    twins.first = gw_backend_start(w->backend, w->client, w->base, &late, cancel_second, &twins);
    twins.second = gw_backend_start(w->backend, w->client, w->base, &late, count, &twins);
    RUN_UNTIL(w->base, twins.delivered);
    RUN_TURNS(w->base, 5);
    assert_int_equal(twins.delivered, 1);
}

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
        "\"backend\":\"pricing\",\"from\":\"closed\",\"to\":\"open\",\"reason\":\"Service "
        "Unavailable\"}\n",
        "\"backend\":\"pricing\",\"from\":\"open\",\"to\":\"half_open\"}\n",
        "\"backend\":\"pricing\",\"from\":\"half_open\",\"to\":\"closed\"}\n",
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
    options.url = url;
    assert_ptr_equal(define(w, &options), w->backend);
    memset(url, '#', sizeof url - 1);
    struct answer answer = call(w, &GET);
    assert_failure(&answer, GW_FAILURE_NONE);
    assert_non_null(strstr(other->last, "GET /base/a HTTP/1.1\r\n"));
    assert_int_equal(waiting.times, 0); /* goes on where it began */
    gw_backend_cancel(old);
    options.url = w->url;
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
    options.breaker.threshold = 0;
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
    gw_breaker_report(breaker, permit, GW_BREAKER_FAILURE, 0);
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

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(sends_and_answers),
        TEST(tells_each_kind_of_failure),
        TEST(gives_away_its_body),
        TEST(a_passed_deadline_sends_nothing),
        TEST(a_deadline_is_not_the_backends_fault),
        TEST(a_long_deadline_is_the_backends_fault),
        TEST(a_timeout_before_the_deadline_is),
        TEST(opens_after_failures),
        TEST(the_callers_mistakes_do_not_open_it),
        TEST(closes_after_a_good_trial),
        TEST(a_cancelled_trial_makes_room),
        TEST(a_trial_that_times_out_opens_it_again),
        TEST(cancels),
        TEST(a_done_may_cancel_its_neighbour),
        TEST(logs_each_change_of_a_breaker),
        TEST(a_name_is_one_backend),
        TEST(refuses_bad_options),
        TEST(a_breaker_may_stand_alone),
        TEST(is_defined_anew_while_calls_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
