#include "client_fixture.h"

static void says_nothing(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static void hangs_up(struct peer_conn *conn, const char *request) {
    (void)request;
    if (conn->peer->answer)
        peer_say(conn, conn->peer->answer);
    peer_hang_up(conn);
}

static void resets(struct peer_conn *conn, const char *request) {
    (void)request;
    if (conn->peer->answer)
        peer_say(conn, conn->peer->answer);
    peer_reset(conn);
}

/* --- Failures --- */

static void tells_a_broken_response(void **state) {
    struct world *w = *state;
    static const char *const broken[] = {
        NULL, /* nothing at all */
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "this is not http\r\n\r\n",
        "\x16\x03\x01",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct answer answer;
        w->peer->answer = broken[i];
        w->peer->script = hangs_up;
        get(w, &answer);
        assert_int_equal(answer.outcome, GW_CALL_BROKEN);
        assert_string_not_equal(answer.error, "");
    }
    RUN_UNTIL(w->base, w->peer->open == 0);
}

static void tells_a_reset(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = resets;
    w->peer->answer = NULL;
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
}

static void tells_a_refused_connection(void **state) {
    struct world *w = *state;
    struct answer answer;
    peer_stop_listening(w->peer);
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_CONNECT);
    assert_string_not_equal(answer.error, "");
}

/* A listener whose queue is full does not answer: the kernel drops what else comes. */
static void tells_a_connect_timeout(void **state) {
    struct world *w = *state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    int fillers[4];
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, size);
    }
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    struct answer answer;
    struct gw_call_request request = request_to(url);
    request.connect_timeout_ms = 50;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_CONNECT);
    request.connect_timeout_ms = 5000;
    request.timeout_ms = 50;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TIMEOUT);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void a_timed_out_connection_is_closed(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    w->peer->script = says_nothing;
    request.timeout_ms = 50;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TIMEOUT);
    RUN_UNTIL(w->base, w->peer->open == 0);
    w->peer->script = peer_answers;
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
}

static void times_out_within_a_body(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    request.timeout_ms = 50;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_TIMEOUT);
    RUN_UNTIL(w->base, w->peer->open == 0);
}

static void a_timeout_ends_with_its_call(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    request.timeout_ms = 100;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    int64_t past = gw_clock_ms() + 120;
    RUN_UNTIL(w->base, gw_clock_ms() > past);
    assert_int_equal(answer.times, 1);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
}

/* --- Connections --- */

static void reuses_a_connection(void **state) {
    struct world *w = *state;
    struct answer answer;
    for (int i = 0; i < 10; i++)
        get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->requests, 10);
    assert_int_equal(w->peer->accepted, 1);
}

