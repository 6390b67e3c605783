#include "admin/readings.h"

#include "base/json_write.h"
#include "policy/metric_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *said;

static void look(const char *name) {
    static struct gw_buf out;
    struct gw_meter_reading reading = gw_reading_of(GW_METER_ROUTE, gw_str_from(name));
    gw_buf_clear(&out);
    gw_json_open(&out, '{');
    gw_reading_append_latencies(&out, &reading);
    gw_json_close(&out, '}');
    gw_buf_append_char(&out, '\n');
    gw_reading_append_columns(&out, &reading);
    gw_buf_append_char(&out, '\0');
    said = out.data;
}

static void what_was_never_asked_for_has_no_latency(void **state) {
    (void)state;
    look("GET /never");
    assert_string_equal(said, "{\"p50_ms\":null,\"p90_ms\":null,\"p99_ms\":null}\n"
                              "        0        0          -          -");
}

static void what_was_has(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_route(GW_STR("GET /some"));
    for (int i = 0; i < 100; i++)
        gw_meter_count_request(meter, GW_STR("GET"), i < 98 ? 200 : 500, i < 98 ? 2000 : 900000);
    struct gw_meter_reading reading = gw_reading_of(GW_METER_ROUTE, GW_STR("GET /some"));
    assert_int_equal(reading.count, 100);
    assert_int_equal(reading.errors, 2);
    look("GET /some");
    assert_null(strstr(said, "null"));
    assert_non_null(strstr(said, "\n      100        2       2 ms"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_asked_for_has_no_latency),
        cmocka_unit_test(what_was_has),
    };
    gw_metrics_init();
    return cmocka_run_group_tests_name("readings", tests, NULL, NULL);
}
