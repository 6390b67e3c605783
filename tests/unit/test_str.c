#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void compares(void **state) {
    (void)state;
    assert_true(gw_str_equal(GW_STR("a\0b"), GW_STR("a\0b")));
    assert_false(gw_str_equal(GW_STR("a\0b"), GW_STR("a\0c")));
    assert_false(gw_str_equal(GW_STR("a"), GW_STR("ab")));
    assert_true(gw_str_equal(GW_STR(""), (struct gw_str){0}));
    assert_true(gw_str_starts_with(GW_STR("ab"), GW_STR("ab")));
    assert_true(gw_str_starts_with(GW_STR("ab"), GW_STR("")));
    assert_true(gw_str_starts_with((struct gw_str){0}, GW_STR("")));
    assert_false(gw_str_starts_with(GW_STR("a"), GW_STR("ab")));
    assert_false(gw_str_starts_with(GW_STR("abc"), GW_STR("b")));
}

static void compares_without_case(void **state) {
    (void)state;
    assert_true(gw_str_equal_nocase(GW_STR("Keep-Alive"), GW_STR("keep-ALIVE")));
    assert_false(gw_str_equal_nocase(GW_STR("close"), GW_STR("closed")));
    assert_false(gw_str_equal_nocase(GW_STR("@"), GW_STR("`")));
    assert_false(gw_str_equal_nocase(GW_STR("\xc9"), GW_STR("\xe9")));
}

static void trims(void **state) {
    (void)state;
    assert_true(gw_str_equal(gw_str_trim(GW_STR(" \t a b\t ")), GW_STR("a b")));
    assert_int_equal(gw_str_trim(GW_STR(" \t ")).len, 0);
    assert_true(gw_str_equal(gw_str_trim(GW_STR("\r\n")), GW_STR("\r\n")));
}

static void splits(void **state) {
    (void)state;
    struct gw_str rest = GW_STR("a,,b"), head;
    assert_true(gw_str_split(rest, ',', &head, &rest));
    assert_true(gw_str_equal(head, GW_STR("a")));
    assert_true(gw_str_split(rest, ',', &head, &rest));
    assert_int_equal(head.len, 0);
    assert_true(gw_str_split(rest, ',', &head, &rest));
    assert_true(gw_str_equal(head, GW_STR("b")));
    assert_false(gw_str_split(rest, ',', &head, &rest));
}

static void reads_numbers(void **state) {
    (void)state;
    uint64_t n;
    assert_true(gw_str_to_u64(GW_STR("0"), 0, &n) && n == 0);
    assert_true(gw_str_to_u64(GW_STR("0042"), 100, &n) && n == 42);
    assert_true(gw_str_to_u64(GW_STR("100"), 100, &n) && n == 100);
    assert_true(gw_str_to_u64(GW_STR("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
}

static void refuses_other_numbers(void **state) {
    (void)state;
    static const char *const bad[] = {"", "+1", "-1", " 1", "1 ", "1.0", "0x1", "a", "\xb2"};
    uint64_t n;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (gw_str_to_u64(gw_str_from(bad[i]), UINT64_MAX, &n))
            fail_msg("accepted: %s", bad[i]);
}

static void keeps_numbers_in_range(void **state) {
    (void)state;
    uint64_t n;
    assert_false(gw_str_to_u64(GW_STR("101"), 100, &n));
    assert_false(gw_str_to_u64(GW_STR("5"), 4, &n));
    assert_false(gw_str_to_u64(GW_STR("18446744073709551616"), UINT64_MAX, &n));
    assert_false(gw_str_to_u64(GW_STR("184467440737095516150"), UINT64_MAX, &n));
    assert_false(gw_str_to_u64(GW_STR("9223372036854775808"), INT64_MAX, &n));
}

static void reads_hexadecimal_digits(void **state) {
    (void)state;
    assert_int_equal(gw_hex_value('0'), 0);
    assert_int_equal(gw_hex_value('9'), 9);
    assert_int_equal(gw_hex_value('a'), 10);
    assert_int_equal(gw_hex_value('F'), 15);
    for (const char *bad = "/:@G`g \xb2"; *bad; bad++)
        assert_int_equal(gw_hex_value(*bad), -1);
    assert_int_equal(gw_hex_value('\0'), -1);
}

static void finds_a_word_in_a_list(void **state) {
    (void)state;
    static const char *const words[] = {"date", "connection", NULL};
    static const char *const none[] = {NULL};
    assert_true(gw_str_is_one_of_nocase(GW_STR("Connection"), words));
    assert_false(gw_str_is_one_of_nocase(GW_STR("dat"), words));
    assert_false(gw_str_is_one_of_nocase(GW_STR(""), words));
    assert_false(gw_str_is_one_of_nocase(GW_STR("date"), none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_word_in_a_list),
        cmocka_unit_test(compares),
        cmocka_unit_test(compares_without_case),
        cmocka_unit_test(trims),
        cmocka_unit_test(splits),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(refuses_other_numbers),
        cmocka_unit_test(keeps_numbers_in_range),
        cmocka_unit_test(reads_hexadecimal_digits),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
