#include "base/json_write.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void commas_come_by_themselves(void **state) {
    (void)state;
    struct gw_buf out = {0};
    gw_json_open(&out, '{');
    gw_json_member_str(&out, "text", GW_STR("a\"b{"));
    gw_json_member_int(&out, "n", -5);
    gw_json_key(&out, "list");
    gw_json_open(&out, '[');
    gw_json_int(&out, 1);
    gw_json_bool(&out, true);
    gw_json_null(&out);
    gw_json_open(&out, '{');
    gw_json_close(&out, '}');
    gw_json_open(&out, '[');
    gw_json_close(&out, ']');
    gw_json_str(&out, GW_STR("["));
    gw_json_str(&out, GW_STR(":"));
    gw_json_close(&out, ']');
    gw_json_member_bool(&out, "last", false);
    gw_json_member_time(&out, "at", 0);
    gw_json_close(&out, '}');
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data,
                        "{\"text\":\"a\\\"b{\",\"n\":-5,\"list\":[1,true,null,{},[],\"[\","
                        "\":\"],\"last\":false,\"at\":\"1970-01-01T00:00:00.000Z\"}");
    gw_buf_fini(&out);
}

static void what_may_be_missing_is_null(void **state) {
    (void)state;
    struct gw_buf out = {0};
    gw_json_open(&out, '{');
    gw_json_member_str_or_null(&out, "a", GW_STR(""));
    gw_json_member_str_or_null(&out, "b", GW_STR("x"));
    gw_json_member_time_or_null(&out, "c", 0);
    gw_json_member_time_or_null(&out, "d", 1);
    gw_json_close(&out, '}');
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data,
                        "{\"a\":null,\"b\":\"x\",\"c\":null,\"d\":\"1970-01-01T00:00:00.001Z\"}");
    gw_buf_fini(&out);
}

static void numbers_are_short(void **state) {
    (void)state;
    struct gw_buf out = {0};
    gw_json_open(&out, '[');
    static const double values[] = {0,    10,  -0.5,    0.1234, 1.0 / 3, 123456789.25,
                                    1e17, NAN, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        gw_json_number(&out, values[i]);
    gw_json_close(&out, ']');
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data,
                        "[0,10,-0.5,0.123,0.333,123456789.25,100000000000000000,null,null]");
    gw_buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(what_may_be_missing_is_null),
        cmocka_unit_test(numbers_are_short),
    };
    return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
