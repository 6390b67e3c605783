#include "admin/pulse.h"

#include "policy/metric_core.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define WALL INT64_C(1800000000000)

/* The clock of all tests: a second for each beat. */
static struct gw_pulse *pulse;
static int64_t now_ms;

static void take(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        now_ms += 1000;
        gw_pulse_take(pulse, now_ms, WALL + now_ms, 3);
    }
}

static int set_up(void **state) {
    (void)state;
    gw_metrics_init();
    pulse = gw_pulse_new();
    now_ms = 0;
    take(1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    gw_pulse_free(pulse);
    return 0;
}

/* Meters outlive a test, so each has routes of its own. */
static struct gw_meter *route(const char *name) {
    return gw_meter_of_route(gw_str_from(name));
}

static void requests(struct gw_meter *meter, unsigned n, unsigned status, int64_t us) {
    while (n-- > 0)
        gw_meter_count_request(meter, GW_STR("GET"), status, us);
}

static const struct gw_pulse_series *series(const char *name) {
    static const struct gw_pulse_series *all[100];
    unsigned n = gw_pulse_routes(pulse, all, 100);
    for (unsigned i = 0; i < n; i++)
        if (gw_str_equal(gw_pulse_name(all[i]), gw_str_from(name)))
            return all[i];
    return NULL;
}

static struct gw_beat last(const char *name) {
    return gw_pulse_beat(series(name), 0);
}

/* --- beats --- */

static void nothing_has_no_percentiles(void **state) {
    (void)state;
    struct gw_beat beat = gw_pulse_beat(gw_pulse_total(pulse), 0);
    assert_true(beat.per_s == 0 && beat.errors_per_s == 0);
    assert_true(isnan(beat.p50_ms) && isnan(beat.p99_ms));
    beat = gw_pulse_beat(NULL, 0);
    assert_true(beat.per_s == 0 && beat.errors_per_s == 0 && isnan(beat.p50_ms));
}

static void a_rate_is_of_the_last_seconds(void **state) {
    (void)state;
    struct gw_meter *meter = route("GET /rate");
    take(GW_PULSE_WINDOW);
    requests(meter, 10, 200, 1000);
    take(1);
    assert_float_equal(last("GET /rate").per_s, 10.0 / GW_PULSE_WINDOW, 0.001);
    take(GW_PULSE_WINDOW - 1);
    assert_float_equal(last("GET /rate").per_s, 10.0 / GW_PULSE_WINDOW, 0.001);
    take(1);
    assert_float_equal(last("GET /rate").per_s, 0, 0.001);
}

static void a_young_pulse_looks_back_as_far_as_it_can(void **state) {
    (void)state;
    requests(route("GET /young"), 6, 200, 1000);
    take(1);
    assert_float_equal(last("GET /young").per_s, 3, 0.001); /* in two seconds */
}

static void a_late_beat_is_divided_by_its_time(void **state) {
    (void)state;
    take(GW_PULSE_WINDOW);
    requests(route("GET /late"), 12, 200, 1000);
    now_ms += 1000;
    take(1);
    assert_float_equal(last("GET /late").per_s, 2, 0.001);
}

static void percentiles_are_of_the_last_seconds(void **state) {
    (void)state;
    struct gw_meter *meter = route("GET /slow");
    requests(meter, 100, 200, 2000);
    take(1);
    assert_float_equal(last("GET /slow").p50_ms, 2, 0.5);
    take(GW_PULSE_WINDOW);
    assert_true(isnan(last("GET /slow").p50_ms));
    requests(meter, 98, 200, 1000000);
    requests(meter, 2, 200, 5000000);
    take(1);
    assert_float_equal(last("GET /slow").p50_ms, 1000, 250);
    assert_float_equal(last("GET /slow").p99_ms, 5000, 1250);
}

static void errors_are_those_of_the_gateway(void **state) {
    (void)state;
    struct gw_meter *meter = route("GET /errors");
    take(GW_PULSE_WINDOW);
    requests(meter, 5, 502, 1000);
    requests(meter, 5, 404, 1000);
    take(1);
    assert_float_equal(last("GET /errors").errors_per_s, 1, 0.001);
    assert_float_equal(last("GET /errors").per_s, 2, 0.001);
}

static void the_total_has_all_routes(void **state) {
    (void)state;
    take(GW_PULSE_WINDOW);
    requests(route("GET /one"), 5, 200, 1000);
    requests(route("GET /other"), 10, 500, 1000);
    take(1);
    struct gw_beat beat = gw_pulse_beat(gw_pulse_total(pulse), 0);
    assert_float_equal(beat.per_s, 3, 0.001);
    assert_float_equal(beat.errors_per_s, 2, 0.001);
}

static void backends_have_one_too(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_backend(GW_STR("inventory"));
    take(GW_PULSE_WINDOW);
    assert_null(gw_pulse_backend(pulse, GW_STR("inventory")));
    for (int i = 0; i < 5; i++)
        gw_meter_count_call(meter, 0, "success", 200, 3000);
    take(1);
    const struct gw_pulse_series *found = gw_pulse_backend(pulse, GW_STR("inventory"));
    assert_non_null(found);
    assert_float_equal(gw_pulse_beat(found, 0).per_s, 1, 0.001);
    assert_null(gw_pulse_backend(pulse, GW_STR("pricing")));
}

/* --- since when --- */

static const struct gw_spell *calls(struct gw_meter *meter, unsigned beats, unsigned failure,
                                    int64_t us) {
    for (unsigned i = 0; i < beats; i++) {
        gw_meter_count_call(meter, failure, failure ? "timeout" : "success", 0, us);
        take(1);
    }
    return gw_pulse_spell(gw_pulse_backend(pulse, meter->name));
}

static void slowness_is_told_for_longer_than_is_remembered(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_backend(GW_STR("tired"));
    assert_int_equal(calls(meter, 60, 0, 3000)->slow_since_ms, 0);
    const struct gw_spell *spell = calls(meter, GW_PULSE_WINDOW, 0, 1500000);
    int64_t since_ms = spell->slow_since_ms;
    assert_in_range(since_ms, WALL + now_ms - GW_PULSE_WINDOW * 1000, WALL + now_ms);
    calls(meter, 3 * GW_PULSE_SECONDS, 0, 1500000);
    assert_int_equal(spell->slow_since_ms, since_ms);
    assert_true(spell->usual_ms < 10);
    assert_int_equal(calls(meter, 2 * GW_PULSE_WINDOW, 0, 3000)->slow_since_ms, 0);
}

static void failures_are_told_by_their_beginning(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_backend(GW_STR("failing"));
    assert_int_equal(calls(meter, 60, 0, 3000)->failing_since_ms, 0);
    const struct gw_spell *spell = calls(meter, 1, 2, 3000);
    int64_t since_ms = WALL + now_ms;
    assert_int_equal(spell->failing_since_ms, since_ms);
    calls(meter, 2 * GW_PULSE_SECONDS, 2, 3000);
    assert_int_equal(spell->failing_since_ms, since_ms);
    take(2 * GW_PULSE_SECONDS); /* without any calls */
    assert_int_equal(spell->failing_since_ms, 0);
}

/* --- what is remembered --- */

static void five_minutes_are_remembered(void **state) {
    (void)state;
    requests(route("GET /long"), 50, 200, 1000);
    take(1);
    float first = last("GET /long").per_s;
    assert_int_equal(gw_pulse_length(pulse), 2);
    take(100);
    assert_int_equal(gw_pulse_length(pulse), 102);
    assert_float_equal(gw_pulse_beat(series("GET /long"), 100).per_s, first, 0.001);
    assert_int_equal(gw_pulse_wall_ms(pulse, 100), WALL + now_ms - 100000);
    assert_int_equal(gw_pulse_in_flight(pulse, 100), 3);
    take(1000);
    assert_int_equal(gw_pulse_length(pulse), GW_PULSE_SECONDS);
}

static void a_quiet_route_is_left_out(void **state) {
    (void)state;
    requests(route("GET /quiet"), 1, 200, 1000);
    take(1);
    assert_non_null(series("GET /quiet"));
    take(GW_PULSE_SECONDS - 1);
    assert_non_null(series("GET /quiet"));
    take(1);
    assert_null(series("GET /quiet"));
    requests(route("GET /quiet"), 1, 200, 1000);
    take(1);
    assert_non_null(series("GET /quiet"));
}

static void routes_come_by_name_and_the_busiest_if_there_are_too_many(void **state) {
    (void)state;
    char name[40];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "GET /many/%02u", 19 - i);
        requests(route(name), 100 + i, 200, 1000);
    }
    take(1);
    const struct gw_pulse_series *some[3];
    assert_int_equal(gw_pulse_routes(pulse, some, 3), 3);
    assert_int_equal(gw_pulse_busy_routes(pulse), 20);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "GET /many/%02u", i);
        assert_true(gw_str_equal(gw_pulse_name(some[i]), gw_str_from(name)));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_has_no_percentiles),
        TEST(a_rate_is_of_the_last_seconds),
        TEST(a_young_pulse_looks_back_as_far_as_it_can),
        TEST(a_late_beat_is_divided_by_its_time),
        TEST(percentiles_are_of_the_last_seconds),
        TEST(errors_are_those_of_the_gateway),
        TEST(the_total_has_all_routes),
        TEST(backends_have_one_too),
        TEST(slowness_is_told_for_longer_than_is_remembered),
        TEST(failures_are_told_by_their_beginning),
        TEST(five_minutes_are_remembered),
        TEST(a_quiet_route_is_left_out),
        TEST(routes_come_by_name_and_the_busiest_if_there_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
