#include "policy/metric_meter.h"

#include "policy/metric_core.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gw_meter_reading read_it(const struct gw_meter *meter) {
    struct gw_meter_reading reading;
    gw_meter_read(meter, &reading);
    return reading;
}

static void assert_written(const char *text) {
    struct gw_buf out = {0};
    gw_metrics_write(&out, GW_METRIC_TEXT);
    gw_buf_append_char(&out, '\0');
    if (!strstr(out.data, text))
        fail_msg("there is no %s in\n%s", text, out.data);
    gw_buf_fini(&out);
}

/* Before the registry is, and so in unit tests of others. */
static void counts_without_a_registry(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_backend(GW_STR("early"));
    gw_meter_count_call(meter, 0, "success", 200, 5000);
    gw_metric_add(meter->in_flight, 1);
    struct gw_meter_reading reading = read_it(meter);
    assert_int_equal(0, reading.count);
    assert_int_equal(0, reading.in_flight);
    assert_true(gw_metric_quantile(&reading.durations, 0.5) < 0);
    gw_metrics_init();
    gw_metrics_init();
}

static void is_found_by_its_name(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_route(GW_STR("GET /found"));
    assert_ptr_equal(meter, gw_meter_of_route(GW_STR("GET /found")));
    assert_ptr_equal(meter, gw_meters_find(GW_METER_ROUTE, GW_STR("GET /found")));
    assert_null(gw_meters_find(GW_METER_BACKEND, GW_STR("GET /found")));
    assert_ptr_equal(meter, gw_meters_first(GW_METER_ROUTE));
    assert_ptr_equal(gw_meter_of_no_route(), gw_meter_of_no_route());
}

static void tells_requests_by_code(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_route(GW_STR("GET /codes/:id"));
    for (int i = 0; i < 3; i++)
        gw_meter_count_request(meter, GW_STR("GET"), 200, 1000);
    gw_meter_count_request(meter, GW_STR("HEAD"), 200, 1000);
    gw_meter_count_request(meter, GW_STR("GET"), 404, 1000);
    gw_meter_count_request(meter, GW_STR("GET"), 502, 2000000);
    gw_meter_count_request(meter, GW_STR("GET"), 499, 10);
    struct gw_meter_reading reading = read_it(meter);
    assert_int_equal(7, reading.count);
    assert_int_equal(4, reading.by_code[2]);
    assert_int_equal(2, reading.by_code[4]);
    assert_int_equal(1, reading.errors);
    assert_int_equal(1, reading.cancelled);
    assert_int_equal(7, reading.durations.count);
    assert_true(gw_metric_quantile(&reading.durations, 0.99) > 1);
    assert_written("moongate_http_requests_total{route=\"GET /codes/:id\",method=\"GET\","
                   "code=\"200\"} 3\n");
    assert_written("moongate_http_requests_total{route=\"GET /codes/:id\",method=\"HEAD\","
                   "code=\"200\"} 1\n");
}

static void unknown_methods_are_one(void **state) {
    (void)state;
    struct gw_meter *none = gw_meter_of_no_route();
    gw_meter_count_request(none, GW_STR("BREW"), 404, 1);
    gw_meter_count_request(none, GW_STR("get"), 404, 1);
    gw_meter_count_request(none, GW_STR(""), 400, 1);
    assert_written(
        "moongate_http_requests_total{route=\"none\",method=\"other\",code=\"404\"} 2\n");
    assert_written(
        "moongate_http_requests_total{route=\"none\",method=\"other\",code=\"400\"} 1\n");
}

static void many_outcomes_are_one(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_route(GW_STR("GET /many"));
    for (unsigned status = 200; status < 300; status++)
        gw_meter_count_request(meter, GW_STR("GET"), status, 1);
    assert_int_equal(100, read_it(meter).count);
    assert_int_equal(GW_METER_MAX_KEYS - 1, read_it(meter).by_code[2]);
    assert_written("moongate_http_requests_total{route=\"GET /many\",method=\"other\","
                   "code=\"other\"} 77\n");
}

static void tells_calls_by_outcome(void **state) {
    (void)state;
    struct gw_meter *meter = gw_meter_of_backend(GW_STR("inventory"));
    gw_meter_count_call(meter, 0, "success", 200, 1000);
    gw_meter_count_call(meter, 1, "connect", 0, 1000);
    gw_meter_count_call(meter, 8, "status", 404, 1000);
    gw_meter_count_call(meter, 8, "status", 503, 1000);
    gw_meter_count_call(meter, GW_METER_CALL_CANCELLED, "cancelled", 0, 1000);
    gw_metric_add(meter->attempts, 5);
    gw_metric_add(meter->retries, 2);
    gw_metric_add(meter->hedges, 1);
    gw_metric_add(meter->in_flight, 3);
    gw_metric_add(meter->in_flight, -1);
    gw_metric_add(meter->waiting, 4);
    struct gw_meter_reading reading = read_it(meter);
    assert_int_equal(5, reading.count);
    assert_int_equal(2, reading.errors); /* not the 404, nor who went away */
    assert_int_equal(1, reading.cancelled);
    assert_int_equal(2, reading.by_code[0]);
    assert_int_equal(5, reading.attempts);
    assert_int_equal(2, reading.retries);
    assert_int_equal(1, reading.hedges);
    assert_int_equal(2, reading.in_flight);
    assert_int_equal(4, reading.waiting);
    assert_written("moongate_backend_calls_total{backend=\"inventory\",outcome=\"connect\","
                   "code=\"\"} 1\n");
}

static void *count_many(void *user) {
    for (unsigned i = 0; i < 20000; i++)
        gw_meter_count_request(user, i % 2 ? GW_STR("GET") : GW_STR("HEAD"), 200 + i % 7, i);
    gw_metric_end_thread();
    return NULL;
}

static void is_counted_by_several_threads(void **state) {
    (void)state;
    pthread_t threads[3];
    struct gw_meter *meter = gw_meter_of_route(GW_STR("GET /threads"));
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, count_many, meter);
    while (read_it(meter).count < 100)
        ;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(60000, read_it(meter).count);
    assert_int_equal(60000, read_it(meter).durations.count);
}

static void too_many_routes_share_one(void **state) {
    (void)state;
    struct gw_meter *meter = NULL;
    for (unsigned i = 0; i < GW_METER_MAX_ROUTES + 10; i++) {
        char label[32];
        snprintf(label, sizeof label, "GET /many/%u", i);
        meter = gw_meter_of_route(gw_str_from(label));
    }
    assert_string_equal("overflow", meter->name.data);
    gw_meter_count_request(meter, GW_STR("GET"), 200, 1);
    assert_int_equal(1, read_it(meter).count);
    unsigned n = 0;
    for (const struct gw_meter *at = gw_meters_first(GW_METER_ROUTE); at; at = gw_meter_next(at))
        n++;
    assert_int_equal(GW_METER_MAX_ROUTES + 1, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_without_a_registry),
        cmocka_unit_test(is_found_by_its_name),
        cmocka_unit_test(tells_requests_by_code),
        cmocka_unit_test(unknown_methods_are_one),
        cmocka_unit_test(many_outcomes_are_one),
        cmocka_unit_test(tells_calls_by_outcome),
        cmocka_unit_test(is_counted_by_several_threads),
        cmocka_unit_test(too_many_routes_share_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
