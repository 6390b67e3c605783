#include "command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char both[] = "--json --run";

static void a_folder_and_switches_are_taken(void **state) {
    (void)state;
    char *argv[] = {"--json", "scripts", "--run", NULL};
    int argc = 3;
    struct gw_words words = gw_command_take(both, &argc, argv);
    assert_string_equal(words.folder, "scripts");
    assert_true(words.json && words.run);
    assert_int_equal(argc, 0);
}

static void settings_stay_with_their_values(void **state) {
    (void)state;
    char *argv[] = {"--port", "80", "here", "--host=x", "--workers", "2", NULL};
    int argc = 6;
    struct gw_words words = gw_command_take(both, &argc, argv);
    assert_string_equal(words.folder, "here");
    assert_int_equal(argc, 5);
    assert_string_equal(argv[1], "80");
    assert_string_equal(argv[2], "--host=x");
    assert_string_equal(argv[4], "2");
}

static void what_is_not_the_commands_own_stays(void **state) {
    (void)state;
    char *argv[] = {"--run", "--jso", "", "one", "two", NULL};
    int argc = 5;
    struct gw_words words = gw_command_take("--json", &argc, argv);
    assert_false(words.json || words.run);
    assert_string_equal(words.folder, "");
    assert_int_equal(argc, 4);
    assert_string_equal(argv[0], "--run");
    assert_string_equal(argv[3], "two");
}

static void the_rest_is_somebody_elses(void **state) {
    (void)state;
    char *argv[] = {"here", "--", "--json", "there", NULL};
    int argc = 4;
    struct gw_words words = gw_command_take(both, &argc, argv);
    assert_false(words.json);
    assert_int_equal(argc, 0);
    assert_int_equal(words.n_rest, 2);
    assert_string_equal(words.rest[1], "there");
}

static void there_may_be_no_words(void **state) {
    (void)state;
    char *argv[] = {NULL};
    int argc = 0;
    struct gw_words words = gw_command_take(both, &argc, argv);
    assert_null(words.folder);
    assert_int_equal(words.n_rest, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_and_switches_are_taken),
        cmocka_unit_test(settings_stay_with_their_values),
        cmocka_unit_test(what_is_not_the_commands_own_stays),
        cmocka_unit_test(the_rest_is_somebody_elses),
        cmocka_unit_test(there_may_be_no_words),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
