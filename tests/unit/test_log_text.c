#include "base/log_text.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIME "\"time\":\"2026-01-31T12:04:05.123Z\""

static char shown[4096];

static const char *render(const char *record, bool colour) {
    struct gw_buf out = {0};
    gw_log_text(gw_str_from(record), colour, &out);
    assert_true(out.len < sizeof shown);
    memcpy(shown, out.data, out.len);
    shown[out.len] = '\0';
    gw_buf_fini(&out);
    return shown;
}

static const char *plain(const char *record) {
    return render(record, false);
}

static void a_request_is_one_line(void **state) {
    (void)state;
    assert_string_equal(
        plain("{" TIME ",\"level\":\"info\",\"message\":\"request\",\"correlation_id\":\"1\","
              "\"method\":\"GET\",\"path\":\"/api/v1/products/TEST-001\",\"status\":200,"
              "\"duration_ms\":3.217,\"bytes\":10,\"client\":\"::1\",\"route\":\"GET /x\","
              "\"calls\":[{\"backend\":\"inventory\",\"attempts\":1,\"status\":200,"
              "\"duration_ms\":2.000},{\"backend\":\"pricing\",\"attempts\":3,\"status\":0,"
              "\"failure\":\"timeout\",\"duration_ms\":3.000}]}"),
        "12:04:05.123   200 GET /api/v1/products/TEST-001  3.2 ms  inventory 200, pricing timeout "
        "x3\n");
}

static void a_failed_request_can_be_searched_for(void **state) {
    (void)state;
    assert_string_equal(
        plain("{" TIME ",\"level\":\"info\",\"message\":\"request\",\"correlation_id\":\"id-1\","
              "\"method\":\"GET\",\"path\":\"/\",\"status\":502,\"duration_ms\":1500.0,"
              "\"calls\":[{\"backend\":\"b\",\"attempts\":1,\"status\":500,"
              "\"failure\":\"status\",\"duration_ms\":2.000}],\"calls_not_shown\":2}"),
        "12:04:05.123   502 GET /  1.50 s  b 500  calls_not_shown=2 correlation_id=id-1\n");
}

static void other_lines_have_level_message_and_fields(void **state) {
    (void)state;
    assert_string_equal(plain("{" TIME
                              ",\"level\":\"warn\",\"message\":\"breaker\",\"route\":\"R\","
                              "\"backend\":\"pricing\",\"reason\":\"5 in a row\",\"n\":5}"),
                        "12:04:05.123  warn breaker  backend=pricing reason=\"5 in a row\" n=5 "
                        "route=R\n");
    assert_string_equal(plain("{" TIME ",\"level\":\"error\",\"message\":\"x\"}"),
                        "12:04:05.123 error x\n");
}

static void fields_of_scripts_stand_like_others(void **state) {
    (void)state;
    assert_string_equal(plain("{" TIME
                              ",\"level\":\"info\",\"message\":\"m\",\"where\":\"a.lua:1\","
                              "\"fields\":{\"a\":[1,2],\"b\":\"\",\"c\":\"x=y\"}}"),
                        "12:04:05.123  info m  a=[1,2] b=\"\" c=\"x=y\" where=a.lua:1\n");
}

static void a_traceback_follows_indented(void **state) {
    (void)state;
    assert_string_equal(plain("{" TIME
                              ",\"level\":\"error\",\"message\":\"a.lua:1: boom\\nsecond\","
                              "\"where\":\"a.lua:1\",\"fields\":{\"traceback\":\"a.lua:1: boom\\n"
                              "stack traceback:\\n\\ta.lua:1: in function 'f'\\n\\t[C]: in ?\"}}"),
                        "12:04:05.123 error a.lua:1: boom\n"
                        "             second\n"
                        "             a.lua:1: in function 'f'\n"
                        "             [C]: in ?\n");
}

