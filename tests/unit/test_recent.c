/* The last requests, those that failed and the slowest: what is kept, and reading it meanwhile. */
#include "engine/recent.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_US (INT64_C(60) * 1000000)

struct fixture {
    struct gw_recent *recent;
    struct gw_tracer *tracer;
    int64_t now_us;
};

static void keep(void *user, struct gw_trace *trace) {
    struct fixture *f = user;
    gw_recent_keep(f->recent, trace);
}

static int begin_with(void **state, size_t size) {
    struct fixture *f = calloc(1, sizeof *f);
    f->recent = gw_recent_new(size);
    f->tracer = gw_tracer_new(0, keep, f);
    f->now_us = 1000 * MINUTE_US;
    *state = f;
    return 0;
}

static int begin(void **state) {
    return begin_with(state, 10);
}

static int end(void **state) {
    struct fixture *f = *state;
    gw_tracer_free(f->tracer);
    gw_recent_free(f->recent);
    free(f);
    return 0;
}

static void request(struct fixture *f, const char *route, unsigned status, int64_t ms) {
    struct gw_trace_start start = {
        .started_us = f->now_us,
        .path = GW_STR("/"),
        .route = gw_str_from(route),
    };
    struct gw_trace *trace = gw_trace_begin(f->tracer, &start);
    gw_trace_answered(trace, status, 0, f->now_us + ms * 1000);
    gw_trace_let_go(trace);
    f->now_us += 1000;
}

/* How many are kept for that reason, with a duration of so many milliseconds and more. */
static unsigned count(struct fixture *f, enum gw_recent_list list, uint32_t min_ms) {
    size_t n;
    unsigned found = 0;
    struct gw_recent_entry *entries = gw_recent_all(f->recent, f->now_us, &n);
    for (size_t i = 0; i < n; i++)
        found += entries[i].list == list && gw_trace_duration_us(entries[i].trace) >= min_ms * 1000;
    gw_recent_release(entries, n);
    return found;
}

static void the_last_are_kept(void **state) {
    struct fixture *f = *state;
    assert_int_equal(count(f, GW_RECENT_LAST, 0), 0);
    for (int i = 0; i < 25; i++)
        request(f, "", 200, i);
    assert_int_equal(count(f, GW_RECENT_LAST, 0), 10);
    assert_int_equal(count(f, GW_RECENT_LAST, 15), 10);
    assert_int_equal(count(f, GW_RECENT_SLOW, 0), 0); /* without a route */
}

static void what_failed_stays_longer(void **state) {
    struct fixture *f = *state;
    request(f, "", 502, 1);
    request(f, "", 499, 1);
    request(f, "", 404, 1);
    assert_int_equal(count(f, GW_RECENT_FAILED, 0), 2);
    assert_int_equal(count(f, GW_RECENT_LAST, 0), 1);
    for (int i = 0; i < 20; i++)
        request(f, "", 200, 1);
    assert_int_equal(count(f, GW_RECENT_FAILED, 0), 2);
    for (int i = 0; i < 20; i++)
        request(f, "", 500, 1);
    assert_int_equal(count(f, GW_RECENT_FAILED, 0), 10);
}

static void so_do_the_slowest_of_each_route(void **state) {
    struct fixture *f = *state;
    for (int i = 1; i <= 8; i++) {
        request(f, "GET /a", 200, 100 + i);
        request(f, "GET /b", 200, 10);
    }
    for (int i = 0; i < 20; i++)
        request(f, "GET /c", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 104), 5); /* 104 to 108 */
    assert_int_equal(count(f, GW_RECENT_SLOW, 10), 10);
    assert_int_equal(count(f, GW_RECENT_LAST, 0), 10);
}

static void but_not_for_ever(void **state) {
    struct fixture *f = *state;
    request(f, "GET /a", 200, 9000);
    for (int i = 0; i < 20; i++)
        request(f, "GET /a", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 9000), 1);
    f->now_us += 16 * MINUTE_US;
    assert_int_equal(count(f, GW_RECENT_SLOW, 9000), 0);
    for (int i = 0; i < 5; i++)
        request(f, "GET /a", 200, 2);
    for (int i = 0; i < 10; i++)
        request(f, "GET /b", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 2), 5); /* in the place of the old ones */
}

static void there_may_be_too_many_routes(void **state) {
    struct fixture *f = *state;
    char route[32];
    for (int i = 0; i < GW_RECENT_ROUTES + 50; i++) {
        snprintf(route, sizeof route, "GET /%d", i);
        request(f, route, 200, 5);
    }
    for (int i = 0; i < 10; i++)
        request(f, "", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 5), GW_RECENT_ROUTES);
}

