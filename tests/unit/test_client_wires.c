/* What is the client's own over http://: kept connections that end, requests that are repeated or
 * not, and responses that end in each way there is. */
#include "client_fixture.h"

#include <sys/stat.h>

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void says_nothing(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static void post(struct world *w, struct answer *answer) {
    struct gw_call_request request = request_to(w->url);
    request.method = "POST";
    request.body = GW_STR("once");
    request.has_body = true;
    call(w, &request, answer);
}

/* --- A kept connection ends --- */

static void hangs_up_the_second_time(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests == 2)
        peer_hang_up(conn);
    else
        peer_answers(conn, request);
}

static void answers_once(struct peer_conn *conn, const char *request) {
    if (conn->peer->requests > 1)
        peer_hang_up(conn);
    else
        peer_answers(conn, request);
}

static void a_get_is_repeated_once(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = hangs_up_the_second_time;
    get(w, &answer);
    assert_false(answer.was_repeated);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_true(answer.was_repeated);
    assert_int_equal(w->peer->accepted, 2);
    assert_int_equal(w->peer->requests, 3);
}

static void a_get_is_not_repeated_twice(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = answers_once;
    get(w, &answer);
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
    assert_int_equal(w->peer->requests, 3);
}

/* The server has read it: who knows what it has done. */
static void a_post_is_not_repeated(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = hangs_up_the_second_time;
    get(w, &answer);
    post(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
    assert_string_equal(answer.error, "the connection ended without a response");
    assert_int_equal(w->peer->requests, 2);
    post(w, &answer);
    assert_ok(&answer, 200, "ok");
}

static void hangs_up_within_an_answer(struct peer_conn *conn, const char *request) {
    (void)request;
    bool first = conn->peer->requests == 1;
    peer_say(conn, first ? ok : "H");
    if (!first)
        peer_hang_up(conn);
}

static void nothing_is_repeated_after_a_byte(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->script = hangs_up_within_an_answer;
    get(w, &answer);
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
    assert_string_equal(answer.error, "the connection ended within the response");
    assert_int_equal(w->peer->requests, 2);
}

/* No turn of the loop lies between the end of the connection and the next request. */
static void a_post_looks_before_it_goes(void **state) {
    struct world *w = *state;
    struct answer answer;
    get(w, &answer);
    shutdown(bufferevent_getfd(LIST_FIRST(&w->peer->conns)->bev), SHUT_WR);
    post(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
    assert_int_equal(w->peer->requests, 2);
}

static int connections_of(struct world *w, struct answer *answers, int n) {
    struct gw_call_request request = request_to(w->url);
    for (int i = 0; i < n; i++)
        start(w, &request, &answers[i]);
    for (int i = 0; i < n; i++) {
        wait_for(w, &answers[i]);
        assert_ok(&answers[i], 200, "ok");
    }
    return w->peer->open;
}

/* Descriptors of this process. */
static int count_sockets(void) {
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        struct stat status;
        n += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    }
    return n;
}

static void an_end_while_idle_is_taken_at_once(void **state) {
    struct world *w = *state;
    struct answer answers[3];
    int before = count_sockets();
    assert_int_equal(connections_of(w, answers, 3), 3);
    peer_hang_up_all(w->peer);
    RUN_UNTIL(w->base, count_sockets() <= before);
    get(w, &answers[0]);
    assert_ok(&answers[0], 200, "ok");
    assert_int_equal(w->peer->accepted, 4);
}

static void bytes_while_idle_are_nobodys(void **state) {
    struct world *w = *state;
    struct answer answer;
    get(w, &answer);
    peer_say(LIST_FIRST(&w->peer->conns), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    RUN_UNTIL(w->base, w->peer->open == 0);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
}

static void bytes_behind_a_response_are_nobodys(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
                      "Content-Length: 4\r\n\r\nevil";
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 2);
}

static void a_connection_lives_for_a_while(void **state) {
    (void)state;
    struct gw_client_options options = {
        .max_connections = 10, .max_idle_connections = 10, .lifetime_ms = 40};
    struct world *w = world_new(&options);
    struct answer answers[2];
    assert_int_equal(connections_of(w, answers, 2), 2);
    RUN_UNTIL(w->base, w->peer->open == 0); /* idle */
    int64_t past = gw_clock_ms() + 100;
    while (gw_clock_ms() < past)
        get(w, &answers[0]); /* or busy */
    assert_ok(&answers[0], 200, "ok");
    assert_true(w->peer->accepted >= 4);
    void *world = w;
    end(&world);
}

/* --- Responses --- */

static void says_and_hangs_up(struct peer_conn *conn, const char *request) {
    peer_answers(conn, request);
    peer_hang_up(conn);
}

static void the_connection_ends_with_the_body(void **state) {
    struct world *w = *state;
    static const char *const endless[] = {
        "HTTP/1.1 200 OK\r\n\r\nto the end",
        "HTTP/1.0 200 OK\r\n\r\nto the end",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nto the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end",
    };
    w->peer->script = says_and_hangs_up;
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct answer answer;
        w->peer->answer = endless[i];
        get(w, &answer);
        assert_ok(&answer, 200, "to the end");
        assert_int_equal(w->peer->accepted, (int)i + 1);
    }
}

