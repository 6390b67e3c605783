#include "policy/metric.h"

#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The registry is the process's: each test has metrics of its own. */
static struct gw_metric_family *declare(struct gw_metric_options options) {
    const char *error;
    if (!options.help)
        options.help = "Of a test";
    struct gw_metric_family *family = gw_metrics_declare(&options, &error);
    assert_non_null(family);
    return family;
}

static struct gw_metric series(struct gw_metric_family *family, const char *value) {
    struct gw_str values[] = {gw_str_from(value)};
    return gw_metric_series(family, values);
}

static void counts_by_labels(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(
        (struct gw_metric_options){"labels_total", .type = GW_METRIC_COUNTER, .labels = {"a"}});
    struct gw_metric x = series(family, "x"), y = series(family, "y");
    assert_int_not_equal(x.at, y.at);
    assert_int_equal(x.at, series(family, "x").at);
    gw_metric_add(x, 2);
    gw_metric_add(x, 1);
    gw_metric_add(y, 5);
    assert_true(gw_metric_value(family, x) == 3);
    assert_true(gw_metric_value(family, y) == 5);
}

static void goes_down_as_well(void **state) {
    (void)state;
    struct gw_metric_family *family =
        declare((struct gw_metric_options){"down", .type = GW_METRIC_GAUGE});
    struct gw_metric metric = gw_metric_series(family, NULL);
    gw_metric_add(metric, 2);
    gw_metric_add(metric, -3);
    assert_true(gw_metric_value(family, metric) == -1);
}

static void is_set_by_whoever_is_last(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(
        (struct gw_metric_options){"set", .type = GW_METRIC_GAUGE, .number = GW_METRIC_DOUBLE});
    struct gw_metric metric = gw_metric_series(family, NULL);
    gw_metric_set(metric, 2.5);
    gw_metric_change(metric, -1);
    assert_true(gw_metric_value(family, metric) == 1.5);
}

/* What was never registered counts where nobody looks. */
static void counts_nothing_without_a_series(void **state) {
    (void)state;
    struct gw_metric none = {0};
    gw_metric_add(none, 1);
    gw_metric_observe_us(none, 1000);
    gw_metric_observe_us(none, INT64_C(1) << 60);
    gw_metric_set(none, 1);
    gw_metric_change(none, 1);
    assert_int_equal(0, gw_metric_read_at(0));
}

static void refuses_what_differs(void **state) {
    (void)state;
    const char *error;
    struct gw_metric_bounds bounds = {.n = 1, .at = {1}}, others = {.n = 1, .at = {2}};
    struct gw_metric_options first = {
        "same", "Of a test", NULL, GW_METRIC_HISTOGRAM, GW_METRIC_DOUBLE, {"a"}, .bounds = &bounds};
    struct gw_metric_options other = first;
    struct gw_metric_family *family = declare(first);
    other.help = "Of another test"; /* which may change */
    assert_ptr_equal(family, gw_metrics_declare(&other, &error));
    other.bounds = &others;
    assert_null(gw_metrics_declare(&other, &error));
    assert_non_null(strstr(error, "buckets"));
    other = first;
    other.labels[0] = "b";
    assert_non_null(strstr(gw_metrics_conflict(&other, 1), "labels"));
    other.labels[0] = "a";
    other.labels[1] = "b";
    assert_non_null(strstr(gw_metrics_conflict(&other, 1), "labels"));
    other = first;
    other.type = GW_METRIC_GAUGE;
    assert_non_null(strstr(gw_metrics_conflict(&other, 1), "type"));
    other = (struct gw_metric_options){"same_total", "x", .type = GW_METRIC_COUNTER};
    assert_non_null(strstr(gw_metrics_conflict(&other, 1), "_total"));
    assert_null(gw_metrics_conflict(&first, 1));
}

