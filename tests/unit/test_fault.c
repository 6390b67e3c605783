#include "base/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_fault(struct gw_str *rest, const char *file, unsigned line, unsigned column,
                         const char *message) {
    struct gw_fault fault;
    assert_true(gw_fault_next(rest, &fault));
    assert_true(gw_str_equal(fault.file, gw_str_from(file)));
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
    assert_true(gw_str_equal(fault.message, gw_str_from(message)));
}

static void assert_end(struct gw_str rest) {
    struct gw_fault fault;
    assert_false(gw_fault_next(&rest, &fault));
}

static void a_place_is_read(void **state) {
    (void)state;
    struct gw_str text = GW_STR("routes/home.lua:8: '=' expected near 'handler'");
    assert_fault(&text, "routes/home.lua", 8, 0, "'=' expected near 'handler'");
    assert_end(text);
    text = GW_STR("a b.lua:8:12: x");
    assert_fault(&text, "a b.lua", 8, 12, "x");
    assert_end(text);
}

static void several_come_one_by_one(void **state) {
    (void)state;
    struct gw_str text = GW_STR("a.lua:1: one\nb.lua:2:3: two\n");
    assert_fault(&text, "a.lua", 1, 0, "one");
    assert_fault(&text, "b.lua", 2, 3, "two");
    assert_end(text);
}

static void a_message_may_have_lines(void **state) {
    (void)state;
    struct gw_str text = GW_STR("a.lua:1: one\n  and more\n\nstill: more\nb.lua:2: two");
    assert_fault(&text, "a.lua", 1, 0, "one\n  and more\n\nstill: more");
    assert_fault(&text, "b.lua", 2, 0, "two");
    assert_end(text);
}

static void what_has_no_place_is_a_message(void **state) {
    (void)state;
    static const char *const texts[] = {"scripts/: No such file or directory",
                                        "not enough memory",
                                        "a.lua",
                                        "a.lua:",
                                        "a.lua:x: y",
                                        ":1: y",
                                        "cannot do that:5: x",
                                        "a.lua:99999999999: y"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gw_str text = gw_str_from(texts[i]);
        assert_fault(&text, "", 0, 0, texts[i]);
        assert_end(text);
    }
    assert_end(GW_STR(""));
    assert_end(GW_STR("\n\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_read),
        cmocka_unit_test(several_come_one_by_one),
        cmocka_unit_test(a_message_may_have_lines),
        cmocka_unit_test(what_has_no_place_is_a_message),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
