#include "base/json_write.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(commas_come_by_themselves)};
    return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