static void has_two_in_flight(void **state) {
    struct world *w = *state;
    struct answer one, two;
    struct gw_call_request request = request_to(w->url);
    start(w, &request, &one);
    start(w, &request, &two);
    wait_for(w, &one);
    wait_for(w, &two);
    assert_ok(&one, 200, "ok");
    assert_ok(&two, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
}

static void the_request_is_copied(void **state) {
    struct world *w = *state;
    struct answer answer;
    char url[64], method[] = "POST", field[] = "x-a: 1", body[] = "body";
    strcpy(url, w->url);
    struct gw_str fields[] = {{field, strlen(field)}};
    struct gw_call_request request = request_to(url);
    request.method = method;
    request.fields = fields;
    request.n_fields = 1;
    request.body = (struct gw_str){body, 4};
    request.has_body = true;
    start(w, &request, &answer);
    memset(url, '#', sizeof url);
    memset(method, '#', 4);
    memset(field, '#', 6);
    memset(body, '#', 4);
    fields[0] = GW_STR("gone");
    wait_for(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_null(strchr(w->peer->last, '#'));
    assert_non_null(strstr(w->peer->last, "\r\nx-a: 1\r\n"));
}

/* The server closed the kept connection while nobody used it. */
static void replaces_a_stale_connection(void **state) {
    struct world *w = *state;
    struct answer answer;
    get(w, &answer);
    peer_hang_up_all(w->peer);
    RUN_TURNS(w->base, 5);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
}

/* The end of an idle connection is news once, not in every turn of the loop. */
static void a_stale_connection_does_not_spin(void **state) {
    struct world *w = *state;
    struct answer answer;
    get(w, &answer);
    peer_hang_up_all(w->peer);
    RUN_TURNS(w->base, 5);
    struct timeval timeout = {.tv_usec = 50000};
    event_base_loopexit(w->base, &timeout);
    int turns = 0;
    while (!event_base_got_exit(w->base) && turns < 1000) {
        event_base_loop(w->base, EVLOOP_ONCE);
        turns++;
    }
    assert_true(turns < 10);
}

static void goes_on_after_a_restart(void **state) {
    struct world *w = *state;
    struct answer answer;
    get(w, &answer);
    uint16_t port = w->peer->port;
    peer_stop_listening(w->peer);
    peer_hang_up_all(w->peer);
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_CONNECT);
    peer_listen(w->peer, port);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
}

static void obeys_connection_close(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    get(w, &answer);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
    RUN_UNTIL(w->base, w->peer->open == 0);
}

enum { MANY = 100 };

static int done_of(const struct answer *answers) {
    int n = 0;
    for (int i = 0; i < MANY; i++)
        n += answers[i].times;
    return n;
}

struct busy {
    struct world *w;
    struct gw_call_request *request;
    struct answer *answer;
    bool has_called;
};

static void work_hard_then_call(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct busy *busy = user;
    for (int64_t until_ms = gw_clock_ms() + 100; gw_clock_ms() < until_ms;)
        ;
    start(busy->w, busy->request, busy->answer);
    busy->has_called = true;
}

/* Who is to be called is not held back: that there is no room is for the caller to act upon. */
static void says_whether_there_is_room(void **state) {
    struct world *w = *state; /* at most 4 connections */
    struct answer busy[4], fifth;
    struct gw_call *calls[4];
    struct gw_call_request request = request_to(w->url);
    w->peer->script = says_nothing;
    for (int i = 0; i < 4; i++) {
        assert_true(gw_client_has_room(w->client, w->url));
        calls[i] = start(w, &request, &busy[i]);
    }
    assert_false(gw_client_has_room(w->client, w->url));
    assert_true(gw_client_has_room(w->client, "http://127.0.0.1:1/"));
    RUN_UNTIL(w->base, w->peer->requests == 4);
    w->peer->script = peer_answers;
    call(w, &request, &fifth);
    assert_ok(&fifth, 200, "ok");
    assert_false(gw_client_has_room(w->client, w->url));
    gw_call_cancel(calls[2]);
    assert_true(gw_client_has_room(w->client, w->url));
    start(w, &request, &fifth); /* an idle connection is room for one, not for two */
    assert_false(gw_client_has_room(w->client, w->url));
    wait_for(w, &fifth);
}

static void closes_idle_connections_above_the_limit(void **state) {
    (void)state;
    struct gw_client_options options = {.max_connections = 100, .max_idle_connections = 2};
    struct world *w = world_new(&options);
    struct answer *answers = calloc(MANY, sizeof *answers);
    struct gw_call_request request = request_to(w->url);
    for (int i = 0; i < 30; i++)
        start(w, &request, &answers[i]);
    RUN_UNTIL(w->base, done_of(answers) == 30);
    assert_true(w->peer->most_open > 4);
    RUN_UNTIL(w->base, w->peer->open <= 4);
    assert_true(w->peer->open >= 1);
    free(answers);
    void *world = w;
    end(&world);
}

/* The time that the turn of the loop has taken before is not the call's. */
static void a_time_limit_counts_from_the_start(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    request.timeout_ms = 60;
    RUN_TURNS(w->base, 1);
    struct busy busy = {.w = w, .request = &request, .answer = &answer};
    event_base_once(w->base, -1, EV_TIMEOUT, work_hard_then_call, &busy, NULL);
    RUN_UNTIL(w->base, busy.has_called && answer.times > 0);
    assert_ok(&answer, 200, "ok");
}

/* --- Cancelling --- */

static void cancels_before_the_loop_runs(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    gw_call_cancel(start(w, &request, &answer));
    RUN_TURNS(w->base, 5);
    assert_int_equal(answer.times, 0);
    assert_int_equal(w->peer->requests, 0);
}

static void cancels_while_waiting(void **state) {
    struct world *w = *state;
    struct answer answer, next;
    struct gw_call_request request = request_to(w->url);
    w->peer->script = says_nothing;
    struct gw_call *waiting = start(w, &request, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    gw_call_cancel(waiting);
    RUN_UNTIL(w->base, w->peer->open == 0);
    w->peer->script = peer_answers;
    get(w, &next);
    assert_ok(&next, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
    assert_int_equal(answer.times, 0);
}

static void cancels_within_a_body(void **state) {
    struct world *w = *state;
    struct answer answer, next;
    struct gw_call_request request = request_to(w->url);
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    struct gw_call *waiting = start(w, &request, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    RUN_TURNS(w->base, 5);
    gw_call_cancel(waiting);
    RUN_UNTIL(w->base, w->peer->open == 0);
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    get(w, &next); /* with the same handle: nothing of "half" is left */
    assert_ok(&next, 200, "ok");
    assert_int_equal(answer.times, 0);
}

struct pair {
    struct gw_call *calls[2];
    int delivered;
};

static struct pair *both; /* of the test that runs */

static void cancel_first(void *user, struct gw_call_response *response) {
    (void)user, (void)response;
    both->delivered++;
    gw_call_cancel(both->calls[0]);
}

static void cancel_second(void *user, struct gw_call_response *response) {
    (void)user, (void)response;
    both->delivered++;
    gw_call_cancel(both->calls[1]);
}

/* Both end in the same turn; whichever is told first cancels the other, which is finished too. */
static void a_finished_call_can_be_cancelled(void **state) {
    struct world *w = *state;
    struct pair pair = {0};
    both = &pair;
    struct gw_call_request request = request_to("http://127.0.0.1/a b");
    for (int i = 0; i < 3; i++) {
        pair.delivered = 0;
        pair.calls[0] = gw_client_start(w->client, &request, cancel_second, NULL);
        pair.calls[1] = gw_client_start(w->client, &request, cancel_first, NULL);
        RUN_UNTIL(w->base, pair.delivered > 0);
        RUN_TURNS(w->base, 5);
        assert_int_equal(pair.delivered, 1);
    }
}

static void cancels_from_within_done(void **state) {
    struct world *w = *state;
    struct pair pair = {0};
    both = &pair;
    w->peer->script = says_nothing;
    struct gw_call_request request = request_to(w->url);
    pair.calls[1] = gw_client_start(w->client, &request, cancel_first, NULL);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    w->peer->script = peer_answers;
    pair.calls[0] = gw_client_start(w->client, &request, cancel_second, NULL);
    RUN_UNTIL(w->base, pair.delivered > 0 && w->peer->open == 1);
    assert_int_equal(pair.delivered, 1);
}

struct chain {
    struct world *w;
    int left;
};

static void start_next(void *user, struct gw_call_response *response) {
    struct chain *chain = user;
    assert_int_equal(response->outcome, GW_CALL_OK);
    struct gw_call_request request = request_to(chain->w->url);
    if (--chain->left > 0)
        gw_client_start(chain->w->client, &request, start_next, chain);
}

static void starts_from_within_done(void **state) {
    struct world *w = *state;
    struct chain chain = {.w = w, .left = 20};
    struct gw_call_request request = request_to(w->url);
    gw_client_start(w->client, &request, start_next, &chain);
    RUN_UNTIL(w->base, chain.left == 0);
    assert_int_equal(w->peer->accepted, 1);
}

static void freeing_cancels_what_is_in_flight(void **state) {
    struct world *w = *state;
    struct answer waiting, finished, fresh;
    struct gw_call_request request = request_to(w->url);
    w->peer->script = says_nothing;
    start(w, &request, &waiting);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    start(w, &request, &fresh);
    request.method = "";
    start(w, &request, &finished);
    gw_client_free(w->client);
    w->client = NULL;
    RUN_UNTIL(w->base, w->peer->open == 0);
    assert_int_equal(waiting.times + finished.times + fresh.times, 0);
}

static void take_body(void *user, struct gw_call_response *response) {
    gw_buf_move(user, &response->body);
}

static void the_body_may_be_taken(void **state) {
    struct world *w = *state;
    struct gw_buf body = {0};
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    gw_client_start(w->client, &request, take_body, &body);
    RUN_UNTIL(w->base, body.len > 0);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_true(gw_str_equal(gw_buf_str(&body), GW_STR("ok")));
    gw_buf_fini(&body);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(tells_a_broken_response),
        TEST(tells_a_reset),
        TEST(tells_a_refused_connection),
        TEST(tells_a_connect_timeout),
        TEST(a_timed_out_connection_is_closed),
        TEST(times_out_within_a_body),
        TEST(a_timeout_ends_with_its_call),
        TEST(reuses_a_connection),
        TEST(has_two_in_flight),
        TEST(the_request_is_copied),
        TEST(replaces_a_stale_connection),
        TEST(a_stale_connection_does_not_spin),
        TEST(goes_on_after_a_restart),
        TEST(obeys_connection_close),
        cmocka_unit_test_setup_teardown(says_whether_there_is_room, begin_small, end),
        cmocka_unit_test(closes_idle_connections_above_the_limit),
        TEST(cancels_before_the_loop_runs),
        TEST(a_time_limit_counts_from_the_start),
        TEST(cancels_while_waiting),
        TEST(cancels_within_a_body),
        TEST(a_finished_call_can_be_cancelled),
        TEST(cancels_from_within_done),
        TEST(starts_from_within_done),
        TEST(freeing_cancels_what_is_in_flight),
        TEST(the_body_may_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
