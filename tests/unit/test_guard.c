#include "admin/guard.h"

#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef unsigned (*guard_fn)(const struct gw_settings *settings, uint16_t port,
                             const struct gw_message *message, const char **detail);

/* The status for a request with these header lines, at port 8900. */
static unsigned ask(guard_fn answer, const char *host, const char *token, const char *lines) {
    struct gw_settings settings = {.admin_host = host, .admin_token = token};
    struct gw_parser_limits limits = {4096, 4096, 100};
    struct gw_parser parser;
    struct gw_str body;
    const char *detail;
    char text[1024];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n%s\r\n", lines);
    struct gw_str in = gw_str_from(text);
    gw_parser_init(&parser, GW_PARSER_REQUEST, &limits);
    assert_int_equal(gw_parser_next(&parser, &in, &body), GW_PARSER_HEAD);
    unsigned status = answer(&settings, 8900, &parser.message, &detail);
    gw_parser_fini(&parser);
    return status;
}

static unsigned guard(const char *host, const char *token, const char *lines) {
    return ask(gw_admin_guard, host, token, lines);
}

static void only_its_own_names_are_answered(void **state) {
    (void)state;
    static const char *const good[] = {"127.0.0.1:8900", "localhost:8900", "LOCALHOST:8900",
                                       "[::1]:8900", "127.1.2.3:8900"};
    static const char *const bad[] = {
        "evil.example:8900",           "127.0.0.1", "127.0.0.1:80", "10.0.0.1:8900",
        "localhost.evil.example:8900", "[::2]:8900"};
    char line[128];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(line, sizeof line, "Host: %s\r\n", good[i]);
        assert_int_equal(guard("127.0.0.1", NULL, line), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, "Host: %s\r\n", bad[i]);
        assert_int_equal(guard("127.0.0.1", NULL, line), 421);
    }
    assert_int_equal(guard("10.0.0.1", NULL, "Host: 10.0.0.1:8900\r\n"), 0);
    assert_int_equal(guard("0.0.0.0", NULL, "Host: gateway:9000\r\n"), 0); /* any is its own */
}

static void pages_of_other_sites_are_not_answered(void **state) {
    (void)state;
#define HOST "Host: localhost:8900\r\n"
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: http://localhost:8900\r\n"), 0);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: https://localhost:8900\r\n"), 0);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: http://localhost:8000\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: https://localhost\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: ftp://localhost:8900\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: https://evil.example\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: null\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Origin: \r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Sec-Fetch-Site: same-site\r\n"), 403);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Sec-Fetch-Site: same-origin\r\n"), 0);
    assert_int_equal(guard("127.0.0.1", NULL, HOST "Sec-Fetch-Site: none\r\n"), 0);
}

static void the_token_must_be_known(void **state) {
    (void)state;
    assert_int_equal(guard("127.0.0.1", "secret", HOST), 401);
    assert_int_equal(guard("127.0.0.1", "", HOST), 0);
    static const char *const bad[] = {"Bearer secre", "Bearer secrets", "Bearer Secret", "Bearer",
                                      "Basic secret", "secret",         "Bearer "};
    char line[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, HOST "Authorization: %s\r\n", bad[i]);
        assert_int_equal(guard("127.0.0.1", "secret", line), 401);
    }
    assert_int_equal(guard("127.0.0.1", "secret", HOST "Authorization: Bearer secret\r\n"), 0);
    assert_int_equal(guard("127.0.0.1", "secret", HOST "Authorization: bearer secret\r\n"), 0);
}

/* --- the dashboard's files --- */

static unsigned guard_file(const char *lines) {
    return ask(gw_admin_guard_file, "127.0.0.1", "secret", lines);
}

static void files_are_given_without_a_token(void **state) {
    (void)state;
    assert_int_equal(guard_file(HOST), 0);
    assert_int_equal(guard_file(HOST "Sec-Fetch-Site: same-origin\r\n"), 0);
    assert_int_equal(guard_file("Host: evil.example:8900\r\n"), 421);
}

static void other_sites_may_link_to_them_but_not_use_them(void **state) {
    (void)state;
#define CROSS HOST "Sec-Fetch-Site: cross-site\r\n"
#define LINK  CROSS "Sec-Fetch-Mode: navigate\r\n"
    assert_int_equal(guard_file(LINK "Sec-Fetch-Dest: document\r\n"), 0);
    assert_int_equal(guard_file(LINK "Sec-Fetch-Dest: iframe\r\n"), 403);
    assert_int_equal(guard_file(LINK), 403);
    assert_int_equal(guard_file(CROSS "Sec-Fetch-Dest: document\r\n"), 403);
    assert_int_equal(guard_file(CROSS "Sec-Fetch-Mode: no-cors\r\n"), 403);
    assert_int_equal(guard_file(HOST "Origin: https://evil.example\r\n"), 403);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_its_own_names_are_answered),
        cmocka_unit_test(pages_of_other_sites_are_not_answered),
        cmocka_unit_test(the_token_must_be_known),
        cmocka_unit_test(files_are_given_without_a_token),
        cmocka_unit_test(other_sites_may_link_to_them_but_not_use_them),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
