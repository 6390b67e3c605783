#include "base/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The pairs as they are read, "key>value|" each, and "!" where there is a fault. */
static void check(const char *expected, const char *text) {
    struct gw_str rest = gw_str_from(text), key;
    struct gw_buf value = {0}, seen = {0};
    while (gw_pairs_next(&rest, &key, &value))
        gw_buf_printf(&seen, "%.*s>%.*s|", GW_STR_ARG(key), GW_STR_ARG(gw_buf_str(&value)));
    if (rest.len)
        gw_buf_append_char(&seen, '!');
    gw_buf_append_char(&seen, '\0');
    assert_string_equal(seen.data, expected);
    gw_buf_fini(&value);
    gw_buf_fini(&seen);
}

static void pairs_are_read_one_after_the_other(void **state) {
    (void)state;
    check("", "");
    check("a>1|", "a=1");
    check("a>1|b>2|", "a=1,b=2");
    check("a>1|b>2|", " a = 1 ,, \tb=2, ");
    check("a>|", "a=");
    check("a>b=c|", "a=b=c");
}

static void values_are_decoded(void **state) {
    (void)state;
    check("a>x, y|", "a=x%2C%20y");
    check("a>100%|", "a=100%25");
    check("authorization>Bearer t=|", "authorization=Bearer%20t%3d");
}

static void properties_are_left_out(void **state) {
    (void)state;
    check("a>1|b>2|", "a=1;p=x,b=2 ; q");
}

static void a_fault_ends_it(void **state) {
    (void)state;
    check("!", "a");
    check("a>1|!", "a=1,b");
    check("!", "=1");
    check("!", " =1,a=2");
    check("!", "a=%4");
    check("!", "a=%");
    check("!", "a=%zz");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_read_one_after_the_other),
        cmocka_unit_test(values_are_decoded),
        cmocka_unit_test(properties_are_left_out),
        cmocka_unit_test(a_fault_ends_it),
    };
    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
