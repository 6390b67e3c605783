#include "lua/json_number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum gw_json_number_kind read_text(const char *text, struct gw_json_number *number) {
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1); /* of the exact size, for ASan */
    memcpy(copy, text, n);
    enum gw_json_number_kind kind = gw_json_number_read((struct gw_str){copy, n}, number);
    number->end = text + (number->end - copy);
    free(copy);
    return kind;
}

static void reads_integer(const char *text, int64_t value) {
    struct gw_json_number number;
    assert_int_equal(read_text(text, &number), GW_JSON_INTEGER);
    assert_int_equal(number.integer, value);
    assert_int_equal(*number.end, '\0');
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void reads_float(const char *text, double value) {
    struct gw_json_number number;
    if (read_text(text, &number) != GW_JSON_FLOAT)
        fail_msg("%s is not read as a float", text);
    assert_int_equal(bits_of(number.real), bits_of(value));
    assert_int_equal(*number.end, '\0');
}

static void integers_of_64_bits_are_exact(void **state) {
    (void)state;
    reads_integer("0", 0);
    reads_integer("-1", -1);
    reads_integer("9007199254740993", INT64_C(9007199254740993));
    reads_integer("9223372036854775807", INT64_MAX);
    reads_integer("-9223372036854775808", INT64_MIN);
}

static void other_numbers_are_floats(void **state) {
    (void)state;
    reads_float("-0", -0.0);
    reads_float("1.0", 1.0);
    reads_float("1e2", 100.0);
    reads_float("9223372036854775808", 9223372036854775808.0);
    reads_float("-9223372036854775809", -9223372036854775808.0);
    reads_float("18446744073709551617", 18446744073709551616.0); /* wraps in 64 bits */
    reads_float("0.000000000000000000000000001", 1e-27);
}

/* On both sides of each bound of the exact path; the compiler's own reading is the judge. */
static void decimals_are_rounded_to_the_nearest(void **state) {
    (void)state;
    reads_float("7.35", 7.35);
    reads_float("9007199254740993.0", 9007199254740993.0);
    reads_float("9007199254740992e22", 9007199254740992e22);
    reads_float("9007199254740993e22", 9007199254740993e22);
    reads_float("1e23", 1e23);
    reads_float("123456789012345678e-23", 123456789012345678e-23);
    reads_float("2.2250738585072011e-308", 2.2250738585072011e-308);
    reads_float("4.9406564584124654e-324", DBL_TRUE_MIN);
    reads_float("1.7976931348623157e308", DBL_MAX);
}

static void long_numbers_are_read_whole(void **state) {
    (void)state;
    char text[400] = "0.5000000000000000";
    memset(text + 18, '0', 300);
    strcpy(text + 318, "1e1");
    reads_float(text, 5.0);
    memset(text, '1', 309);
    text[309] = '\0';
    reads_float(text, strtod(text, NULL));
}

static void too_small_is_zero_and_too_large_is_refused(void **state) {
    (void)state;
    struct gw_json_number number;
    reads_float("1e-400", 0.0);
    reads_float("-1e-99999999999999999999", -0.0);
    reads_float("0e99999999999999999999", 0.0);
    assert_int_equal(read_text("1e309", &number), GW_JSON_OUT_OF_RANGE);
    assert_int_equal(read_text("-1e99999999999999999999", &number), GW_JSON_OUT_OF_RANGE);
}

/* 1e(n + 1) / 1e(n + 1), for more digits than an exponent needs to be absurd. */
static void a_long_fraction_makes_up_for_a_large_exponent(void **state) {
    (void)state;
    size_t n = 1500000;
    char *text = malloc(n + 20);
    memset(text, '0', n + 2);
    text[1] = '.';
    struct gw_json_number number;
    strcpy(text + n + 2, "1e1500001");
    reads_float(text, 1.0);
    strcpy(text + n + 2, "1e15000010");
    assert_int_equal(read_text(text, &number), GW_JSON_OUT_OF_RANGE);
    free(text);
}

static void malformed_numbers_tell_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int at;
    } cases[] = {{"-", 1},   {"-a", 1},   {"1.", 2},  {"1.e1", 2}, {"1e", 2},
                 {"1e+", 3}, {"1e+-", 3}, {"-.5", 1}, {"+1", 0},   {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_json_number number;
        assert_int_equal(read_text(cases[i].text, &number), GW_JSON_MALFORMED);
        assert_ptr_equal(number.end, cases[i].text + cases[i].at);
    }
}

