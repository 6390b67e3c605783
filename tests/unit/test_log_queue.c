#include "base/log_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX ((size_t)64 << 10)

static bool put(struct gw_log_queue *queue, struct gw_str line, struct gw_str same, int64_t us) {
    struct gw_log_record record = {.time_us = us, .level = GW_LOG_WARN, .same = same, .line = line};
    return gw_log_queue_put(queue, &record);
}

static void what_is_put_is_taken_in_order(void **state) {
    (void)state;
    struct gw_log_queue *queue = gw_log_queue_new(MAX);
    struct gw_log_record record;
    assert_false(gw_log_queue_peek(queue, &record));
    assert_false(gw_log_queue_has_any(queue));
    assert_true(put(queue, GW_STR("{1}"), GW_STR("s"), 7));
    assert_true(put(queue, GW_STR("{2}"), GW_STR(""), -8));
    assert_true(gw_log_queue_has_any(queue));
    assert_true(gw_log_queue_peek(queue, &record));
    assert_true(gw_log_queue_peek(queue, &record)); /* as often as one likes */
    assert_true(gw_str_equal(record.line, GW_STR("{1}")));
    assert_true(gw_str_equal(record.same, GW_STR("s")));
    assert_int_equal(record.level, GW_LOG_WARN);
    assert_int_equal(record.time_us, 7);
    gw_log_queue_take(queue);
    assert_true(gw_log_queue_peek(queue, &record));
    assert_true(gw_str_equal(record.line, GW_STR("{2}")));
    assert_int_equal(record.same.len, 0);
    assert_int_equal(record.time_us, -8);
    gw_log_queue_take(queue);
    assert_false(gw_log_queue_peek(queue, &record));
    gw_log_queue_free(queue);
}

static void it_is_bounded_in_bytes(void **state) {
    (void)state;
    static char line[1000];
    struct gw_log_queue *queue = gw_log_queue_new(MAX);
    struct gw_log_record record;
    unsigned n = 0;
    while (put(queue, (struct gw_str){line, sizeof line}, GW_STR(""), 0))
        assert_true(++n * sizeof line <= MAX);
    assert_true(n >= MAX / (sizeof line + 32));
    assert_true(gw_log_queue_is_filling(queue));
    assert_true(gw_log_queue_peek(queue, &record));
    gw_log_queue_take(queue);
    assert_true(put(queue, (struct gw_str){line, sizeof line}, GW_STR(""), 0));
    assert_false(put(queue, (struct gw_str){line, sizeof line}, GW_STR(""), 0));
    while (gw_log_queue_peek(queue, &record))
        gw_log_queue_take(queue);
    assert_false(gw_log_queue_is_filling(queue));
    gw_log_queue_free(queue);
}

/* A line that is longer than a block has one of its own. */
static void a_long_line_is_whole(void **state) {
    (void)state;
    static char line[50000];
    struct gw_log_queue *queue = gw_log_queue_new(MAX);
    struct gw_log_record record;
    for (int i = 0; i < 5; i++) {
        memset(line, 'a' + i, sizeof line);
        assert_true(put(queue, GW_STR("{}"), GW_STR(""), 0));
        assert_true(put(queue, (struct gw_str){line, sizeof line}, GW_STR(""), 0));
        assert_true(gw_log_queue_peek(queue, &record));
        gw_log_queue_take(queue);
        assert_true(gw_log_queue_peek(queue, &record));
        assert_int_equal(record.line.len, sizeof line);
        assert_memory_equal(record.line.data, line, sizeof line);
        gw_log_queue_take(queue);
    }
    assert_false(put(queue, (struct gw_str){line, MAX}, GW_STR(""), 0));
    gw_log_queue_free(queue);
}

/* --- two threads --- */

#define N_LINES 200000

static void *put_all(void *user) {
    char line[64];
    for (int i = 0; i < N_LINES; i++) {
        int n = snprintf(line, sizeof line, "%d %.*s", i, i % 40,
                         "                                        ");
        while (!put(user, (struct gw_str){line, (size_t)n}, GW_STR("same"), i))
            sched_yield();
    }
    return NULL;
}

static void one_thread_puts_and_another_takes(void **state) {
    (void)state;
    struct gw_log_queue *queue = gw_log_queue_new(MAX);
    struct gw_log_record record;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_all, queue), 0);
    for (int i = 0; i < N_LINES;) {
        if (!gw_log_queue_peek(queue, &record)) {
            sched_yield();
            continue;
        }
        assert_int_equal(record.time_us, i);
        assert_int_equal(strtol(record.line.data, NULL, 10), i);
        assert_true(gw_str_equal(record.same, GW_STR("same")));
        gw_log_queue_take(queue);
        i++;
    }
    pthread_join(thread, NULL);
    assert_false(gw_log_queue_has_any(queue));
    gw_log_queue_free(queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_taken_in_order),
        cmocka_unit_test(it_is_bounded_in_bytes),
        cmocka_unit_test(a_long_line_is_whole),
        cmocka_unit_test(one_thread_puts_and_another_takes),
    };
    return cmocka_run_group_tests_name("log_queue", tests, NULL, NULL);
}
