#include "admin/spell.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Of all tests: a second for each beat. */
static struct gw_spell spell;
static int64_t now_ms;

static int set_up(void **state) {
    (void)state;
    spell = (struct gw_spell){0};
    now_ms = INT64_C(1800000000000);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    gw_spell_fini(&spell);
    return 0;
}

static void take(unsigned n, float p50_ms) {
    while (n-- > 0)
        gw_spell_take(&spell, now_ms += 1000, false, p50_ms);
}

static void slow_is_what_is_far_above_the_usual(void **state) {
    (void)state;
    take(60, 10);
    take(1, 400);
    assert_int_equal(spell.slow_since_ms, now_ms);
    assert_float_equal(spell.usual_ms, 10, 0.001);
}

static void what_is_always_slow_or_wobbles_is_not(void **state) {
    (void)state;
    take(60, 2);
    take(1, 40);
    assert_int_equal(spell.slow_since_ms, 0);
    tear_down(state);
    set_up(state);
    take(60, 900);
    assert_int_equal(spell.slow_since_ms, 0);
    tear_down(state);
    set_up(state);
    take(GW_SPELL_LEAST - 1, 10);
    take(1, 400);
    assert_int_equal(spell.slow_since_ms, 0);
}

static void one_quick_beat_in_between_is_forgiven(void **state) {
    (void)state;
    take(30, 10);
    take(1, 400);
    int64_t since_ms = now_ms;
    take(9, 400);
    take(1, 10);
    take(9, 400);
    assert_int_equal(spell.slow_since_ms, since_ms);
    take(2, 10);
    assert_int_equal(spell.slow_since_ms, 0);
}

static void it_does_not_become_usual_while_it_lasts(void **state) {
    (void)state;
    take(30, 10);
    take(1, 400);
    int64_t since_ms = now_ms;
    take(10 * GW_SPELL_CALM, 400);
    assert_int_equal(spell.slow_since_ms, since_ms);
    take(2, 10);
    take(1, 400);
    assert_int_equal(spell.slow_since_ms, now_ms);
}

static void but_after_half_a_day_it_does(void **state) {
    (void)state;
    take(30, 10);
    take(1, 400);
    now_ms += GW_SPELL_LONGEST;
    take(60, 400);
    assert_int_equal(spell.slow_since_ms, 0);
}

static void nothing_to_tell_it_from_changes_nothing(void **state) {
    (void)state;
    take(30, 10);
    take(1, 400);
    int64_t since_ms = now_ms;
    take(30, NAN);
    assert_int_equal(spell.slow_since_ms, since_ms);
    gw_spell_end(&spell);
    assert_int_equal(spell.slow_since_ms, 0);
}

static void failures_end_with_the_second_beat_without(void **state) {
    (void)state;
    gw_spell_take(&spell, 1000, true, NAN);
    gw_spell_take(&spell, 2000, false, NAN);
    gw_spell_take(&spell, 3000, true, NAN);
    assert_int_equal(spell.failing_since_ms, 1000);
    gw_spell_take(&spell, 4000, false, NAN);
    gw_spell_take(&spell, 5000, false, NAN);
    assert_int_equal(spell.failing_since_ms, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(slow_is_what_is_far_above_the_usual),
        TEST(what_is_always_slow_or_wobbles_is_not),
        TEST(one_quick_beat_in_between_is_forgiven),
        TEST(it_does_not_become_usual_while_it_lasts),
        TEST(but_after_half_a_day_it_does),
        TEST(nothing_to_tell_it_from_changes_nothing),
        TEST(failures_end_with_the_second_beat_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
