/* Where a call's time goes, as the client tells it. */
#include "client_fixture.h"

#define LATER_MS 30

struct timed {
    int times;
    enum gw_call_outcome outcome;
    int64_t duration_us;
    struct gw_call_times parts;
};

static void note_times(void *user, struct gw_call_response *response) {
    struct timed *timed = user;
    timed->times++;
    timed->outcome = response->outcome;
    timed->duration_us = response->duration_us;
    timed->parts = response->times;
}

static struct timed run(struct world *w, const struct gw_call_request *request) {
    struct timed timed = {0};
    gw_client_start(w->client, request, note_times, &timed);
    RUN_UNTIL(w->base, timed.times > 0);
    return timed;
}

static struct timed run_get(struct world *w) {
    struct gw_call_request request = request_to(w->url);
    return run(w, &request);
}

static int64_t sum_of(const struct gw_call_times *parts) {
    return parts->dns_us + parts->connect_us + parts->tls_us + parts->wait_us + parts->transfer_us;
}

/* The parts are the whole, but for what the loop itself takes. */
static void assert_whole(const struct timed *timed) {
    int64_t sum = sum_of(&timed->parts);
    assert_true(sum <= timed->duration_us + 1000);
    assert_true(sum >= timed->duration_us - 50000);
}

static void later(struct peer_conn *conn, void (*then)(evutil_socket_t, short, void *)) {
    struct timeval after = {0, LATER_MS * 1000};
    event_base_once(conn->peer->base, -1, EV_TIMEOUT, then, conn, &after);
}

static void answer_now(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    peer_answers(user, "");
}

static void answers_later(struct peer_conn *conn, const char *request) {
    (void)request;
    later(conn, answer_now);
}

static void say_the_rest(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    peer_say(user, "llo");
}

static void dawdles(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    later(conn, say_the_rest);
}

static void says_nothing(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static void the_first_call_connects(void **state) {
    struct timed timed = run_get(*state);
    assert_int_equal(timed.outcome, GW_CALL_OK);
    assert_false(timed.parts.is_reused);
    assert_true(timed.parts.connect_us > 0);
    assert_int_equal(timed.parts.tls_us, 0);
    assert_true(timed.parts.wait_us > 0);
    assert_whole(&timed);
}

static void a_kept_connection_does_not(void **state) {
    run_get(*state);
    struct timed timed = run_get(*state);
    assert_true(timed.parts.is_reused);
    assert_int_equal(timed.parts.dns_us + timed.parts.connect_us, 0);
    assert_int_equal(timed.parts.wait_us, timed.duration_us);
    assert_int_equal(timed.parts.transfer_us, 0); /* it came all at once */
}

static void the_wait_is_for_the_first_byte(void **state) {
    struct world *w = *state;
    w->peer->script = answers_later;
    struct timed timed = run_get(w);
    assert_true(timed.parts.wait_us >= LATER_MS * 500);
    assert_true(timed.parts.connect_us < timed.parts.wait_us);
    assert_whole(&timed);
}

static void the_transfer_is_from_the_first_to_the_last(void **state) {
    struct world *w = *state;
    w->peer->script = dawdles;
    struct timed timed = run_get(w);
    assert_int_equal(timed.outcome, GW_CALL_OK);
    assert_true(timed.parts.transfer_us >= LATER_MS * 500);
    assert_true(timed.parts.wait_us < timed.parts.transfer_us);
    assert_whole(&timed);
}

static void what_has_not_ended_lasts_until_the_end(void **state) {
    struct world *w = *state;
    struct gw_call_request request = request_to(w->url);
    request.timeout_ms = LATER_MS;
    w->peer->script = says_nothing;
    struct timed timed = run(w, &request);
    assert_int_equal(timed.outcome, GW_CALL_TIMEOUT);
    assert_true(timed.parts.wait_us > 0);
    assert_int_equal(timed.parts.transfer_us, 0);
    assert_whole(&timed);
}

static void a_call_that_is_refused_waits_for_nobody(void **state) {
    struct world *w = *state;
    peer_stop_listening(w->peer);
    struct timed timed = run_get(w);
    assert_int_equal(timed.outcome, GW_CALL_CONNECT);
    assert_true(timed.parts.connect_us + timed.parts.dns_us > 0);
    assert_int_equal(timed.parts.wait_us + timed.parts.transfer_us, 0);
}

/* A peer that never speaks TLS: libcurl tells a handshake from connecting once both are done. */
static void a_handshake_takes_time(void **state) {
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", w->peer->port);
    struct gw_call_request request = request_to(url);
    request.timeout_ms = LATER_MS;
    w->peer->script = says_nothing;
    struct timed timed = run(w, &request);
    assert_int_equal(timed.outcome, GW_CALL_TIMEOUT);
    assert_int_equal(timed.parts.wait_us + timed.parts.transfer_us, 0);
    assert_whole(&timed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_first_call_connects),
        TEST(a_kept_connection_does_not),
        TEST(the_wait_is_for_the_first_byte),
        TEST(the_transfer_is_from_the_first_to_the_last),
        TEST(what_has_not_ended_lasts_until_the_end),
        TEST(a_call_that_is_refused_waits_for_nobody),
        TEST(a_handshake_takes_time),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
