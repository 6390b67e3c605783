#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool is_name(const char *name) {
    return gw_secret_is_name(gw_str_from(name));
}

static void names_are_known_however_they_are_written(void **state) {
    (void)state;
    static const char *const secrets[] = {
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "SET-COOKIE",
        "x-api-key",
        "api_key",
        "apiKey",
        "X-Auth-Token",
        "x-csrf-token",
        "access_token",
        "client_secret",
        "PASSWORD",
        "sessionId",
        "key",
        "x-amz-signature",
        "Idempotency-Key",
        "pass phrase",
        "pwd",
        "auth",
    };
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        assert_true(is_name(secrets[i]));
    static const char *const others[] = {"",       "host", "author", "keyword",
                                         "pinned", "path", "product"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(is_name(others[i]));
}

static void what_is_too_long_for_a_name_counts_as_one(void **state) {
    (void)state;
    char name[600];
    memset(name, 'x', sizeof name);
    assert_false(gw_secret_is_name((struct gw_str){name, 256}));
    assert_true(gw_secret_is_name((struct gw_str){name, 257}));
    memset(name, '-', 400);
    assert_false(gw_secret_is_name((struct gw_str){name, sizeof name}));
}

static void an_operator_adds_names(void **state) {
    (void)state;
    assert_false(is_name("iban"));
    gw_secret_add_names(" iban, Card-Number,,");
    assert_true(is_name("IBAN"));
    assert_true(is_name("card_number"));
    assert_false(is_name("card"));
    assert_false(is_name("ibans"));
    assert_false(is_name(""));
    gw_secret_add_names("");
}

static void check(const char *text, const char *expected) {
    struct gw_buf out = {0};
    char shown[500];
    gw_secret_append(&out, gw_str_from(text));
    assert_true(out.len < sizeof shown);
    if (out.len)
        memcpy(shown, out.data, out.len);
    shown[out.len] = '\0';
    assert_string_equal(shown, expected);
    gw_buf_fini(&out);
}

static void a_text_keeps_what_is_no_secret(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "hello",
        "a bearer",
        "bearers of news",
        "basic training is hard",
        "Basic Authentication",
        "eyJ",
        "eyJust a word",
        "http://host:80/a?b=c&d=e",
        "mail@example.org",
        "GET /x?page=1&size=2: status 503",
        "://",
        "?password",
        "caf\xc3\xa9 \xff",
        "\"host\":\"a\", \"token\"",
        "he said \"token\", and left",
        "if token == 1 then",
        "the cookie: it is stale",
        "unexpected token: }",
        "size=3&page=1",
        "password=",
        "\"password\":\"\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
}

static void tokens_are_hidden_wherever_they_stand(void **state) {
    (void)state;
    check("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y", "x [redacted] y");
    check("eyJh.eyJz", "[redacted]");
    check("bearer abc.def-1", "bearer [redacted]");
    check("with Bearer  abc, and more", "with Bearer  [redacted], and more");
    check("forbearer abc", "forbearer abc");
    check("BASIC dXNlcjpwYXNzd29yZA==", "BASIC [redacted]");
    check("'Basic dXNlcjpwYTEx'", "'Basic [redacted]'");
}

static void urls_lose_their_secrets_alone(void **state) {
    (void)state;
    check("http://a/?a=1&api_key=s3cr3t&b=2", "http://a/?a=1&api_key=[redacted]&b=2");
    check("/x?token=s3cr3t timeout", "/x?token=[redacted] timeout");
    check("/x?token=a&password=b c", "/x?token=[redacted]&password=[redacted] c");
    check("/x?token=", "/x?token=");
    check("https://ann:s3cr3t@host:8443/x", "https://[redacted]@host:8443/x");
    check("https://ann@home:s3cr3t@host/x@y", "https://[redacted]@host/x@y");
    check("see <http://ann:s3cr3t@h>, or http://h/?s=@", "see <http://[redacted]@h>, or "
                                                         "http://h/?s=@");
}

static void members_of_a_text_are_hidden(void **state) {
    (void)state;
    check("got {\"user\":\"ann\",\"password\": \"s\\\"3\",\"n\":1}",
          "got {\"user\":\"ann\",\"password\": \"[redacted]\",\"n\":1}");
    check("{\"pin\":1234,\"a\":2}", "{\"pin\":[redacted],\"a\":2}");
    check("{\"tokens\" : [\"a\",{\"b\":\"]\"}],\"a\":2}", "{\"tokens\" : [redacted],\"a\":2}");
    check("\"{\\\"cookie\\\":\\\"sid=1; b\\\",\\\"a\\\":\\\"b\\\"}\"",
          "\"{\\\"cookie\\\":\\\"[redacted]\\\",\\\"a\\\":\\\"b\\\"}\"");
    check("{\"password\":\"it was cut he", "{\"password\":\"[redacted]");
}

static void fields_and_forms_lose_theirs(void **state) {
    (void)state;
    check("Cookie: sid=1; b=2\r\nHost: a\nauthorization: Digest a=\"b\", c",
          "Cookie: [redacted]\r\nHost: a\nauthorization: [redacted]");
    check("password=s3cr3t&user=ann", "password=[redacted]&user=ann");
    check("host=a password=s3==, dbname=b", "host=a password=[redacted], dbname=b");
    check("token=\"a b\" realm=\"c\"", "token=\"[redacted]\" realm=\"c\"");
    gw_secret_add_names("x-own");
    check("X-Own: 1, 2", "X-Own: [redacted]");
    gw_secret_add_names("");
}

static void a_text_may_come_twice(void **state) {
    (void)state;
    static const char *const texts[] = {
        "password=[redacted]&a=b",     "{\"token\":\"[redacted]\"}", "{\"pin\":[redacted],\"a\":2}",
        "/x?token=[redacted] timeout", "Cookie: [redacted]\r\na",    "bearer [redacted], b",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
}

/* What a client sends may be long, and chosen: were a place looked at from each before it, each of
 * these would take minutes. */
static void a_long_text_takes_no_longer_than_it_is(void **state) {
    (void)state;
    static const char *const parts[] = {"e",  "eyJ", "a-",     "\"",      "\\\"", "://",
                                        "?a", "b",   "bearer", "{\"a\":", "a="};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct gw_buf text = {0}, out = {0};
        while (text.len < 1 << 20)
            gw_buf_append_str(&text, gw_str_from(parts[i]));
        gw_secret_append(&out, gw_buf_str(&text));
        assert_int_equal(out.len, text.len);
        gw_buf_fini(&text);
        gw_buf_fini(&out);
    }
}

static void check_json(const char *json, const char *expected) {
    struct gw_buf out = {0};
    gw_secret_append_json(&out, gw_str_from(json));
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data ? out.data : "", expected, out.len);
    gw_buf_fini(&out);
}

