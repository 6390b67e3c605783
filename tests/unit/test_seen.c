#include "policy/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEEP_MS 1000
#define N       10000

static uint64_t sum_of(uint64_t i) { /* SplitMix64 */
    uint64_t z = i * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned count(struct gw_seen *seen, uint64_t from, int64_t now_ms) {
    unsigned n = 0;
    for (uint64_t i = from; i < from + N; i++)
        n += gw_seen_perhaps(seen, sum_of(i), now_ms);
    return n;
}

static void add(struct gw_seen *seen, uint64_t from, uint64_t n, int64_t now_ms) {
    for (uint64_t i = from; i < from + n; i++)
        gw_seen_add(seen, sum_of(i), now_ms);
}

static void what_was_added_is_remembered(void **state) {
    struct gw_seen seen;
    (void)state;
    gw_seen_init(&seen, KEEP_MS, 0);
    assert_int_equal(count(&seen, 0, 0), 0);
    add(&seen, 0, N, 0);
    assert_int_equal(count(&seen, 0, 0), N);
    assert_true(count(&seen, N, 0) < N / 1000);
    gw_seen_fini(&seen);
}

static void for_as_long_as_was_said_and_no_longer_than_twice(void **state) {
    struct gw_seen seen;
    (void)state;
    gw_seen_init(&seen, KEEP_MS, 0);
    add(&seen, 0, N, KEEP_MS); /* just before a turn, and just after it */
    add(&seen, N, N, KEEP_MS + 1);
    assert_int_equal(count(&seen, 0, 2 * KEEP_MS), N);
    assert_int_equal(count(&seen, N, 2 * KEEP_MS + 1), N);
    assert_int_equal(count(&seen, 0, 2 * KEEP_MS + 2), 0);
    assert_int_equal(count(&seen, N, 2 * KEEP_MS + 2), N);
    assert_int_equal(count(&seen, N, 3 * KEEP_MS + 4), 0);
    gw_seen_fini(&seen);
}

static void a_million_leave_room_to_tell(void **state) {
    struct gw_seen seen;
    (void)state;
    gw_seen_init(&seen, KEEP_MS, 0);
    add(&seen, 0, 1000000, 0);
    assert_true(count(&seen, 1000000, 0) < N / 300);
    gw_seen_fini(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_remembered),
        cmocka_unit_test(for_as_long_as_was_said_and_no_longer_than_twice),
        cmocka_unit_test(a_million_leave_room_to_tell),
    };
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
