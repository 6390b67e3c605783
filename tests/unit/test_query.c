#include "admin/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gw_query query;

static int forget(void **state) {
    (void)state;
    gw_query_fini(&query);
    query = (struct gw_query){0};
    return 0;
}

static bool reads(const char *raw, const char *known) {
    forget(NULL);
    return gw_query_read(&query, gw_str_from(raw), known);
}

static void assert_complaint(const char *expected) {
    assert_int_equal(query.complaint.len, strlen(expected));
    assert_memory_equal(query.complaint.data, expected, strlen(expected));
}

static void assert_text(const char *name, const char *expected) {
    struct gw_str text = GW_STR("none");
    assert_true(gw_query_text(&query, name, &text));
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void names_and_values_are_decoded(void **state) {
    (void)state;
    assert_true(reads("kind=a+b%2Bc%26&%73tatus=x=y&&open", "kind status open"));
    assert_text("kind", "a b+c&");
    assert_text("status", "x=y");
    assert_true(reads("", "kind"));
    assert_text("kind", "none");
    assert_true(reads("kind=&open=", "kind open"));
    assert_text("kind", "none");
}

static void what_cannot_be_read_is_told(void **state) {
    (void)state;
    assert_false(reads("kind=%4", "kind"));
    assert_complaint("kind: has a broken escape");
    assert_false(reads("kind=%00", "kind"));
    assert_complaint("kind: has a broken escape");
    forget(NULL);
    assert_false(gw_query_read(&query, (struct gw_str){"kind=a\0b", 8}, "kind"));
    assert_complaint("kind: has a broken escape");
    assert_false(reads("%zz=1", "kind"));
    assert_complaint("%zz: has a broken escape");
    assert_false(reads("kin=a", "kind"));
    assert_complaint("kin: there is no such parameter");
    assert_false(reads("kind%20status=a", "kind status"));
    assert_complaint("kind status: there is no such parameter");
    assert_false(reads("=a", "kind"));
    assert_complaint(": there is no such parameter");
    assert_false(reads("kind=a&kind=b", "kind"));
    assert_complaint("kind: is there twice");
}

static void numbers_have_a_range(void **state) {
    (void)state;
    uint64_t limit = 100;
    reads("", "limit");
    assert_true(gw_query_number(&query, "limit", 1, 1000, &limit));
    assert_int_equal(limit, 100);
    reads("limit=1000", "limit");
    assert_true(gw_query_number(&query, "limit", 1, 1000, &limit));
    assert_int_equal(limit, 1000);
    static const char *const bad[] = {"limit=0",   "limit=1001", "limit=-1",
                                      "limit=1.5", "limit=x",    "limit=99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reads(bad[i], "limit");
        assert_false(gw_query_number(&query, "limit", 1, 1000, &limit));
        assert_complaint("limit: must be a number from 1 to 1000");
    }
    assert_int_equal(limit, 1000);
}

static void choices_are_words(void **state) {
    (void)state;
    static const char *const words[] = {"queued", "running", "done", NULL};
    int status = -1;
    reads("status=", "status");
    assert_true(gw_query_choice(&query, "status", words, &status));
    assert_int_equal(status, -1);
    reads("status=running", "status");
    assert_true(gw_query_choice(&query, "status", words, &status));
    assert_int_equal(status, 1);
    reads("status=Running", "status");
    assert_false(gw_query_choice(&query, "status", words, &status));
    assert_complaint("status: must be queued, running or done");
}

static void a_flag_may_stand_alone(void **state) {
    (void)state;
    bool open = false;
    reads("", "open");
    assert_true(gw_query_flag(&query, "open", &open));
    assert_false(open);
    reads("open", "open");
    assert_true(gw_query_flag(&query, "open", &open));
    assert_true(open);
    reads("open=false", "open");
    assert_true(gw_query_flag(&query, "open", &open));
    assert_false(open);
    reads("open=yes", "open");
    assert_false(gw_query_flag(&query, "open", &open));
    assert_complaint("open: must be false or true");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(names_and_values_are_decoded, forget),
        cmocka_unit_test_teardown(what_cannot_be_read_is_told, forget),
        cmocka_unit_test_teardown(numbers_have_a_range, forget),
        cmocka_unit_test_teardown(choices_are_words, forget),
        cmocka_unit_test_teardown(a_flag_may_stand_alone, forget),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