static void a_number_ends_where_its_grammar_does(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int end;
    } cases[] = {{"1,", 1}, {"012", 1}, {"1.5]", 3}, {"1e5}", 3}, {"0x1", 1}, {"1.2.3", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_json_number number;
        read_text(cases[i].text, &number);
        assert_ptr_equal(number.end, cases[i].text + cases[i].end);
    }
}

static void prints_integer(int64_t value) {
    char text[GW_JSON_NUMBER_SIZE + 1], expected[GW_JSON_NUMBER_SIZE];
    text[gw_json_print_integer(text, value)] = '\0';
    snprintf(expected, sizeof expected, "%" PRId64, value);
    assert_string_equal(text, expected);
}

static void integers_are_printed_whole(void **state) {
    (void)state;
    prints_integer(INT64_MIN);
    prints_integer(INT64_MAX);
    for (int64_t power = 1; power < INT64_MAX / 10; power *= 10)
        for (int64_t value = power - 1; value <= power + 1; value++) {
            prints_integer(value);
            prints_integer(-value);
        }
}

static void prints_float(double value, const char *expected) {
    char text[GW_JSON_NUMBER_SIZE + 1];
    text[gw_json_print_float(text, value)] = '\0';
    assert_string_equal(text, expected);
}

static void floats_look_like_floats(void **state) {
    (void)state;
    prints_float(0.0, "0.0");
    prints_float(-0.0, "-0.0");
    prints_float(42.0, "42.0");
    prints_float(-1e14, "-100000000000000.0");
    prints_float(1e15, "1e+15");
    prints_float(9007199254740993.0, "9007199254740992.0");
    prints_float(12345678901234567890.0, "1.2345678901234567e+19");
}

static void floats_are_as_short_as_can_be(void **state) {
    (void)state;
    prints_float(0.1, "0.1");
    prints_float(7.35, "7.35");
    prints_float(0.57, "0.57"); /* 0.57 * 100 is not 57 */
    prints_float(-0.05, "-0.05");
    prints_float(1234567.891, "1234567.891");
    prints_float(0.1 + 0.2, "0.30000000000000004");
    prints_float(1.0 / 3, "0.3333333333333333");
    prints_float(1e-7, "0.0000001");
    prints_float(1e-9, "1e-09");
    prints_float(DBL_TRUE_MIN, "5e-324");
    prints_float(DBL_MAX, "1.7976931348623157e+308");
}

static double next_random(uint64_t *seed) {
    double value;
    do { /* splitmix64 */
        uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy(&value, &z, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void comes_back(double value) {
    char text[GW_JSON_NUMBER_SIZE + 1];
    text[gw_json_print_float(text, value)] = '\0';
    reads_float(text, value);
}

static void every_float_comes_back(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++)
        comes_back(next_random(&seed));
    for (int cents = -20000; cents < 20000; cents++)
        comes_back(cents / 100.0);
    for (int exponent = -1074; exponent < 1024; exponent++)
        comes_back(ldexp(1, exponent));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_64_bits_are_exact),
        cmocka_unit_test(other_numbers_are_floats),
        cmocka_unit_test(decimals_are_rounded_to_the_nearest),
        cmocka_unit_test(long_numbers_are_read_whole),
        cmocka_unit_test(too_small_is_zero_and_too_large_is_refused),
        cmocka_unit_test(a_long_fraction_makes_up_for_a_large_exponent),
        cmocka_unit_test(malformed_numbers_tell_where),
        cmocka_unit_test(a_number_ends_where_its_grammar_does),
        cmocka_unit_test(integers_are_printed_whole),
        cmocka_unit_test(floats_look_like_floats),
        cmocka_unit_test(floats_are_as_short_as_can_be),
        cmocka_unit_test(every_float_comes_back),
    };
    return cmocka_run_group_tests_name("json_number", tests, NULL, NULL);
}
