#include "base/id.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 9562, 5.7: hexadecimal digits in groups, version 7, variant 10. */
static void makes_version_7(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    for (int n = 0; n < 200; n++) {
        gw_id_new(id);
        assert_int_equal(strlen(id), 36);
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        for (int i = 0; i < 36; i++)
            assert_int_equal(id[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(gw_id_valid(gw_str_from(id)));
    }
}

static void begins_with_the_time(void **state) {
    (void)state;
    char id[GW_ID_SIZE], digits[13];
    int64_t before = gw_clock_wall_ms();
    gw_id_new(id);
    int64_t after = gw_clock_wall_ms();
    memcpy(digits, id, 8);
    memcpy(digits + 8, id + 9, 4);
    digits[12] = '\0';
    long long ms = strtoll(digits, NULL, 16);
    assert_true(ms >= before && ms <= after);
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

static void never_repeats(void **state) {
    (void)state;
    enum { N = 10000 };
    static char ids[N][GW_ID_SIZE];
    for (int i = 0; i < N; i++)
        gw_id_new(ids[i]);
    qsort(ids, N, sizeof ids[0], compare);
    for (int i = 1; i < N; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static void judges_callers_ids(void **state) {
    (void)state;
    static const char *const bad[] = {"", "a b", "a\n", "a/b", "\"", "caf\xc3\xa9", "a,b", "{}"};
    char longest[GW_ID_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(gw_id_valid(GW_STR("aZ09._-")));
    assert_true(gw_id_valid((struct gw_str){longest, GW_ID_MAX}));
    assert_false(gw_id_valid((struct gw_str){longest, GW_ID_MAX + 1}));
    assert_false(gw_id_valid(GW_STR("a\0b")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (gw_id_valid(gw_str_from(bad[i])))
            fail_msg("accepted: %s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_version_7),
        cmocka_unit_test(begins_with_the_time),
        cmocka_unit_test(never_repeats),
        cmocka_unit_test(judges_callers_ids),
    };
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