static void a_reload_says_whether_it_is_live(void **state) {
    (void)state;
    assert_string_equal(plain("{" TIME ",\"level\":\"info\",\"message\":\"scripts reloaded\","
                              "\"generation\":3}"),
                        "12:04:05.123  live scripts reloaded  generation=3\n");
    static const char *const refused =
        "{" TIME ",\"level\":\"error\",\"message\":\"scripts not reloaded\",\"generation\":3,"
        "\"file\":\"routes/home.lua\",\"line\":8,\"error\":\"'=' expected near 'x'\"}";
    assert_string_equal(plain(refused), "12:04:05.123 error scripts not reloaded: "
                                        "routes/home.lua:8: '=' expected near 'x'  generation=3\n");
    assert_non_null(strstr(render(refused, true), "\033[1;31mscripts not reloaded"));
    assert_non_null(strstr(render("{" TIME ",\"message\":\"scripts reloaded\"}", true),
                           "\033[1;32mscripts reloaded"));
}

static void control_characters_are_not_obeyed(void **state) {
    (void)state;
    plain("{" TIME ",\"level\":\"info\",\"message\":\"\\u001b[31m\x1b[2J\xc2\x9b\x7f\xff\","
          "\"a\\u001b\x1b\":\"\xc2\x9b"
          "31m\\r\"}");
    for (const char *at = shown; *at != '\n'; at++)
        assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
    assert_null(strstr(shown, "\xc2\x9b"));
    assert_null(strstr(shown, "\xff"));
    assert_non_null(strstr(shown, "\\x1b[31m\\x1b[2J\\x9b\\x7f\\xff"));
}

static void colours_end_where_they_began(void **state) {
    (void)state;
    render("{" TIME ",\"level\":\"warn\",\"message\":\"m\",\"route\":\"r\",\"a\":1}", true);
    int depth = 0;
    for (const char *at = shown; (at = strchr(at, '\033')); at++)
        depth += strncmp(at, "\033[0m", 4) == 0 ? -1 : 1;
    assert_int_equal(depth, 0);
    assert_null(strchr(plain("{" TIME ",\"level\":\"warn\",\"message\":\"m\"}"), '\033'));
}

static void what_is_no_record_does_no_harm(void **state) {
    (void)state;
    static const char *const odd[] = {"",
                                      "{",
                                      "{}",
                                      "[]",
                                      "{\"time\":5}",
                                      "{\"time\":\"99999-\"}",
                                      "{\"message\":\"request\",\"status\":}",
                                      "{\"message\":\"request\",\"status\":1,\"calls\":7}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_non_null(strchr(plain(odd[i]), '\n'));
}

/* What a line looks like on standard output. */
static const char *written(enum gw_log_format format) {
    int pipe_fds[2], real = dup(STDOUT_FILENO);
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDOUT_FILENO);
    gw_log_set_format(format);
    gw_log(GW_LOG_WARN, "hello");
    dup2(real, STDOUT_FILENO);
    close(real);
    close(pipe_fds[1]);
    ssize_t n = read(pipe_fds[0], shown, sizeof shown - 1);
    close(pipe_fds[0]);
    assert_true(n > 0);
    shown[n] = '\0';
    return shown;
}

static void the_format_decides(void **state) {
    (void)state;
    unsetenv("NO_COLOR");
    assert_non_null(strstr(written(GW_LOG_AUTO), ",\"level\":\"warn\",\"message\":\"hello\"}\n"));
    assert_string_equal(written(GW_LOG_TEXT) + 12, "  warn hello\n");
    assert_non_null(strstr(written(GW_LOG_COLOUR), "\033[33m  warn \033[0mhello\n"));
    setenv("NO_COLOR", "1", 1);
    assert_string_equal(written(GW_LOG_COLOUR) + 12, "  warn hello\n");
    unsetenv("NO_COLOR");
    assert_int_equal(written(GW_LOG_JSON)[0], '{');
}

static int in_utc(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_one_line),
        cmocka_unit_test(a_failed_request_can_be_searched_for),
        cmocka_unit_test(other_lines_have_level_message_and_fields),
        cmocka_unit_test(fields_of_scripts_stand_like_others),
        cmocka_unit_test(a_traceback_follows_indented),
        cmocka_unit_test(a_reload_says_whether_it_is_live),
        cmocka_unit_test(control_characters_are_not_obeyed),
        cmocka_unit_test(colours_end_where_they_began),
        cmocka_unit_test(what_is_no_record_does_no_harm),
        cmocka_unit_test(the_format_decides),
    };
    return cmocka_run_group_tests_name("log_text", tests, in_utc, NULL);
}
