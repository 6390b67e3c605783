#include "policy/metric_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "policy/metric_internal.h"

static bool ends_in(const char *text, const char *tail) {
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

static void counts_nothing_before_it_is_made(void **state) {
    (void)state;
    assert_null(gw_core_family(GW_CORE_REQUESTS));
    assert_int_equal(0, gw_core_metric(GW_CORE_REQUESTS, "a", "b", "c").at);
    gw_metric_add(gw_count.loads_ok, 1);
    gw_metrics_init();
    gw_metrics_init(); /* again */
    assert_true(gw_metric_value(gw_core_family(GW_CORE_LOADS), gw_count.loads_ok) == 0);
}

/* Prometheus' conventions. */
static void names_tell_type_and_unit(void **state) {
    (void)state;
    for (unsigned i = 0; i < GW_CORE_FAMILIES; i++) {
        const struct gw_metric_family *family = gw_core_family((enum gw_core_family)i);
        bool is_counter = family->type == GW_METRIC_COUNTER;
        if (is_counter != ends_in(family->name, "_total"))
            fail_msg("%s: only a counter ends in _total", family->name);
        if ((family->type == GW_METRIC_INFO) != ends_in(family->name, "_info"))
            fail_msg("%s: only an info ends in _info", family->name);
        const char *unit = strstr(family->name, "_seconds") ? "seconds"
                           : strstr(family->name, "_bytes") ? "bytes"
                                                            : NULL;
        if ((unit == NULL) != (family->unit == NULL) || (unit && strcmp(unit, family->unit) != 0))
            fail_msg("%s: its unit is not that of its name", family->name);
        const char *help = atomic_load(&family->help)->text;
        if (*help == '\0' || ends_in(help, "."))
            fail_msg("%s: help is a sentence without its full stop", family->name);
    }
}

static void durations_are_told_in_seconds(void **state) {
    (void)state;
    for (unsigned i = 0; i < GW_CORE_FAMILIES; i++) {
        const struct gw_metric_family *family = gw_core_family((enum gw_core_family)i);
        assert_int_equal(family->type == GW_METRIC_HISTOGRAM, family->bounds != NULL);
        if (family->bounds)
            assert_ptr_equal(family->bounds, &gw_metric_durations);
    }
    struct gw_metric cpu = gw_core_metric(GW_CORE_SCRIPT_CPU, "GET /", NULL, NULL);
    gw_metric_add(cpu, 2500000);
    assert_true(gw_metric_value(gw_core_family(GW_CORE_SCRIPT_CPU), cpu) == 2.5);
}

/* Or an alert on the first of them would see none: it needs a zero before it. */
static void what_is_rare_is_there_from_the_start(void **state) {
    (void)state;
    static const char *const lines[] = {
        "moongate_script_stops_total{budget=\"cpu\"} 0\n",
        "moongate_script_stops_total{budget=\"memory\"} 0\n",
        "moongate_script_loads_total{outcome=\"failure\"} 0\n",
        "moongate_sagas_total{outcome=\"undone\"} 0\n",
        "moongate_saga_undos_total{outcome=\"failed\"} 0\n",
        "moongate_sagas_parked 0\n",
    };
    struct gw_buf out = {0};
    gw_metrics_write(&out, GW_METRIC_TEXT);
    gw_buf_append_char(&out, '\0');
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_non_null(strstr(out.data, lines[i]));
    gw_buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_nothing_before_it_is_made),
        cmocka_unit_test(names_tell_type_and_unit),
        cmocka_unit_test(durations_are_told_in_seconds),
        cmocka_unit_test(what_is_rare_is_there_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
