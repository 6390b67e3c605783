#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct gw_settings settings;
static char message[256];

/* Loads with the given flags, a NULL-terminated list; the error, if any, is in `message`. */
static bool load(char **flags) {
    struct gw_buf error = {0};
    int n = 0;
    while (flags[n])
        n++;
    bool ok = gw_settings_load(&settings, n, flags, &error);
    gw_buf_append_char(&error, '\0');
    strncpy(message, error.data, sizeof message - 1);
    gw_buf_fini(&error);
    return ok;
}

#define LOAD(...)      load((char *[]){__VA_ARGS__, NULL})
#define LOAD_NOTHING() load((char *[]){NULL})

static void defaults_hold(void **state) {
    (void)state;
    assert_true(LOAD_NOTHING());
    assert_string_equal(settings.host, "0.0.0.0");
    assert_int_equal(settings.port, 8000);
    assert_int_equal(settings.service_timeout_ms, 30000);
    assert_int_equal(settings.breaker_threshold, 5);
    assert_int_equal(settings.max_body, 1048576);
    assert_int_equal(settings.script_run_ms, 100);
    assert_int_equal(settings.script_request_ms, 1000);
    assert_int_equal(settings.script_load_ms, 500);
    assert_int_equal(settings.max_script_request, 16 << 20);
    assert_int_equal(settings.max_script_state, 64 << 20);
    assert_true(settings.workers >= 1);
    assert_false(settings.development);
}

static void a_flag_overrides_the_environment(void **state) {
    (void)state;
    setenv("PORT", "9000", 1);
    assert_true(LOAD_NOTHING());
    assert_int_equal(settings.port, 9000);
    assert_true(LOAD("--port", "9001"));
    assert_int_equal(settings.port, 9001);
    assert_true(LOAD("--port=9002"));
    assert_int_equal(settings.port, 9002);
    setenv("PORT", "", 1); /* as compose files leave it: not set */
    assert_true(LOAD_NOTHING());
    assert_int_equal(settings.port, 8000);
    unsetenv("PORT");
}

static void seconds_may_have_a_fraction(void **state) {
    (void)state;
    assert_true(LOAD("--drain-seconds", "0.25", "--service-timeout=2"));
    assert_int_equal(settings.drain_ms, 250);
    assert_int_equal(settings.service_timeout_ms, 2000);
    assert_true(LOAD("--drain-seconds", "0"));
    assert_int_equal(settings.drain_ms, 0);
}

static void a_bad_value_is_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"--port", "65536"},
        {"--port", "-1"},
        {"--port", "80a"},
        {"--workers", "257"},
        {"--log-level", "loud"},
        {"--log-format", "colour"},
        {"--gateway-env", "staging"},
        {"--service-timeout", "0"},
        {"--drain-seconds", ""},
        {"--drain-seconds", "nan"},
        {"--drain-seconds", "-1"},
        {"--max-header-fields", "0"},
        {"--script-run-seconds", "0"},
        {"--max-script-request-bytes", "1000"},
        {"--inventory-service-url", "inventory:8001"},
        {"--inventory-service-url", "http://"},
        {"--pricing-service-url", "ftp://x"},
        {"--otel-sdk-disabled", "1"},
        {"--otel-traces-sampler", "jaeger_remote"},
        {"--otel-traces-sampler-arg", "1.5"},
        {"--otel-traces-sampler-arg", "0.5x"},
        {"--otel-traces-sampler-arg", "-0.5"},
        {"--otel-traces-exporter", "console"},
        {"--otel-exporter-otlp-endpoint", "collector:4318"},
        {"--otel-exporter-otlp-protocol", "grpc"},
        {"--otel-exporter-otlp-timeout", "0"},
        {"--otel-resource-attributes", "team"},
        {"--otel-resource-attributes", "team=%zz"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(LOAD((char *)bad[i][0], (char *)bad[i][1]));
        assert_non_null(strstr(message, bad[i][1]));
    }
    assert_false(LOAD("--service-timeout", "0"));
    assert_non_null(strstr(message, "SERVICE_TIMEOUT"));
}

