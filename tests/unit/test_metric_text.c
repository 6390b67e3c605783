#include "policy/metric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct gw_metric_family *declare(const struct gw_metric_options *options) {
    const char *error;
    struct gw_metric_family *family = gw_metrics_declare(options, &error);
    assert_non_null(family);
    return family;
}

static char *written(enum gw_metric_format format) {
    static struct gw_buf out;
    gw_buf_clear(&out);
    gw_metrics_write(&out, format);
    gw_buf_append_char(&out, '\0');
    return out.data;
}

static void assert_written(enum gw_metric_format format, const char *text) {
    char *all = written(format);
    if (!strstr(all, text))
        fail_msg("there is no\n%s\nin\n%s", text, all);
}

static void a_counter_is_described_by_its_base_in_openmetrics(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(
        &(struct gw_metric_options){"cpu_seconds_total", "CPU \"time\"\nof \\ all", "seconds",
                                    GW_METRIC_COUNTER, .number = GW_METRIC_MICRO});
    gw_metric_add(gw_metric_series(family, NULL), 1500000);
    assert_written(GW_METRIC_TEXT, "# HELP cpu_seconds_total CPU \"time\"\\nof \\\\ all\n"
                                   "# TYPE cpu_seconds_total counter\n"
                                   "cpu_seconds_total 1.500000\n");
    assert_written(GW_METRIC_OPENMETRICS, "# HELP cpu_seconds CPU \\\"time\\\"\\nof \\\\ all\n"
                                          "# TYPE cpu_seconds counter\n"
                                          "# UNIT cpu_seconds seconds\n"
                                          "cpu_seconds_total 1.500000\n");
}

static void an_info_is_a_gauge_in_text(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(&(struct gw_metric_options){
        "what_info", "What", NULL, GW_METRIC_INFO, .labels = {"version"}});
    struct gw_str version = GW_STR("1.0");
    gw_metric_series(family, &version);
    assert_written(GW_METRIC_TEXT, "# TYPE what_info gauge\nwhat_info{version=\"1.0\"} 1\n");
    assert_written(GW_METRIC_OPENMETRICS, "# TYPE what info\nwhat_info{version=\"1.0\"} 1\n");
}

static void label_values_are_escaped_and_cut(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(&(struct gw_metric_options){
        "escaped", "Escaped", NULL, GW_METRIC_GAUGE, .labels = {"a", "b"}});
    char large[1000];
    memset(large, 'x', sizeof large);
    struct gw_str values[] = {GW_STR("q\"b\\n\nu\xC3\xA9z\xFF."), {large, sizeof large}};
    gw_metric_add(gw_metric_series(family, values), 1);
    char expected[400];
    snprintf(expected, sizeof expected,
             "escaped{a=\"q\\\"b\\\\n\\nu\xC3\xA9z\xEF\xBF\xBD.\",b=\"%.*s\"} 1\n",
             GW_METRIC_MAX_VALUE, large);
    assert_written(GW_METRIC_TEXT, expected);
}

static void a_histogram_adds_up(void **state) {
    (void)state;
    struct gw_metric_bounds bounds = {.n = 3, .at = {0.5, 1, 2.5}, .is_shown = {true, true, true}};
    struct gw_metric_family *family = declare(&(struct gw_metric_options){
        "size", "Size", NULL, GW_METRIC_HISTOGRAM, .number = GW_METRIC_DOUBLE, .labels = {"a"},
        .bounds = &bounds});
    struct gw_str value = GW_STR("x");
    struct gw_metric metric = gw_metric_series(family, &value);
    gw_metric_observe(family, metric, 0.5);
    gw_metric_observe(family, metric, 0.75);
    gw_metric_observe(family, metric, 100);
    const char *expected = "size_bucket{a=\"x\",le=\"0.5\"} 1\n"
                           "size_bucket{a=\"x\",le=\"1.0\"} 2\n"
                           "size_bucket{a=\"x\",le=\"2.5\"} 2\n"
                           "size_bucket{a=\"x\",le=\"+Inf\"} 3\n"
                           "size_sum{a=\"x\"} 101.25\n"
                           "size_count{a=\"x\"} 3\n";
    assert_written(GW_METRIC_TEXT, expected);
    assert_written(GW_METRIC_OPENMETRICS, expected);
}

