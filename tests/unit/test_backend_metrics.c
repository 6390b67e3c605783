#include "backend_fixture.h"

#include "policy/metric_core.h"
#include "policy/metric_meter.h"

static double value(enum gw_core_family which, const char *a, const char *b, const char *c) {
    return gw_metric_value(gw_core_family(which), gw_core_metric(which, a, b, c));
}

static double state_of(struct world *w, const char *host, const char *state) {
    gw_backends_measure(w->backends);
    return value(GW_CORE_BREAKER_STATE, "pricing", host, state);
}

static struct gw_meter_reading read_it(void) {
    struct gw_meter_reading reading;
    gw_meter_read(gw_meter_of_backend(GW_STR("pricing")), &reading);
    return reading;
}

static void shows_the_state_a_breaker_is_in(void **state) {
    struct world *w = *state;
    assert_true(state_of(w, NULL, "closed") == 1);
    gw_backend_force_open(w->backend);
    assert_true(state_of(w, NULL, "closed") == 0);
    assert_true(state_of(w, NULL, "forced_open") == 1);
    assert_true(value(GW_CORE_BREAKER_TRANSITIONS, "pricing", NULL, "forced_open") == 1);
    gw_backend_reset(w->backend);
    assert_true(state_of(w, NULL, "closed") == 1);
}

static void shows_breakers_that_stand_alone(void **state) {
    struct world *w = *state;
    struct gw_breaker_options options = {.threshold = 1, .recovery_ms = 1000, .trials = 1};
    struct gw_breaker *breaker = gw_backends_breaker(w->backends, "cache", &options);
    gw_breaker_force_open(breaker, 1);
    gw_backends_measure(w->backends);
    assert_true(value(GW_CORE_NAMED_BREAKER_STATE, "cache", "forced_open", NULL) == 1);
    assert_true(value(GW_CORE_NAMED_BREAKER_STATE, "cache", "closed", NULL) == 0);
    assert_true(value(GW_CORE_NAMED_BREAKER_TRANSITIONS, "cache", "forced_open", NULL) == 1);
}

static void a_host_that_is_gone_is_in_no_state(void **state) {
    struct world *w = *state;
    struct gw_backend_options two = options_for("http://127.0.0.1:1");
    two.urls[1] = w->url;
    two.n_urls = 2;
    two.breaker_per_host = true;
    define(w, &two);
    assert_true(state_of(w, "http://127.0.0.1:1", "closed") == 1);
    assert_true(state_of(w, w->url, "closed") == 1);
    struct gw_backend_options one = options_for(w->url);
    define(w, &one);
    assert_true(state_of(w, "http://127.0.0.1:1", "closed") == 0);
    assert_true(state_of(w, w->url, "closed") == 0); /* its breaker is not asked any more */
    assert_true(state_of(w, NULL, "closed") == 1);
}

static void counts_calls_attempts_and_retries(void **state) {
    struct world *w = *state;
    struct gw_meter_reading before = read_it();
    struct gw_backend_options options = options_for(w->url);
    options.retry.attempts = 2;
    options.retry.base_ms = 1;
    define(w, &options);
    call(w, &GET);
    struct gw_meter_reading now = read_it();
    assert_int_equal(1, now.count - before.count);
    assert_int_equal(1, now.attempts - before.attempts);
    assert_int_equal(0, now.retries - before.retries);
    assert_int_equal(0, now.in_flight);
    assert_int_equal(1, now.durations.count - before.durations.count);
}

static void counts_who_goes_away(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_meter_reading before = read_it();
    w->peer->script = says_nothing;
    struct gw_backend_call *waiting = start(w, &GET, &answer);
    RUN_UNTIL(w->base, w->peer->requests == 1);
    assert_int_equal(1, read_it().in_flight);
    gw_backend_cancel(waiting);
    struct gw_meter_reading now = read_it();
    assert_int_equal(0, now.in_flight);
    assert_int_equal(1, now.cancelled - before.cancelled);
    assert_int_equal(0, now.errors - before.errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_the_state_a_breaker_is_in, begin, end),
        cmocka_unit_test_setup_teardown(shows_breakers_that_stand_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_host_that_is_gone_is_in_no_state, begin, end),
        cmocka_unit_test_setup_teardown(counts_calls_attempts_and_retries, begin, end),
        cmocka_unit_test_setup_teardown(counts_who_goes_away, begin, end),
    };
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR);
    gw_metrics_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