static void origins_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"*", "", "https://a.example", "http://a:8080, https://b"};
    static const char *const bad[] = {"a.example", "http://a/", "*,http://a", "http://a,,",
                                      "foo bar"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(LOAD("--cors-allow-origins", (char *)good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(LOAD("--cors-allow-origins", (char *)bad[i]));
}

static void headers_of_the_collector_are_a_secret(void **state) {
    (void)state;
    static const char *const bad[] = {"api-key", "a key=hunter2", "api-key=hunter2%0d%0a", "=x"};
    bool allowed;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(LOAD("--otel-exporter-otlp-headers", (char *)bad[i]));
        assert_string_equal(message, "OTEL_EXPORTER_OTLP_HEADERS: its value is not key=value, "
                                     "comma separated and percent-encoded");
    }
    assert_true(LOAD("--otel-exporter-otlp-headers", "api-key=hunter2, x=%20y"));
    assert_null(gw_settings_env(&settings, "OTEL_EXPORTER_OTLP_HEADERS", &allowed));
    assert_false(allowed);
}

static void no_url_has_a_password(void **state) {
    (void)state;
    assert_false(LOAD("--inventory-service-url", "http://user:hunter2@inventory"));
    assert_null(strstr(message, "hunter2"));
    assert_false(LOAD("--otel-exporter-otlp-endpoint", "https://hunter2@collector/base"));
    assert_null(strstr(message, "hunter2"));
    assert_true(LOAD("--otel-exporter-otlp-endpoint", "https://collector/@base"));
}

static void traces_are_all_kept_and_none_are_sent_by_default(void **state) {
    (void)state;
    assert_true(LOAD_NOTHING());
    assert_string_equal(settings.otel_sampler, "parentbased_always_on");
    assert_true(settings.otel_sampler_ratio == 1);
    assert_null(settings.otlp_endpoint);
    assert_true(LOAD("--otel-sdk-disabled", "True", "--otel-traces-sampler-arg", "0.25"));
    assert_true(settings.otel_disabled);
    assert_true(settings.otel_sampler_ratio == 0.25);
}

static void an_unknown_flag_is_named(void **state) {
    (void)state;
    assert_false(LOAD("--prot", "1"));
    assert_string_equal(message, "--prot: no such flag");
    assert_false(LOAD("port"));
    assert_false(LOAD("--port"));
    assert_string_equal(message, "--port: needs a value");
}

static void dev_is_short_for_what_script_writers_want(void **state) {
    (void)state;
    bool allowed;
    assert_true(LOAD_NOTHING());
    assert_int_equal(settings.log_format, GW_LOG_AUTO);
    assert_true(LOAD("--log-format=json", "--dev", "--port", "1"));
    assert_true(settings.development);
    assert_int_equal(settings.log_format, GW_LOG_COLOUR);
    assert_int_equal(settings.port, 1);
    assert_string_equal(gw_settings_env(&settings, "GATEWAY_ENV", &allowed), "development");
    assert_true(LOAD("--dev", "--log-format", "json"));
    assert_int_equal(settings.log_format, GW_LOG_JSON);
    assert_false(LOAD("--dev=1"));
}

static void a_switch_needs_no_value(void **state) {
    (void)state;
    assert_true(LOAD_NOTHING());
    assert_false(settings.last_good);
    assert_true(LOAD("--last-good", "--port", "1"));
    assert_true(settings.last_good);
    assert_int_equal(settings.port, 1);
    assert_true(LOAD("--last-good=0"));
    assert_false(settings.last_good);
    assert_false(LOAD("--last-good=yes"));
    assert_string_equal(message, "LAST_GOOD: \"yes\" is not 0 or 1");
}

static void an_admin_listener_for_others_needs_a_token(void **state) {
    (void)state;
    struct gw_buf error = {0};
    static const char *const own[] = {"127.0.0.1", "127.9.9.9", "::1", "localhost"};
    static const char *const others[] = {"0.0.0.0", "::", "10.0.0.1", "gateway", "1270.0.0.1"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        assert_true(LOAD("--admin-host", (char *)own[i]));
        assert_true(gw_settings_check_serve(&settings, &error));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_true(LOAD("--admin-host", (char *)others[i], "--admin-token", ""));
        gw_buf_clear(&error);
        assert_false(gw_settings_check_serve(&settings, &error));
        assert_memory_equal(error.data, "ADMIN_TOKEN: ", 13);
        assert_true(LOAD("--admin-host", (char *)others[i], "--admin-token", "t"));
        assert_true(gw_settings_check_serve(&settings, &error));
    }
    gw_buf_fini(&error);
}

static void the_last_good_scripts_need_a_place(void **state) {
    (void)state;
    struct gw_buf error = {0};
    assert_true(LOAD("--last-good"));
    assert_false(gw_settings_check_serve(&settings, &error));
    assert_memory_equal(error.data, "DATA_DIR: ", 10);
    assert_true(LOAD("--last-good", "--data-dir", "/tmp"));
    assert_true(gw_settings_check_serve(&settings, &error));
    gw_buf_fini(&error);
}

static void scripts_read_settings_and_what_is_listed(void **state) {
    (void)state;
    bool allowed;
    setenv("REGION", "eu", 1);
    setenv("SECRET", "x", 1);
    assert_true(LOAD("--inventory-service-url", "http://i:1", "--script-env", "CITY, REGION"));
    assert_string_equal(gw_settings_env(&settings, "INVENTORY_SERVICE_URL", &allowed),
                        "http://i:1");
    assert_true(allowed);
    assert_string_equal(gw_settings_env(&settings, "REGION", &allowed), "eu");
    assert_null(gw_settings_env(&settings, "CITY", &allowed));
    assert_true(allowed);
    assert_null(gw_settings_env(&settings, "SECRET", &allowed));
    assert_false(allowed);
    assert_true(LOAD("--admin-token", "t"));
    assert_null(gw_settings_env(&settings, "ADMIN_TOKEN", &allowed));
    assert_false(allowed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold),
        cmocka_unit_test(a_flag_overrides_the_environment),
        cmocka_unit_test(seconds_may_have_a_fraction),
        cmocka_unit_test(a_bad_value_is_named),
        cmocka_unit_test(origins_are_checked),
        cmocka_unit_test(headers_of_the_collector_are_a_secret),
        cmocka_unit_test(no_url_has_a_password),
        cmocka_unit_test(traces_are_all_kept_and_none_are_sent_by_default),
        cmocka_unit_test(an_unknown_flag_is_named),
        cmocka_unit_test(dev_is_short_for_what_script_writers_want),
        cmocka_unit_test(a_switch_needs_no_value),
        cmocka_unit_test(an_admin_listener_for_others_needs_a_token),
        cmocka_unit_test(the_last_good_scripts_need_a_place),
        cmocka_unit_test(scripts_read_settings_and_what_is_listed),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