static void members_are_hidden_at_any_depth(void **state) {
    (void)state;
    check_json("", "");
    check_json("{}", "{}");
    check_json("{\"a\":1,\"b\":[true,null,-1.5e3,\"c\"]}",
               "{\"a\":1,\"b\":[true,null,-1.5e3,\"c\"]}");
    check_json("{\"password\":\"s3cr3t\",\"n\":1}", "{\"password\":\"[redacted]\",\"n\":1}");
    check_json("{\"user\":[{\"tokens\":[\"a\",{\"b\":\"}\"}],\"pin\":1234,\"x\":\"y\"}]}",
               "{\"user\":[{\"tokens\":\"[redacted]\",\"pin\":\"[redacted]\",\"x\":\"y\"}]}");
    check_json("[{\"otp\":{\"a\":{}}}]", "[{\"otp\":\"[redacted]\"}]");
}

static void strings_lose_theirs_and_stay_json(void **state) {
    (void)state;
    check_json("{\"a\":\"Bearer s3cr3t\",\"b\":[\"\\\"bearer x\\\"\"]}",
               "{\"a\":\"Bearer [redacted]\",\"b\":[\"\\\"bearer [redacted]\\\"\"]}");
    check_json("{\"a\\u001b\":\"\\u001b[31m\xc2\x9b\"}", "{\"a\\u001b\":\"\\u001b[31m\\u009b\"}");
    check_json("{\"/x?token=s3cr3t\":1}", "{\"/x?token=[redacted]\":\"[redacted]\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known_however_they_are_written),
        cmocka_unit_test(what_is_too_long_for_a_name_counts_as_one),
        cmocka_unit_test(an_operator_adds_names),
        cmocka_unit_test(a_text_keeps_what_is_no_secret),
        cmocka_unit_test(tokens_are_hidden_wherever_they_stand),
        cmocka_unit_test(urls_lose_their_secrets_alone),
        cmocka_unit_test(members_of_a_text_are_hidden),
        cmocka_unit_test(fields_and_forms_lose_theirs),
        cmocka_unit_test(a_text_may_come_twice),
        cmocka_unit_test(a_long_text_takes_no_longer_than_it_is),
        cmocka_unit_test(members_are_hidden_at_any_depth),
        cmocka_unit_test(strings_lose_theirs_and_stay_json),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
