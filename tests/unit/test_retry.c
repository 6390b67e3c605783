#include "policy/retry.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1000000

/* A GET that a 503 came for, at once and with all the time there is. */
static const struct gw_retry_question GET_503 = {
    .idempotent = true,
    .cause = GW_RETRY_STATUS,
    .status = 503,
    .attempts = 1,
    .now_ms = NOW,
    .deadline_ms = INT64_MAX,
    .retry_after_ms = -1,
};

static enum gw_retry_verdict ask(struct gw_retry_question question, int64_t *pause_ms) {
    struct gw_retry_options options = gw_retry_defaults();
    return gw_retry_decide(&options, &question, pause_ms);
}

static enum gw_retry_verdict verdict(struct gw_retry_question question) {
    int64_t pause_ms;
    return ask(question, &pause_ms);
}

static int64_t pause_of(struct gw_retry_question question) {
    int64_t pause_ms = -1;
    assert_int_equal(ask(question, &pause_ms), GW_RETRY_YES);
    return pause_ms;
}

static void three_attempts_are_all(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    assert_int_equal(verdict(q), GW_RETRY_YES);
    q.attempts = 2;
    assert_int_equal(verdict(q), GW_RETRY_YES);
    q.attempts = 3;
    assert_int_equal(verdict(q), GW_RETRY_EXHAUSTED);
}

static void no_attempts_means_no_retries(void **state) {
    (void)state;
    struct gw_retry_options options = gw_retry_defaults();
    int64_t pause_ms;
    options.attempts = 0;
    assert_int_equal(gw_retry_decide(&options, &GET_503, &pause_ms), GW_RETRY_EXHAUSTED);
    options.attempts = 1;
    assert_int_equal(gw_retry_decide(&options, &GET_503, &pause_ms), GW_RETRY_EXHAUSTED);
}

static void only_listed_statuses(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    for (q.status = 100; q.status < 600; q.status++) {
        bool listed = q.status >= 502 && q.status <= 504;
        assert_int_equal(verdict(q), listed ? GW_RETRY_YES : GW_RETRY_NOT_RETRYABLE);
    }
    struct gw_retry_options options = gw_retry_defaults();
    int64_t pause_ms;
    options.statuses[0] = 429;
    options.n_statuses = 1;
    q.status = 429;
    assert_int_equal(gw_retry_decide(&options, &q, &pause_ms), GW_RETRY_YES);
    q.status = 503;
    assert_int_equal(gw_retry_decide(&options, &q, &pause_ms), GW_RETRY_NOT_RETRYABLE);
}

static void a_post_only_if_it_never_left(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    q.idempotent = false;
    assert_int_equal(verdict(q), GW_RETRY_NOT_IDEMPOTENT);
    q.cause = GW_RETRY_TIMEOUT;
    assert_int_equal(verdict(q), GW_RETRY_NOT_IDEMPOTENT);
    q.cause = GW_RETRY_NEVER_LEFT;
    assert_int_equal(verdict(q), GW_RETRY_YES);
}

static void what_nobody_knows_is_not_repeated(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    q.cause = GW_RETRY_TIMEOUT;
    assert_int_equal(verdict(q), GW_RETRY_YES);
    q.cause = GW_RETRY_OTHER;
    assert_int_equal(verdict(q), GW_RETRY_NOT_RETRYABLE);
}

static void methods(void **state) {
    (void)state;
    assert_true(gw_retry_is_idempotent("GET"));
    assert_true(gw_retry_is_idempotent("HEAD"));
    assert_true(gw_retry_is_idempotent("PUT"));
    assert_true(gw_retry_is_idempotent("DELETE"));
    assert_true(gw_retry_is_idempotent("OPTIONS"));
    assert_false(gw_retry_is_idempotent("POST"));
    assert_false(gw_retry_is_idempotent("PATCH"));
    assert_false(gw_retry_is_idempotent("get")); /* methods are case-sensitive */
    assert_false(gw_retry_is_idempotent(""));
}

/* --- Pauses --- */

enum { SAMPLES = 100000, BINS = 5 };

/* Each fifth of the range gets a fifth of the pauses, and nothing lies outside of it. */
static void assert_even(struct gw_retry_options options, unsigned attempts, int64_t most) {
    struct gw_retry_question q = GET_503;
    unsigned bins[BINS] = {0};
    uint64_t random = attempts;
    q.attempts = attempts;
    for (int i = 0; i < SAMPLES; i++) {
        int64_t pause;
        q.random = next_random(&random);
        assert_int_equal(gw_retry_decide(&options, &q, &pause), GW_RETRY_YES);
        assert_in_range(pause, 0, most);
        bins[pause * BINS / (most + 1)]++;
    }
    for (int i = 0; i < BINS; i++)
        assert_in_range(bins[i], SAMPLES / BINS * 9 / 10, SAMPLES / BINS * 11 / 10);
}

static void pauses_are_even_up_to_a_limit_that_doubles(void **state) {
    (void)state;
    struct gw_retry_options options = gw_retry_defaults();
    options.attempts = 100;
    options.base_ms = 24; /* from 0: a multiple of five values, so that the bins are equal */
    options.cap_ms = 249;
    assert_even(options, 1, 24);
    assert_even(options, 99, 249);
    options.base_ms = 32;
    assert_even(options, 2, 64);
}

