#include "base/embedded.h"
#include "lua/prelude.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_file_is_found_by_its_path(void **state) {
    (void)state;
    static const struct gw_embedded table[] = {
        {"a.txt", {"A", 1}}, {"b/a.txt", {"B", 1}}, {NULL, {NULL, 0}}};
    assert_ptr_equal(gw_embedded_find(table, GW_STR("b/a.txt")), &table[1]);
    assert_null(gw_embedded_find(table, GW_STR("b")));
    assert_null(gw_embedded_find(table, GW_STR("")));
}

static void a_module_of_the_prelude_is_found_by_its_name(void **state) {
    (void)state;
    const struct gw_embedded *saga = gw_prelude_find("gateway.saga");
    assert_non_null(saga);
    assert_string_equal(saga->name, "gateway/saga.lua");
    assert_true(saga->text.len > 100);
    assert_string_equal(gw_prelude_find("gateway")->name, "gateway.lua");
    assert_null(gw_prelude_find("gateway/saga"));
    assert_null(gw_prelude_find("gateway.sag"));
    assert_null(gw_prelude_find("gateway.saga.lua"));
    assert_null(gw_prelude_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_found_by_its_path),
        cmocka_unit_test(a_module_of_the_prelude_is_found_by_its_name),
    };
    return cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
}