static void has_a_series_for_what_is_too_much(void **state) {
    (void)state;
    struct gw_metric_family *family = declare((struct gw_metric_options){
        "bounded_total", .type = GW_METRIC_COUNTER, .labels = {"a"}, .max_series = 3});
    struct gw_metric last = {0};
    for (int i = 0; i < 1000; i++) {
        char text[16];
        bool overflowed;
        snprintf(text, sizeof text, "%d", i);
        struct gw_str value = gw_str_from(text);
        struct gw_metric metric = gw_metric_series_or_overflow(family, &value, &overflowed);
        assert_int_equal(overflowed, i >= 3);
        gw_metric_add(metric, 1);
        last = metric;
    }
    assert_true(gw_metric_value(family, last) == 997);
    assert_int_equal(last.at, series(family, "overflow").at);
}

/* --- Threads --- */

#define N_THREADS 4
#define N_ADDS    10000

struct adding {
    struct gw_metric_family *family;
    struct gw_metric counter, histogram, gauge;
};

static void *add_many(void *user) {
    struct adding *adding = user;
    for (int i = 0; i < N_ADDS; i++) {
        char text[16];
        gw_metric_add(adding->counter, 1);
        gw_metric_observe_us(adding->histogram, i);
        gw_metric_change(adding->gauge, i % 2 ? -1 : 1);
        snprintf(text, sizeof text, "%d", i % 700); /* new chunks come while others count */
        gw_metric_add(series(adding->family, text), 1);
    }
    gw_metric_end_thread();
    return NULL;
}

static void adds_up_all_threads(void **state) {
    (void)state;
    pthread_t threads[N_THREADS];
    struct gw_metric_family *counter =
        declare((struct gw_metric_options){"threads_total", .type = GW_METRIC_COUNTER});
    struct gw_metric_family *histogram = declare(
        (struct gw_metric_options){"threads_seconds", .type = GW_METRIC_HISTOGRAM,
                                   .number = GW_METRIC_MICRO, .bounds = &gw_metric_durations});
    struct gw_metric_family *gauge = declare((struct gw_metric_options){
        "balance_of_threads", .type = GW_METRIC_GAUGE, .number = GW_METRIC_DOUBLE});
    struct adding adding = {
        .family = declare((struct gw_metric_options){"of_threads_total", .type = GW_METRIC_COUNTER,
                                                     .labels = {"a"}}),
        .counter = gw_metric_series(counter, NULL),
        .histogram = gw_metric_series(histogram, NULL),
        .gauge = gw_metric_series(gauge, NULL),
    };
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, add_many, &adding));
    for (int i = 0; i < 20; i++) {
        struct gw_buf out = {0};
        gw_metrics_write(&out, GW_METRIC_TEXT);
        gw_buf_fini(&out);
    }
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    struct gw_metric_histogram snapshot;
    gw_metric_read_histogram(histogram, adding.histogram, &snapshot);
    assert_true(gw_metric_value(counter, adding.counter) == N_THREADS * N_ADDS);
    assert_int_equal(snapshot.count, N_THREADS * N_ADDS);
    assert_true(gw_metric_value(gauge, adding.gauge) == 0);
}

static void *add_one(void *user) {
    gw_metric_add(*(struct gw_metric *)user, 1);
    gw_metric_end_thread();
    return NULL;
}

/* Its cells are the next one's. */
static void keeps_what_a_thread_has_left(void **state) {
    (void)state;
    struct gw_metric_family *family =
        declare((struct gw_metric_options){"left_total", .type = GW_METRIC_COUNTER});
    struct gw_metric metric = gw_metric_series(family, NULL);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, add_one, &metric);
        pthread_join(thread, NULL);
    }
    assert_true(gw_metric_value(family, metric) == 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_nothing_without_a_series),
        cmocka_unit_test(counts_by_labels),
        cmocka_unit_test(goes_down_as_well),
        cmocka_unit_test(is_set_by_whoever_is_last),
        cmocka_unit_test(refuses_what_differs),
        cmocka_unit_test(has_a_series_for_what_is_too_much),
        cmocka_unit_test(adds_up_all_threads),
        cmocka_unit_test(keeps_what_a_thread_has_left),
    };
    gw_log_set_level(GW_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
