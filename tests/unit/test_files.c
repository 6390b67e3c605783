#include "admin/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *name_of(const char *path) {
    const struct gw_embedded *file = gw_admin_find_file(gw_str_from(path));
    return file ? file->name : NULL;
}

static void the_page_and_what_belongs_to_it_are_found(void **state) {
    (void)state;
    assert_string_equal(name_of("/"), "dashboard/index.html");
    assert_string_equal(name_of("/dashboard/main.js"), "dashboard/main.js");
    assert_string_equal(name_of("/dashboard/panels/head.js"), "dashboard/panels/head.js");
    assert_string_equal(name_of("/dashboard/vendor/uPlot.iife.min.js"),
                        "dashboard/vendor/uPlot.iife.min.js");
}

static void nothing_else_is(void **state) {
    (void)state;
    static const char *const paths[] = {
        "",
        "/dashboard",
        "/dashboard/",
        "/dashboard/main.j",
        "/dashboard/main.jsx",
        "//",
        "dashboard/main.js",
        "/openapi.json",
        "/dashboard/../openapi.json",
        "/%64ashboard/main.js",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_null(name_of(paths[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_and_what_belongs_to_it_are_found),
        cmocka_unit_test(nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
