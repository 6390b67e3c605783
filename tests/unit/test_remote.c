#include "remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void words_are_taken_and_settings_stay(void **state) {
    (void)state;
    char *argv[] = {"--admin-port", "80", "ORDER-1", "--reason", "by hand", "--admin-host=x", NULL};
    int argc = 6;
    struct gw_remote_words words = gw_remote_take(&argc, argv);
    assert_string_equal(words.words[0], "ORDER-1");
    assert_null(words.words[1]);
    assert_string_equal(words.reason, "by hand");
    assert_false(words.open);
    assert_int_equal(argc, 3);
    assert_string_equal(argv[0], "--admin-port");
    assert_string_equal(argv[1], "80");
    assert_string_equal(argv[2], "--admin-host=x");
}

static void a_reason_may_be_joined_by_a_sign(void **state) {
    (void)state;
    char *argv[] = {"--open", "--reason=a=b", NULL};
    int argc = 2;
    struct gw_remote_words words = gw_remote_take(&argc, argv);
    assert_string_equal(words.reason, "a=b");
    assert_true(words.open);
    assert_null(words.words[0]);
    assert_int_equal(argc, 0);
}

static void a_third_word_is_left_to_be_refused(void **state) {
    (void)state;
    char *argv[] = {"one", "two", "three", "--open", "--reason", NULL};
    int argc = 5;
    struct gw_remote_words words = gw_remote_take(&argc, argv);
    assert_string_equal(words.words[0], "one");
    assert_string_equal(words.words[1], "two");
    assert_true(words.open);
    assert_null(words.reason);
    assert_int_equal(argc, 2);
    assert_string_equal(argv[0], "three");
    assert_string_equal(argv[1], "--reason");
}

static void filters_are_taken_and_what_only_looks_like_one_is_not(void **state) {
    (void)state;
    char *argv[] = {"--kind", "report", "--status=done", "--kindness", "x", NULL};
    int argc = 5;
    struct gw_remote_words words = gw_remote_take(&argc, argv);
    assert_string_equal(words.kind, "report");
    assert_string_equal(words.status, "done");
    assert_int_equal(argc, 2);
    assert_string_equal(argv[0], "--kindness");
}

static void words_that_do_not_belong_are_refused_before_anybody_is_asked(void **state) {
    (void)state;
    struct gw_settings settings = {.admin_host = "127.0.0.1"};
    static const struct {
        const char *command;
        struct gw_remote_words words;
    } cases[] = {
        {"reload", {.words = {"1"}}},
        {"rollback", {.words = {"x"}}},
        {"rollback", {.words = {"0"}}},
        {"generations", {.open = true}},
        {"sagas", {.words = {"x"}, .open = true}},
        {"sagas", {.reason = "x"}},
        {"retry", {.open = false}},
        {"resolve", {.reason = "x"}},
        {"resolve", {.words = {"x"}}},
        {"status", {.words = {"x"}}},
        {"generations", {.words = {"1", "2"}}},
        {"breaker", {.open = false}},
        {"breaker", {.words = {"inventory"}}},
        {"breaker", {.words = {"inventory", "open"}}},
        {"cancel", {.open = false}},
        {"jobs", {.words = {"x"}, .status = "done"}},
        {"sagas", {.kind = "order"}},
        {"log-level", {.words = {"debug"}, .open = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gw_remote_run(&settings, cases[i].command, &cases[i].words), 2);
    assert_true(gw_remote_is_command("sagas"));
    assert_false(gw_remote_is_command("saga"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_taken_and_settings_stay),
        cmocka_unit_test(a_reason_may_be_joined_by_a_sign),
        cmocka_unit_test(a_third_word_is_left_to_be_refused),
        cmocka_unit_test(filters_are_taken_and_what_only_looks_like_one_is_not),
        cmocka_unit_test(words_that_do_not_belong_are_refused_before_anybody_is_asked),
    };
    return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
