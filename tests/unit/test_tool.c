/* The state that check and test run in. What they do there, the specs show. */
#include "lua/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct gw_settings settings;
static unsigned n_loads;

static bool refuse(const struct gw_settings *given, struct gw_buf *error) {
    assert_ptr_equal(given, &settings);
    gw_buf_append_str(error, GW_STR("init.lua:7: the server says no"));
    n_loads++;
    return false;
}

static bool accept(const struct gw_settings *given, struct gw_buf *error) {
    (void)given, (void)error;
    n_loads++;
    return true;
}

/* Runs the module with both outputs shut. */
static int run(const struct gw_tool *tool, const char *module) {
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    fflush(NULL);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    int code = gw_tool_run(tool, module);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    close(null);
    return code;
}

/* What `check` says of one file: its exit code. */
static int check(const char *text, bool (*load)(const struct gw_settings *, struct gw_buf *)) {
    struct gw_source source = {.path = "init.lua"};
    struct gw_sources sources = {.items = &source, .n = 1};
    gw_buf_append_str(&source.text, gw_str_from(text));
    struct gw_tool tool = {
        .settings = &settings, .sources = &sources, .arguments = "--json\n", .load = load};
    n_loads = 0;
    int code = run(&tool, "gateway.check");
    gw_buf_fini(&source.text);
    return code;
}

static int read_settings(void **state) {
    (void)state;
    struct gw_buf error = {0};
    char *flags[] = {"--scripts-dir=here"};
    return gw_settings_load(&settings, 1, flags, &error) ? 0 : 1;
}

static void a_module_is_given_what_it_is_about(void **state) {
    (void)state;
    assert_int_equal(check("local x = 1", accept), 0);
    assert_int_equal(n_loads, 1);
    assert_int_equal(check("x = 1", accept), 1);
    assert_int_equal(n_loads, 0); /* it is wrong already */
}

static void the_server_has_the_last_word(void **state) {
    (void)state;
    assert_int_equal(check("local x = 1", refuse), 1);
}

static void what_was_declared_is_forgotten(void **state) {
    (void)state;
    static const char script[] = "local gateway <const> = require 'gateway'\n"
                                 "gateway.backend('b', { url = 'http://b' })\n"
                                 "gateway.breaker('c')\n"
                                 "gateway.route('GET /', function() return 200 end)\n";
    for (int i = 0; i < 3; i++)
        assert_int_equal(check(script, accept), 0);
}

static void a_module_that_raises_is_an_error_of_its_own(void **state) {
    (void)state;
    struct gw_tool tool = {.settings = &settings, .arguments = "", .load = accept};
    assert_int_equal(run(&tool, "gateway.no_such_module"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_is_given_what_it_is_about),
        cmocka_unit_test(the_server_has_the_last_word),
        cmocka_unit_test(what_was_declared_is_forgotten),
        cmocka_unit_test(a_module_that_raises_is_an_error_of_its_own),
    };
    return cmocka_run_group_tests_name("tool", tests, read_settings, NULL);
}
