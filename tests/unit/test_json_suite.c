/* JSONTestSuite: all of its y_ files are accepted, all of its n_ files refused. */
#include "json_fixture.h"
#include "json_test_suite/cases.h"

static void check(lua_State *L, const char *name, struct gw_str text) {
    struct gw_json_error error;
    int top = lua_gettop(L);
    bool accepted = decode(L, text, &error);
    if (accepted ? name[0] == 'n' : name[0] == 'y')
        fail_msg("%s was %s", name, accepted ? "accepted" : error.reason);
    assert_int_equal(lua_gettop(L), top + accepted);
    if (!accepted)
        assert_true(error.at <= text.len);
    lua_settop(L, top);
}

static void files_are_judged_by_their_names(void **state) {
    size_t n = sizeof json_cases / sizeof *json_cases;
    assert_int_equal(n, 315);
    for (size_t i = 0; i < n; i++)
        check(*state, json_cases[i].name, json_cases[i].text);
}

static struct gw_str repeat(struct gw_buf *buf, const char *unit, unsigned times) {
    gw_buf_clear(buf);
    for (unsigned i = 0; i < times; i++)
        gw_buf_append_str(buf, gw_str_from(unit));
    return gw_buf_str(buf);
}

static void large_files_are_judged_by_their_names(void **state) {
    struct gw_buf buf = {0};
    check(*state, "n_structure_100000_opening_arrays", repeat(&buf, "[", 100000));
    repeat(&buf, "[{\"\":", 50000);
    gw_buf_append_char(&buf, '\n');
    check(*state, "n_structure_open_array_object", gw_buf_str(&buf));
    repeat(&buf, "[", 500);
    for (int i = 0; i < 500; i++)
        gw_buf_append_char(&buf, ']');
    check(*state, "i_structure_500_nested_arrays", gw_buf_str(&buf));
    gw_buf_fini(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_judged_by_their_names, begin, end),
        cmocka_unit_test_setup_teardown(large_files_are_judged_by_their_names, begin, end),
    };
    return cmocka_run_group_tests_name("json_suite", tests, NULL, NULL);
}
