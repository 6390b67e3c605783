#include "admin/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_format(enum gw_metric_format expected, const char *accept) {
    if (gw_metrics_negotiate(gw_str_from(accept)) != expected)
        fail_msg("not what was expected for: %s", accept);
}

static void gives_openmetrics_to_who_asks_for_it(void **state) {
    (void)state;
    static const char *const accepts[] = {
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0",
        "application/openmetrics-text;version=\"1.0.0\"; charset=utf-8",
        "application/OpenMetrics-text;q=0.001",
        /* Prometheus 2.42 */
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.5, application/openmetrics-text",
        "text/html, application/openmetrics-text;q=0.9, text/plain;q=0.9",
    };
    for (size_t i = 0; i < sizeof accepts / sizeof accepts[0]; i++)
        assert_format(GW_METRIC_OPENMETRICS, accepts[i]);
}

static void gives_text_to_all_others(void **state) {
    (void)state;
    static const char *const accepts[] = {
        "",
        "*/*",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "text/plain",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.000",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=0.1234",
        "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0.5,text/plain",
        "application/openmetrics-textual",
        ",,;;=,",
        "application/openmetrics-text;q=,;, ;",
        ";q=1;version=1.0.0",
    };
    for (size_t i = 0; i < sizeof accepts / sizeof accepts[0]; i++)
        assert_format(GW_METRIC_TEXT, accepts[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_openmetrics_to_who_asks_for_it),
        cmocka_unit_test(gives_text_to_all_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
