#include "lua/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add(struct gw_history *history, unsigned number, const char *text) {
    struct gw_sources *sources = gw_sources_new();
    gw_buf_append_str(&gw_sources_add(sources, GW_STR("init.lua"))->text, gw_str_from(text));
    gw_sources_seal(sources);
    gw_history_add(history, &(struct gw_record){.number = number, .sources = sources});
    gw_sources_free(sources); /* the history keeps them */
}

static void the_last_ones_are_kept(void **state) {
    (void)state;
    struct gw_history history = {0};
    for (unsigned i = 1; i <= GW_HISTORY_SIZE + 5; i++)
        add(&history, i, "");
    assert_int_equal(history.n, GW_HISTORY_SIZE);
    assert_null(gw_history_find(&history, 5));
    assert_int_equal(gw_history_find(&history, 6)->number, 6);
    assert_int_equal(history.records[GW_HISTORY_SIZE - 1].number, GW_HISTORY_SIZE + 5);
    gw_history_fini(&history);
}

static void the_last_that_differs_is_known(void **state) {
    (void)state;
    struct gw_history history = {0};
    add(&history, 1, "one");
    assert_null(gw_history_previous(&history));
    add(&history, 2, "one");
    assert_null(gw_history_previous(&history));
    add(&history, 3, "two");
    add(&history, 4, "two");
    assert_int_equal(gw_history_previous(&history)->number, 2);
    assert_null(gw_history_find(&history, 0));
    gw_history_fini(&history);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_ones_are_kept),
        cmocka_unit_test(the_last_that_differs_is_known),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
