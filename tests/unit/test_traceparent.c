#include "policy/traceparent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define SPAN   "b7ad6b7169203331"
#define COMMON TRACE "-" SPAN

static bool parses(const char *text) {
    struct gw_traceparent out;
    return gw_traceparent_parse(gw_str_from(text), &out);
}

static unsigned flags_of(const char *text) {
    struct gw_traceparent out;
    assert_true(gw_traceparent_parse(gw_str_from(text), &out));
    return out.flags;
}

static void it_is_read_and_written_alike(void **state) {
    (void)state;
    struct gw_traceparent out;
    char text[GW_TRACEPARENT_LEN];
    assert_true(gw_traceparent_parse(GW_STR("00-" COMMON "-01"), &out));
    assert_true(out.trace_high == 0x0af7651916cd43dd);
    assert_true(out.trace_low == 0x8448eb211c80319c);
    assert_true(out.span == 0xb7ad6b7169203331);
    assert_int_equal(out.flags, GW_TRACEPARENT_SAMPLED);
    gw_traceparent_write(&out, text);
    assert_memory_equal(text, "00-" COMMON "-01", sizeof text);
}

static void only_flags_that_mean_something_are_kept(void **state) {
    (void)state;
    assert_int_equal(flags_of("00-" COMMON "-00"), 0);
    assert_int_equal(flags_of("00-" COMMON "-03"), GW_TRACEPARENT_SAMPLED | GW_TRACEPARENT_RANDOM);
    assert_int_equal(flags_of("00-" COMMON "-fc"), 0);
    assert_int_equal(flags_of("00-" COMMON "-ff"), GW_TRACEPARENT_SAMPLED | GW_TRACEPARENT_RANDOM);
}

static void a_later_version_may_go_on_after_a_dash(void **state) {
    (void)state;
    assert_int_equal(flags_of("cc-" COMMON "-03"), GW_TRACEPARENT_SAMPLED);
    assert_true(parses("cc-" COMMON "-01-what-the-future-will-be-like"));
    assert_true(parses("01-" COMMON "-01-"));
    assert_false(parses("cc-" COMMON "-01.what-the-future-will-be-like"));
    assert_false(parses("cc-" COMMON "-011"));
    assert_false(parses("cc-" COMMON "-0"));
    assert_false(parses("ff-" COMMON "-01"));
    assert_false(parses("ff-" COMMON "-01-more"));
}

static void this_version_ends_with_its_flags(void **state) {
    (void)state;
    assert_false(parses("00-" COMMON "-01-"));
    assert_false(parses("00-" COMMON "-01."));
    assert_false(parses("00-" COMMON "-0"));
    assert_false(parses("00-" COMMON "-001"));
    assert_false(parses("00-" COMMON "-"));
    assert_false(parses("00-" COMMON));
    assert_false(parses(""));
}

static void ids_of_zeros_are_none(void **state) {
    (void)state;
    assert_false(parses("00-00000000000000000000000000000000-" SPAN "-01"));
    assert_false(parses("00-" TRACE "-0000000000000000-01"));
    assert_true(parses("00-00000000000000000000000000000001-0000000000000001-01"));
    assert_true(parses("00-10000000000000000000000000000000-1000000000000000-01"));
}

static void digits_are_hexadecimal_in_small_letters(void **state) {
    (void)state;
    assert_false(parses("00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01"));
    assert_false(parses("00-" TRACE "-B7AD6B7169203331-01"));
    assert_false(parses("CC-" COMMON "-01"));
    assert_false(parses("00-" COMMON "-0A"));
    assert_false(parses(".0-" COMMON "-01"));
    assert_false(parses("0.-" COMMON "-01"));
    assert_false(parses("00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01"));
    assert_false(parses("00-" TRACE "-b7ad6b716920333.-01"));
    assert_false(parses("00-" COMMON "-.0"));
}

static void each_part_stands_in_its_place(void **state) {
    (void)state;
    assert_false(parses("000-" COMMON "-01"));
    assert_false(parses("0-" COMMON "-01"));
    assert_false(parses("00-" TRACE "0-" SPAN "-01"));
    assert_false(parses("00-" TRACE "-" SPAN "0-1"));
    assert_false(parses("00_" COMMON "-01"));
    assert_false(parses("00-" TRACE "_" SPAN "-01"));
    assert_false(parses("00-" COMMON "_01"));
    assert_false(parses(" 00-" COMMON "-01"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_and_written_alike),
        cmocka_unit_test(only_flags_that_mean_something_are_kept),
        cmocka_unit_test(a_later_version_may_go_on_after_a_dash),
        cmocka_unit_test(this_version_ends_with_its_flags),
        cmocka_unit_test(ids_of_zeros_are_none),
        cmocka_unit_test(digits_are_hexadecimal_in_small_letters),
        cmocka_unit_test(each_part_stands_in_its_place),
    };
    return cmocka_run_group_tests_name("traceparent", tests, NULL, NULL);
}
