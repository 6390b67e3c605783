#include "policy/metric_histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The quick way and the plain one agree, at each bound and around it. */
static void finds_the_bucket_of_a_duration(void **state) {
    (void)state;
    const struct gw_metric_bounds *bounds = &gw_metric_durations;
    for (unsigned i = 0; i < bounds->n; i++) {
        int64_t us = llround(bounds->at[i] * 1e6);
        assert_int_equal(i, gw_metric_bucket_us(us));
        assert_int_equal(i + 1, gw_metric_bucket_us(us + 1));
        assert_int_equal(i, gw_metric_bucket(bounds, bounds->at[i]));
    }
    for (int64_t us = 0; us < 70000000; us += 1 + us / 300)
        assert_int_equal(gw_metric_bucket(bounds, (double)us / 1e6), gw_metric_bucket_us(us));
    assert_int_equal(0, gw_metric_bucket_us(-5));
    assert_int_equal(bounds->n, gw_metric_bucket_us(INT64_MAX));
    assert_int_equal(bounds->n, gw_metric_bucket(bounds, NAN));
}

static void bounds_ascend_and_some_are_shown(void **state) {
    (void)state;
    unsigned n_shown = 0;
    for (unsigned i = 0; i < gw_metric_durations.n; i++) {
        assert_true(i == 0 || gw_metric_durations.at[i] > gw_metric_durations.at[i - 1]);
        n_shown += gw_metric_durations.is_shown[i];
    }
    assert_int_equal(15, n_shown);
    assert_true(gw_metric_durations.is_shown[gw_metric_bucket_us(100000)]);
}

static void observe(struct gw_metric_histogram *histogram, int64_t us, uint64_t n) {
    histogram->bounds = &gw_metric_durations;
    histogram->counts[gw_metric_bucket_us(us)] += n;
    histogram->count += n;
    histogram->sum += (double)us / 1e6 * (double)n;
}

static void assert_near(double expected, double found) {
    if (fabs(found - expected) > expected * 0.2)
        fail_msg("%g is not near %g", found, expected);
}

static void estimates_quantiles(void **state) {
    (void)state;
    struct gw_metric_histogram histogram = {0};
    assert_true(gw_metric_quantile(&histogram, 0.5) < 0);
    for (int64_t us = 1000; us <= 100000; us += 100)
        observe(&histogram, us, 1);
    assert_near(0.0505, gw_metric_quantile(&histogram, 0.5));
    assert_near(0.0901, gw_metric_quantile(&histogram, 0.9));
    assert_near(0.0991, gw_metric_quantile(&histogram, 0.99));
    assert_true(gw_metric_quantile(&histogram, 0) <= 0.001);
    assert_true(gw_metric_quantile(&histogram, 1) <= 0.1);
}

static void stays_within_its_bounds(void **state) {
    (void)state;
    struct gw_metric_histogram histogram = {0};
    observe(&histogram, INT64_C(1000000000), 5);
    assert_true(gw_metric_quantile(&histogram, 0.5) == 60);
}

static void tells_what_came_since(void **state) {
    (void)state;
    struct gw_metric_histogram before = {0}, now, since, nothing = {0};
    observe(&before, 1000, 100);
    now = before;
    observe(&now, 2000000, 10);
    gw_metric_histogram_since(&now, &before, &since);
    assert_int_equal(10, since.count);
    assert_near(2, gw_metric_quantile(&since, 0.5));
    assert_near(20, since.sum);
    gw_metric_histogram_since(&now, &nothing, &since);
    assert_int_equal(110, since.count);
    gw_metric_histogram_since(&nothing, &nothing, &since);
    assert_int_equal(0, since.count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_bucket_of_a_duration),
        cmocka_unit_test(bounds_ascend_and_some_are_shown),
        cmocka_unit_test(estimates_quantiles),
        cmocka_unit_test(stays_within_its_bounds),
        cmocka_unit_test(tells_what_came_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