static void resets(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_reset(conn);
}

static void says_and_resets_later(struct peer_conn *conn, const char *request) {
    if (!strstr(request, "reset"))
        peer_answers(conn, request);
    else
        resets(LIST_NEXT(conn, link), request);
}

/* It cannot be told from a whole one, but for the reset. */
static void a_reset_is_no_end_of_a_body(void **state) {
    struct world *w = *state;
    struct answer body, other;
    struct gw_call_request request = request_to(w->url);
    char url[96];
    w->peer->answer = "HTTP/1.1 200 OK\r\n\r\ncut off";
    w->peer->script = says_and_resets_later;
    start(w, &request, &body);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    RUN_TURNS(w->base, 5);
    assert_int_equal(body.times, 0);
    snprintf(url, sizeof url, "%s?reset", w->url);
    request = request_to(url);
    struct gw_call *resetting = start(w, &request, &other);
    wait_for(w, &body);
    assert_int_equal(body.outcome, GW_CALL_BROKEN);
    gw_call_cancel(resetting);
}

static void http_1_0_keeps_alive_if_it_says_so(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    get(w, &answer);
    get(w, &answer);
    assert_int_equal(w->peer->accepted, 2);
    w->peer->answer = "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok";
    get(w, &answer);
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 3);
}

static void some_responses_have_no_body(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request head = request_to(w->url);
    head.method = "HEAD";
    w->peer->answer = "HTTP/1.1 204 No Content\r\n\r\n";
    get(w, &answer);
    assert_ok(&answer, 204, "");
    w->peer->answer = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
    get(w, &answer);
    assert_ok(&answer, 304, "");
    w->peer->answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    call(w, &head, &answer);
    assert_ok(&answer, 200, "");
    w->peer->answer = ok;
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(w->peer->accepted, 1);
}

static void refuses_to_switch_protocols(void **state) {
    struct world *w = *state;
    struct answer answer;
    w->peer->answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nxxxx";
    get(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_BROKEN);
    RUN_UNTIL(w->base, w->peer->open == 0);
}

static void refuses_an_unclear_length(void **state) {
    struct world *w = *state;
    struct answer answer;
    static const char *const unclear[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    };
    for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++) {
        w->peer->answer = unclear[i];
        get(w, &answer);
        assert_int_equal(answer.outcome, GW_CALL_BROKEN);
        RUN_UNTIL(w->base, w->peer->open == 0);
    }
}