static void the_limit_is_reached_and_not_passed(void **state) {
    (void)state;
    static const int64_t limits[] = {25, 50, 100, 200, 250, 250, 250};
    struct gw_retry_options options = gw_retry_defaults();
    struct gw_retry_question q = GET_503;
    int64_t pause;
    options.attempts = 100;
    for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
        q.attempts = i + 1;
        q.random = (uint64_t)limits[i];
        assert_int_equal(gw_retry_decide(&options, &q, &pause), GW_RETRY_YES);
        assert_int_equal(pause, limits[i]);
        q.random++;
        assert_int_equal(gw_retry_decide(&options, &q, &pause), GW_RETRY_YES);
        assert_int_equal(pause, 0);
    }
}

static void a_pause_ends_before_the_deadline(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    q.random = 20;
    q.deadline_ms = NOW + 21;
    assert_int_equal(pause_of(q), 20);
    q.deadline_ms = NOW + 20;
    assert_int_equal(verdict(q), GW_RETRY_TOO_LATE);
    q.random = 0;
    q.deadline_ms = NOW;
    assert_int_equal(verdict(q), GW_RETRY_TOO_LATE);
    q.deadline_ms = NOW - 1;
    assert_int_equal(verdict(q), GW_RETRY_TOO_LATE);
}

static void retry_after_is_waited_out_if_there_is_time(void **state) {
    (void)state;
    struct gw_retry_question q = GET_503;
    q.retry_after_ms = 2000;
    assert_int_equal(pause_of(q), 2000);
    q.random = 7; /* not all of them at the same moment */
    assert_int_equal(pause_of(q), 2007);
    q.deadline_ms = NOW + 2007;
    assert_int_equal(verdict(q), GW_RETRY_TOO_LATE);
    q.retry_after_ms = 0;
    assert_int_equal(pause_of(q), 7);
}

/* --- Retry-After --- */

#define WALL 784111777000 /* 1994-11-06 08:49:37 UTC */

static int64_t after(const char *text) {
    return gw_retry_after_ms(gw_str_from(text), WALL);
}

static void retry_after_in_seconds(void **state) {
    (void)state;
    assert_int_equal(after("0"), 0);
    assert_int_equal(after("120"), 120000);
    assert_int_equal(after("007"), 7000);
    assert_int_equal(after("999999999999"), 999999999999000);
    assert_int_equal(after("-1"), -1);
    assert_int_equal(after("+1"), -1);
    assert_int_equal(after("1.5"), -1);
    assert_int_equal(after("1 "), -1);
    assert_int_equal(after(""), -1);
    assert_int_equal(after("99999999999999999999999"), -1);
}

static void retry_after_as_a_date(void **state) {
    (void)state;
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
    assert_int_equal(after("Sun, 06 Nov 1994 08:50:07 GMT"), 30000);
    assert_int_equal(after("Sunday, 06-Nov-94 08:50:07 GMT"), 30000);
    assert_int_equal(after("Sun Nov  6 08:50:07 1994"), 30000);
    assert_int_equal(after("Mon, 07 Nov 1994 08:49:37 GMT"), 86400000);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:36 GMT"), 0); /* has passed */
    assert_int_equal(after("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
}

static void retry_after_that_is_neither(void **state) {
    (void)state;
    assert_int_equal(after("soon"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 08:50:07"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 08:50:07 GMT and more"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 28:50:07 GMT"), -1);
    assert_int_equal(after("Sun, 06 Non 1994 08:50:07 GMT"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 08:50:07 GMT, Sun, 06 Nov 1994 08:50:07 GMT"), -1);
    assert_int_equal(gw_retry_after_ms((struct gw_str){"12\0", 3}, WALL), -1);
}

static void retry_after_need_not_end_with_a_nul(void **state) {
    (void)state;
    assert_int_equal(gw_retry_after_ms((struct gw_str){"1234", 2}, WALL), 12000);
    assert_int_equal(gw_retry_after_ms((struct gw_str){"Sun, 06 Nov 1994 08:50:07 GMT!", 29}, WALL),
                     30000);
}

static void retry_after_is_found_among_the_fields(void **state) {
    (void)state;
    assert_int_equal(gw_retry_after_in(GW_STR(""), WALL), -1);
    assert_int_equal(gw_retry_after_in(GW_STR("a: 1\r\nb: 2\r\n"), WALL), -1);
    assert_int_equal(gw_retry_after_in(GW_STR("a: 1\r\nRetry-After: 2 \r\nb: 3\r\n"), WALL), 2000);
    assert_int_equal(gw_retry_after_in(GW_STR("retry-after:3\n"), WALL), 3000);
    assert_int_equal(gw_retry_after_in(GW_STR("retry-after\nretry-after: soon"), WALL), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_attempts_are_all),
        cmocka_unit_test(no_attempts_means_no_retries),
        cmocka_unit_test(only_listed_statuses),
        cmocka_unit_test(a_post_only_if_it_never_left),
        cmocka_unit_test(what_nobody_knows_is_not_repeated),
        cmocka_unit_test(methods),
        cmocka_unit_test(pauses_are_even_up_to_a_limit_that_doubles),
        cmocka_unit_test(the_limit_is_reached_and_not_passed),
        cmocka_unit_test(a_pause_ends_before_the_deadline),
        cmocka_unit_test(retry_after_is_waited_out_if_there_is_time),
        cmocka_unit_test(retry_after_in_seconds),
        cmocka_unit_test(retry_after_as_a_date),
        cmocka_unit_test(retry_after_that_is_neither),
        cmocka_unit_test(retry_after_need_not_end_with_a_nul),
        cmocka_unit_test(retry_after_is_found_among_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
