#include "base/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define EQUALS(slice, literal) assert_true(gw_str_equal(slice, GW_STR(literal)))

static void items_come_in_order(void **state) {
    (void)state;
    struct gw_str inside =
        gw_json_inside(GW_STR("{\"a\":1,\"b\":\"x,}\\\"y\",\"c\":[{\"d\":\"]\"},2],\"e\":null}"));
    struct gw_json_item item;
    assert_true(gw_json_next(&inside, &item));
    EQUALS(item.key, "a");
    EQUALS(item.value, "1");
    assert_true(gw_json_next(&inside, &item));
    EQUALS(item.value, "\"x,}\\\"y\"");
    assert_true(gw_json_next(&inside, &item));
    EQUALS(item.key, "c");
    EQUALS(item.value, "[{\"d\":\"]\"},2]");
    assert_true(gw_json_next(&inside, &item));
    EQUALS(item.value, "null");
    assert_false(gw_json_next(&inside, &item));
}

static void elements_have_no_key(void **state) {
    (void)state;
    struct gw_str inside = gw_json_inside(GW_STR("[\"a\", 2]"));
    struct gw_json_item item;
    assert_true(gw_json_next(&inside, &item));
    assert_int_equal(item.key.len, 0);
    EQUALS(item.value, "\"a\"");
    assert_true(gw_json_next(&inside, &item));
    EQUALS(item.value, "2");
    assert_false(gw_json_next(&inside, &item));
}

static void a_member_is_found_by_its_name(void **state) {
    (void)state;
    struct gw_str value = GW_STR("");
    struct gw_str inside = gw_json_inside(GW_STR("{\"a\":{\"b\":1},\"b\":2}"));
    assert_true(gw_json_find(inside, "b", &value));
    EQUALS(value, "2");
    assert_false(gw_json_find(inside, "c", &value));
}

static void only_objects_and_arrays_have_an_inside(void **state) {
    (void)state;
    assert_int_equal(gw_json_inside(GW_STR("\"ab\"")).len, 0);
    assert_int_equal(gw_json_inside(GW_STR("")).len, 0);
    assert_int_equal(gw_json_inside(GW_STR("{")).len, 0);
    assert_int_equal(gw_json_inside(GW_STR("{}")).len, 0);
}

static void a_string_says_what_it_means(void **state) {
    (void)state;
    struct gw_buf buf = {0};
    gw_json_append_text(&buf, GW_STR("\"a\\n\\t\\\"\\\\\\/\\u001b\\u00e9\\u20ac\\ud800\xc3\xa9\""));
    EQUALS(gw_buf_str(&buf), "a\n\t\"\\/\x1b\xc3\xa9\xe2\x82\xac\xef\xbf\xbd\xc3\xa9");
    gw_buf_clear(&buf);
    gw_json_append_text(&buf, GW_STR("12"));
    EQUALS(gw_buf_str(&buf), "12");
    gw_buf_fini(&buf);
}

/* Each in a block of its own size, so that a byte too far is seen. */
static void what_is_cut_off_ends(void **state) {
    (void)state;
    static const char whole[] = "{\"a\":\"x\\u12\",\"b\":[{\"c\":[1,\"\\\"\"]}],\"d\":tru}";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, whole, n);
        struct gw_str inside = gw_json_inside((struct gw_str){cut, n});
        struct gw_json_item item;
        struct gw_buf buf = {0};
        for (int i = 0; gw_json_next(&inside, &item); i++) {
            assert_true(i < 10);
            gw_json_append_text(&buf, item.value);
        }
        gw_buf_fini(&buf);
        free(cut);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_in_order),
        cmocka_unit_test(elements_have_no_key),
        cmocka_unit_test(a_member_is_found_by_its_name),
        cmocka_unit_test(only_objects_and_arrays_have_an_inside),
        cmocka_unit_test(a_string_says_what_it_means),
        cmocka_unit_test(what_is_cut_off_ends),
    };
    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