static void a_large_response_comes_whole(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    size_t size = 300 * 1024;
    char *text = malloc(size + 1);
    int head = snprintf(text, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    memset(text + head, 'x', size - (size_t)head);
    text[size] = '\0';
    w->peer->script = says_nothing;
    request.max_response = size;
    start(w, &request, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    struct bufferevent *bev = LIST_FIRST(&w->peer->conns)->bev;
    bufferevent_enable(bev, EV_WRITE);
    bufferevent_write(bev, text, size);
    bufferevent_write(bev, text, (size_t)head);
    wait_for(w, &answer);
    assert_int_equal(answer.outcome, GW_CALL_OK);
    assert_int_equal(answer.body_size, size);
    free(text);
}

/* --- Requests --- */

/* Of a large request only the beginning is read; the answer ends the call, and the connection. */
static void answers_at_once(struct bufferevent *bev, void *user) {
    struct peer_conn *conn = user;
    bufferevent_disable(bev, EV_READ);
    conn->peer->requests++;
    peer_say(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
}

static void an_answer_may_come_before_the_request_is_sent(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url);
    size_t size = 64 * 1024 * 1024; /* more than any socket takes */
    request.method = "POST";
    request.body = (struct gw_str){calloc(1, size), size};
    request.has_body = true;
    start(w, &request, &answer);
    RUN_UNTIL(w->base, w->peer->accepted == 1);
    struct peer_conn *conn = LIST_FIRST(&w->peer->conns);
    bufferevent_setcb(conn->bev, answers_at_once, NULL, peer_on_event, conn);
    wait_for(w, &answer);
    assert_ok(&answer, 413, "no");
    bufferevent_setcb(conn->bev, NULL, NULL, peer_on_event, conn);
    bufferevent_enable(conn->bev, EV_READ);
    RUN_UNTIL(w->base, w->peer->open == 0);
    free((void *)request.body.data);
}

/* More often than there are connections, in each way in which a call can end. */
static void every_end_makes_room(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_to(w->url), hasty = request_to(w->url),
                           refused = request_to("http://127.0.0.1:1/");
    hasty.timeout_ms = 5;
    for (int i = 0; i < 6; i++) {
        call(w, &refused, &answer);
        assert_int_equal(answer.outcome, GW_CALL_CONNECT);
        gw_call_cancel(start(w, &request, &answer)); /* while it connects */
        w->peer->script = says_nothing;
        call(w, &hasty, &answer);
        assert_int_equal(answer.outcome, GW_CALL_TIMEOUT);
        int before = w->peer->requests;
        struct gw_call *waiting = start(w, &request, &answer);
        RUN_UNTIL(w->base, w->peer->requests > before);
        gw_call_cancel(waiting);
        w->peer->script = says_and_hangs_up;
        w->peer->answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        get(w, &answer);
        assert_int_equal(answer.outcome, GW_CALL_BROKEN);
        w->peer->script = peer_answers;
        w->peer->answer = ok;
        get(w, &answer);
        assert_ok(&answer, 200, "ok");
    }
    RUN_UNTIL(w->base, w->peer->open == 1);
    for (int i = 0; i < 4; i++) {
        assert_true(gw_client_has_room(w->client, w->url));
        start(w, &request, &answer);
    }
    assert_false(gw_client_has_room(w->client, w->url));
    RUN_UNTIL(w->base, answer.times > 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_get_is_repeated_once),
        TEST(a_get_is_not_repeated_twice),
        TEST(a_post_is_not_repeated),
        TEST(nothing_is_repeated_after_a_byte),
        TEST(a_post_looks_before_it_goes),
        TEST(an_end_while_idle_is_taken_at_once),
        TEST(bytes_while_idle_are_nobodys),
        TEST(bytes_behind_a_response_are_nobodys),
        cmocka_unit_test(a_connection_lives_for_a_while),
        TEST(the_connection_ends_with_the_body),
        TEST(a_reset_is_no_end_of_a_body),
        TEST(http_1_0_keeps_alive_if_it_says_so),
        TEST(some_responses_have_no_body),
        TEST(refuses_to_switch_protocols),
        TEST(refuses_an_unclear_length),
        TEST(a_large_response_comes_whole),
        TEST(an_answer_may_come_before_the_request_is_sent),
        cmocka_unit_test_setup_teardown(every_end_makes_room, begin_small, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