static void fine_buckets_are_not_shown(void **state) {
    (void)state;
    struct gw_metric_family *family =
        declare(&(struct gw_metric_options){"took_seconds", "Took", "seconds", GW_METRIC_HISTOGRAM,
                                            GW_METRIC_MICRO, .bounds = &gw_metric_durations});
    struct gw_metric metric = gw_metric_series(family, NULL);
    gw_metric_observe_us(metric, 300);
    gw_metric_observe_us(metric, 1200);
    gw_metric_observe_us(metric, 70000000);
    assert_written(GW_METRIC_TEXT, "took_seconds_bucket{le=\"0.0005\"} 1\n"
                                   "took_seconds_bucket{le=\"0.001\"} 1\n"
                                   "took_seconds_bucket{le=\"0.0025\"} 2\n");
    assert_written(GW_METRIC_TEXT, "took_seconds_bucket{le=\"30.0\"} 2\n"
                                   "took_seconds_bucket{le=\"+Inf\"} 3\n"
                                   "took_seconds_sum 70.001500\n"
                                   "took_seconds_count 3\n");
    assert_null(strstr(written(GW_METRIC_TEXT), "le=\"0.0003\""));
}

static void doubles_read_back_the_same(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(&(struct gw_metric_options){
        "double", "Double", NULL, GW_METRIC_GAUGE, .number = GW_METRIC_DOUBLE});
    struct gw_metric metric = gw_metric_series(family, NULL);
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "double 0.1\n"},       {1.0 / 3, "double 0.33333333333333331\n"},
                 {-12, "double -12\n"},       {1e300, "double 1e+300\n"},
                 {INFINITY, "double +Inf\n"}, {-INFINITY, "double -Inf\n"},
                 {NAN, "double NaN\n"},       {0, "double 0\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_metric_set(metric, cases[i].value);
        assert_written(GW_METRIC_TEXT, cases[i].text);
    }
}

static void openmetrics_has_an_end(void **state) {
    (void)state;
    const char *all = written(GW_METRIC_OPENMETRICS);
    size_t len = strlen(all);
    assert_true(len > 6 && strcmp(all + len - 6, "# EOF\n") == 0);
    assert_null(strstr(written(GW_METRIC_TEXT), "# EOF"));
}

/* Printed, not judged: how long depends on the machine. */
static void a_thousand_routes_are_written_quickly(void **state) {
    (void)state;
    struct gw_metric_family *family = declare(&(struct gw_metric_options){
        "routes_seconds", "Routes", "seconds", GW_METRIC_HISTOGRAM, GW_METRIC_MICRO,
        .labels = {"route"}, .bounds = &gw_metric_durations});
    for (int i = 0; i < 1000; i++) {
        char text[64];
        snprintf(text, sizeof text, "GET /api/v1/resource-%d/:id/things", i);
        struct gw_str label = gw_str_from(text);
        gw_metric_observe_us(gw_metric_series(family, &label), i * 100);
    }
    struct timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    size_t len = strlen(written(GW_METRIC_TEXT));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    print_message("# 1,000 histograms, %zu bytes: %.2f ms of CPU\n", len,
                  (double)(after.tv_sec - before.tv_sec) * 1e3 +
                      (double)(after.tv_nsec - before.tv_nsec) / 1e6);
    assert_true(len > 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_is_described_by_its_base_in_openmetrics),
        cmocka_unit_test(an_info_is_a_gauge_in_text),
        cmocka_unit_test(label_values_are_escaped_and_cut),
        cmocka_unit_test(a_histogram_adds_up),
        cmocka_unit_test(fine_buckets_are_not_shown),
        cmocka_unit_test(doubles_read_back_the_same),
        cmocka_unit_test(openmetrics_has_an_end),
        cmocka_unit_test(a_thousand_routes_are_written_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
