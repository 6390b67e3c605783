#include "backend_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

/* `w` with a second host. */
static struct peer *other;
static char other_url[64];

static int begin_two(void **state) {
    begin(state);
    struct world *w = *state;
    other = peer_new(w->base);
    snprintf(other_url, sizeof other_url, "http://127.0.0.1:%u", other->port);
    return 0;
}

static int end_two(void **state) {
    peer_free(other);
    return end(state);
}

static void use_both(struct world *w, bool breaker_per_host) {
    struct gw_backend_options options = options_for(w->url);
    options.n_urls = 2;
    options.urls[1] = other_url;
    options.breaker.recovery_ms = 100000;
    options.breaker_per_host = breaker_per_host;
    define(w, &options);
}

static void use_one(struct world *w) {
    struct gw_backend_options options = options_for(w->url);
    options.breaker.recovery_ms = 100000;
    define(w, &options);
}

static struct gw_backend_snapshot look(struct world *w) {
    struct gw_backend_snapshot snapshot;
    gw_backend_snapshot(w->backend, &snapshot);
    return snapshot;
}

/* Until the breaker of the other host has had enough of it. */
static void break_other(struct world *w) {
    other->script = fails;
    while (look(w).hosts[1].state != GW_BREAKER_OPEN)
        call(w, &GET);
    other->script = peer_answers;
}

/* --- What there is to see --- */

static void a_new_backend_has_done_nothing(void **state) {
    struct gw_backend_snapshot seen = look(*state);
    struct world *w = *state;
    assert_int_equal(seen.breaker.state, GW_BREAKER_CLOSED);
    assert_int_equal(seen.breaker.since_ms, 0);
    assert_null(seen.last_error);
    assert_int_equal(seen.in_flight + seen.max_concurrent, 0);
    assert_int_equal(seen.n_hosts, 1);
    assert_string_equal(seen.hosts[0].url, w->url);
    assert_false(seen.hosts[0].is_out);
}

static void calls_in_flight_are_counted(void **state) {
    struct world *w = *state;
    struct gw_backend_options options = options_for(w->url);
    struct answer answers[3];
    struct gw_backend_call *calls[3];
    options.max_concurrent = 2;
    options.max_waiting = 5;
    define(w, &options);
    w->peer->script = says_nothing;
    for (int i = 0; i < 3; i++)
        calls[i] = start(w, &GET, &answers[i]);
    RUN_UNTIL(w->base, w->peer->requests == 2);
    struct gw_backend_snapshot seen = look(w);
    assert_int_equal(seen.in_flight, 2);
    assert_int_equal(seen.hosts[0].in_flight, 2);
    assert_int_equal(seen.max_concurrent, 2);
    for (int i = 0; i < 3; i++)
        gw_backend_cancel(calls[i]);
    seen = look(w);
    assert_int_equal(seen.in_flight, 0);
}

static void an_end_is_an_end_however_it_comes(void **state) {
    struct world *w = *state;
    call(w, &GET);
    open_it(w);
    call(w, &GET); /* not let in */
    struct gw_backend_snapshot seen = look(w);
    assert_int_equal(seen.in_flight, 0);
    assert_int_equal(seen.breaker.state, GW_BREAKER_OPEN);
    assert_string_equal(seen.breaker.reason, "3 failures in a row");
    assert_string_equal(seen.last_error, "Service Unavailable");
}

static void each_host_has_its_state(void **state) {
    struct world *w = *state;
    use_both(w, true);
    break_other(w);
    struct gw_backend_snapshot seen = look(w);
    assert_int_equal(seen.n_hosts, 2);
    assert_int_equal(seen.breaker.state, GW_BREAKER_CLOSED);
    assert_int_equal(seen.hosts[0].state, GW_BREAKER_CLOSED);
    assert_int_equal(seen.hosts[1].state, GW_BREAKER_OPEN);
    assert_string_equal(seen.hosts[1].url, other_url);
}

static void without_breakers_per_host_it_is_that_of_the_backend(void **state) {
    struct world *w = *state;
    use_both(w, false);
    gw_backend_force_open(w->backend);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_FORCED_OPEN);
}

