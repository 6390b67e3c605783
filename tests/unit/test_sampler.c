#include "policy/sampler.h"

#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_traceparent SAMPLED = {.flags =
                                                  GW_TRACEPARENT_SAMPLED | GW_TRACEPARENT_RANDOM};
static const struct gw_traceparent NOT_SAMPLED = {.flags = GW_TRACEPARENT_RANDOM};

static struct gw_sampler sampler(const char *name, double ratio) {
    struct gw_sampler made;
    assert_true(gw_sampler_set(&made, gw_str_from(name), ratio));
    return made;
}

static bool decides(const char *name, double ratio, uint64_t trace_low,
                    const struct gw_traceparent *parent) {
    struct gw_sampler made = sampler(name, ratio);
    return gw_sampler_decide(&made, trace_low, parent);
}

static void on_and_off_ask_nobody(void **state) {
    (void)state;
    assert_true(decides("always_on", 0, 0, NULL));
    assert_true(decides("always_on", 0, UINT64_MAX, &NOT_SAMPLED));
    assert_false(decides("always_off", 1, 0, NULL));
    assert_false(decides("always_off", 1, UINT64_MAX, &SAMPLED));
}

static void parents_are_heeded_where_there_are_some(void **state) {
    (void)state;
    static const char *const names[] = {"parentbased_always_on", "parentbased_always_off",
                                        "parentbased_traceidratio"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(decides(names[i], 0.5, 0, &SAMPLED));
        assert_false(decides(names[i], 0.5, UINT64_MAX, &NOT_SAMPLED));
    }
    assert_true(decides("parentbased_always_on", 0, 0, NULL));
    assert_false(decides("parentbased_always_off", 0, UINT64_MAX, NULL));
    assert_false(decides("parentbased_traceidratio", 0.5, 0, NULL));
    assert_true(decides("parentbased_traceidratio", 0.5, UINT64_MAX, NULL));
}

static void a_ratio_is_of_the_last_seven_bytes(void **state) {
    (void)state;
    assert_true(decides("traceidratio", 1, 0, NULL));
    assert_false(decides("traceidratio", 0, UINT64_MAX, &SAMPLED));
    assert_true(decides("traceidratio", 0.25, UINT64_C(0x00c0000000000000), NULL));
    assert_false(decides("traceidratio", 0.25, UINT64_C(0xffbfffffffffffff), NULL));
}

static void it_keeps_as_many_as_it_says_and_the_same_as_a_greater_one(void **state) {
    (void)state;
    unsigned kept = 0;
    uint64_t seed = 1;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t number = next_random(&seed);
        bool keeps = decides("traceidratio", 0.1, number, NULL);
        kept += keeps;
        assert_true(!keeps || decides("traceidratio", 0.2, number, NULL));
    }
    assert_in_range(kept, 9500, 10500);
}

static void other_names_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"", "parentbased_", "on", "jaeger_remote", "Always_on"};
    struct gw_sampler made;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(gw_sampler_set(&made, gw_str_from(names[i]), 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_and_off_ask_nobody),
        cmocka_unit_test(parents_are_heeded_where_there_are_some),
        cmocka_unit_test(a_ratio_is_of_the_last_seven_bytes),
        cmocka_unit_test(it_keeps_as_many_as_it_says_and_the_same_as_a_greater_one),
        cmocka_unit_test(other_names_are_refused),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