static void routes_of_earlier_scripts_give_way(void **state) {
    struct fixture *f = *state;
    char route[32];
    for (int i = 0; i < GW_RECENT_ROUTES + 1; i++) {
        snprintf(route, sizeof route, "GET /%d", i);
        request(f, route, 200, 5);
    }
    f->now_us += 16 * MINUTE_US;
    request(f, "GET /new", 200, 7);
    for (int i = 0; i < 10; i++)
        request(f, "", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 7), 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 0), 1);
}

/* As large as a record may be. */
static void large_request(struct fixture *f, const char *route) {
    char text[GW_TRACE_MAX_STRING];
    memset(text, 'x', sizeof text);
    struct gw_trace_start start = {
        .started_us = f->now_us++, .path = GW_STR("/"), .route = gw_str_from(route)};
    struct gw_trace *trace = gw_trace_begin(f->tracer, &start);
    while (gw_trace_add_text(trace, (struct gw_str){text, sizeof text}))
        ;
    while (gw_span_event(trace, GW_SPAN_BREAKER, GW_SPAN_ROOT, 1) != GW_SPAN_NONE)
        ;
    gw_trace_answered(trace, 200, 0, f->now_us + 5000);
    gw_trace_let_go(trace);
}

static void bytes_of_old_outliers_are_given_to_others(void **state) {
    struct fixture *f = *state;
    char route[32];
    for (int i = 0; i < 700; i++) {
        snprintf(route, sizeof route, "GET /%d", i);
        large_request(f, route);
    }
    f->now_us += 16 * MINUTE_US;
    large_request(f, "GET /new");
    for (int i = 0; i < 10; i++)
        request(f, "", 200, 1);
    assert_int_equal(count(f, GW_RECENT_SLOW, 0), 1);
}

static void bytes_are_bounded(void **state) {
    struct fixture *f = *state;
    size_t n, bytes = 0;
    for (int i = 0; i < 2000; i++)
        large_request(f, "");
    struct gw_recent_entry *entries = gw_recent_all(f->recent, f->now_us, &n);
    for (size_t i = 0; i < n; i++)
        bytes += entries[i].trace->size;
    gw_recent_release(entries, n);
    assert_in_range(bytes, GW_RECENT_MAX_BYTES / 2, GW_RECENT_MAX_BYTES);
}

static void each_is_there_once(void **state) {
    struct fixture *f = *state;
    size_t n;
    request(f, "GET /a", 500, 9);
    struct gw_recent_entry *entries = gw_recent_all(f->recent, f->now_us, &n);
    assert_int_equal(n, 1);
    assert_string_equal(gw_recent_list_names[entries[0].list], "error");
    gw_recent_release(entries, n);
}

static void nothing_may_be_kept(void **state) {
    struct fixture *f = *state;
    request(f, "GET /a", 500, 9);
    assert_int_equal(count(f, GW_RECENT_FAILED, 0), 0);
}

static void what_is_read_outlives_the_list(void **state) {
    struct fixture *f = *state;
    size_t n;
    request(f, "GET /a", 201, 9);
    struct gw_recent_entry *entries = gw_recent_all(f->recent, f->now_us, &n);
    gw_recent_free(f->recent);
    f->recent = NULL;
    assert_int_equal(entries[0].trace->status, 201);
    gw_recent_release(entries, n);
}

/* --- Threads --- */

static void *read_on(void *user) {
    struct fixture *f = user;
    for (int i = 0; i < 300; i++) {
        size_t n;
        struct gw_recent_entry *entries = gw_recent_all(f->recent, 0, &n);
        for (size_t k = 0; k < n; k++)
            if (strcmp(gw_trace_text(entries[k].trace, entries[k].trace->path), "/") != 0)
                abort();
        gw_recent_release(entries, n);
    }
    return NULL;
}

static void it_is_read_while_it_is_written(void **state) {
    struct fixture *f = *state;
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_on, f);
    for (int i = 0; i < 5000; i++)
        request(f, i % 2 ? "GET /a" : "GET /b", i % 7 ? 200 : 500, i % 13);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(count(f, GW_RECENT_FAILED, 0), 10);
}

static int begin_large(void **state) {
    return begin_with(state, 2000);
}

static int begin_empty(void **state) {
    return begin_with(state, 0);
}

#define TEST(f)           cmocka_unit_test_setup_teardown(f, begin, end)
#define TEST_WITH(f, how) cmocka_unit_test_setup_teardown(f, how, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_last_are_kept),
        TEST(what_failed_stays_longer),
        TEST(so_do_the_slowest_of_each_route),
        TEST(but_not_for_ever),
        TEST(there_may_be_too_many_routes),
        TEST(routes_of_earlier_scripts_give_way),
        TEST(bytes_of_old_outliers_are_given_to_others),
        TEST_WITH(bytes_are_bounded, begin_large),
        TEST(each_is_there_once),
        TEST_WITH(nothing_may_be_kept, begin_empty),
        TEST(what_is_read_outlives_the_list),
        TEST(it_is_read_while_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
