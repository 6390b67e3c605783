#include "policy/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Reports each letter, "+" or "-", of which only the last may change the state. */
static bool report(struct gw_health *health, const char *answers) {
    bool changed = false;
    for (; *answers; answers++) {
        assert_false(changed);
        changed = gw_health_report(health, *answers == '+');
    }
    return changed;
}

static void a_new_host_is_up(void **state) {
    (void)state;
    struct gw_health health = {0};
    assert_true(gw_health_is_up(&health));
    assert_false(report(&health, "+++"));
}

static void goes_out_after_failures_in_a_row(void **state) {
    (void)state;
    struct gw_health health = {0};
    gw_health_configure(&health, 2, 3);
    assert_false(report(&health, "--+--"));
    assert_true(gw_health_is_up(&health));
    assert_true(report(&health, "-"));
    assert_false(gw_health_is_up(&health));
    assert_false(report(&health, "---"));
}

static void comes_back_after_successes_in_a_row(void **state) {
    (void)state;
    struct gw_health health = {0};
    gw_health_configure(&health, 2, 3);
    assert_true(report(&health, "---"));
    assert_false(report(&health, "+-+"));
    assert_false(gw_health_is_up(&health));
    assert_true(report(&health, "+"));
    assert_true(gw_health_is_up(&health));
    assert_false(report(&health, "--")); /* counts from zero */
}

static void takes_each_at_its_word_without_options(void **state) {
    (void)state;
    struct gw_health health = {0};
    assert_true(report(&health, "-"));
    assert_true(report(&health, "+"));
    assert_true(report(&health, "-"));
}

static void new_options_keep_the_state(void **state) {
    (void)state;
    struct gw_health health = {0};
    gw_health_configure(&health, 5, 1);
    assert_true(report(&health, "-"));
    assert_false(report(&health, "+"));
    gw_health_configure(&health, 2, 1);
    assert_false(gw_health_is_up(&health));
    assert_true(report(&health, "+"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_host_is_up),
        cmocka_unit_test(goes_out_after_failures_in_a_row),
        cmocka_unit_test(comes_back_after_successes_in_a_row),
        cmocka_unit_test(takes_each_at_its_word_without_options),
        cmocka_unit_test(new_options_keep_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