/* --- What may be done --- */

static void forced_open_it_calls_no_host(void **state) {
    struct world *w = *state;
    use_both(w, true);
    gw_backend_force_open(w->backend);
    for (int i = 0; i < 5; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_OPEN);
    }
    assert_int_equal(w->peer->requests + other->requests, 0);
    assert_string_equal(look(w).breaker.reason, "forced by operator");
    assert_int_equal(look(w).in_flight, 0);
}

static void a_reload_changes_nothing_of_it(void **state) {
    struct world *w = *state;
    gw_backend_force_open(w->backend);
    use_both(w, true);
    assert_state(w, GW_BREAKER_FORCED_OPEN);
    use_one(w);
    assert_state(w, GW_BREAKER_FORCED_OPEN);
}

static void closing_goes_for_its_hosts(void **state) {
    struct world *w = *state;
    use_both(w, true);
    break_other(w);
    gw_backend_close(w->backend);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_CLOSED);
    break_other(w);
    gw_backend_reset(w->backend);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_CLOSED);
    assert_string_equal(look(w).breaker.reason, "reset by operator");
}

static void disabled_it_lets_all_through_to_all(void **state) {
    struct world *w = *state;
    use_both(w, true);
    break_other(w);
    gw_backend_disable(w->backend);
    other->script = w->peer->script = fails;
    int before = other->requests;
    for (int i = 0; i < 50; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_STATUS);
    }
    assert_true(other->requests > before);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_DISABLED);
}

static void hosts_that_come_later_obey_too(void **state) {
    struct world *w = *state;
    use_one(w);
    gw_backend_disable(w->backend);
    use_both(w, true);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_DISABLED);
    use_one(w);
    gw_backend_close(w->backend);
    use_both(w, true);
    assert_int_equal(look(w).hosts[1].state, GW_BREAKER_CLOSED);
}

/* --- Another thread --- */

struct operator{
    struct gw_backend *backend;
    atomic_bool is_done;
    unsigned looks;
};

static void *operate(void *user) {
    struct operator* operator= user;
    void (*const acts[])(struct gw_backend *) = {gw_backend_force_open, gw_backend_reset,
                                                 gw_backend_disable, gw_backend_close};
    while (!atomic_load(&operator->is_done)) {
        struct gw_backend_snapshot snapshot;
        gw_backend_snapshot(operator->backend, &snapshot);
        acts[operator->looks++ % 4](operator->backend);
    }
    return NULL;
}

static void an_operator_is_not_in_the_way(void **state) {
    struct world *w = *state;
    struct operator operator= {.backend = w->backend};
    pthread_t thread;
    gw_log_set_level(GW_LOG_ERROR);
    use_both(w, true);
    assert_int_equal(pthread_create(&thread, NULL, operate, &operator), 0);
    for (int i = 0; i < 300; i++)
        call(w, &GET);
    atomic_store(&operator.is_done, true);
    pthread_join(thread, NULL);
    assert_true(operator.looks> 0);
    assert_int_equal(look(w).in_flight, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_backend_has_done_nothing, begin, end),
        cmocka_unit_test_setup_teardown(calls_in_flight_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(an_end_is_an_end_however_it_comes, begin, end),
        cmocka_unit_test_setup_teardown(each_host_has_its_state, begin_two, end_two),
        cmocka_unit_test_setup_teardown(without_breakers_per_host_it_is_that_of_the_backend,
                                        begin_two, end_two),
        cmocka_unit_test_setup_teardown(forced_open_it_calls_no_host, begin_two, end_two),
        cmocka_unit_test_setup_teardown(a_reload_changes_nothing_of_it, begin_two, end_two),
        cmocka_unit_test_setup_teardown(closing_goes_for_its_hosts, begin_two, end_two),
        cmocka_unit_test_setup_teardown(disabled_it_lets_all_through_to_all, begin_two, end_two),
        cmocka_unit_test_setup_teardown(hosts_that_come_later_obey_too, begin_two, end_two),
        cmocka_unit_test_setup_teardown(an_operator_is_not_in_the_way, begin_two, end_two),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("backend_desk", tests, NULL, NULL);
}
