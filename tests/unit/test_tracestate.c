#include "policy/tracestate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What is passed on of these fields, of which NULL is the last; "" if there is a fault. */
static void check(const char *expected, const char *const *fields) {
    struct gw_buf list = {0};
    bool ok = true;
    for (; ok && *fields; fields++)
        ok = gw_tracestate_append(&list, gw_str_from(*fields));
    if (!ok)
        gw_buf_clear(&list);
    gw_buf_append_char(&list, '\0');
    assert_string_equal(list.data, expected);
    gw_buf_fini(&list);
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool accepts(const char *field) {
    struct gw_buf list = {0};
    bool ok = gw_tracestate_append(&list, gw_str_from(field));
    gw_buf_fini(&list);
    return ok;
}

/* "tenant@system=1", or without the "@" where the system has no length. */
static bool accepts_key(size_t tenant, size_t system) {
    char text[1024], *end = text;
    memset(end, 't', tenant);
    end += tenant;
    if (system) {
        *end++ = '@';
        memset(end, 's', system);
        end += system;
    }
    strcpy(end, "=1");
    return accepts(text);
}

static void fields_are_joined_in_their_order(void **state) {
    (void)state;
    check("foo=1,bar=2", FIELDS("foo=1,bar=2"));
    check("foo=1,bar=2,rojo=1,congo=2,baz=3", FIELDS("foo=1,bar=2", "rojo=1,congo=2", "baz=3"));
}

static void empty_members_and_blanks_are_left_out(void **state) {
    (void)state;
    check("", FIELDS("", " \t", ",", " , ,"));
    check("foo=1", FIELDS("", "foo=1", ""));
    check("foo=1,bar=2,baz=3", FIELDS("foo=1 \t , \t bar=2,, \t baz=3\t"));
    check("foo= 1", FIELDS("foo= 1 ")); /* a space before a value is part of it */
}

static void a_key_comes_once(void **state) {
    (void)state;
    check("", FIELDS("foo=1,foo=1"));
    check("", FIELDS("foo=1,bar=1", "foo=2"));
    check("foo=1,fo=1,fooo=1", FIELDS("foo=1,fo=1,fooo=1"));
}

static void keys_have_their_characters(void **state) {
    (void)state;
    assert_true(accepts("abcdefghijklmnopqrstuvwxyz0123456789_-*/=1"));
    assert_true(accepts("abcdefghijklmnopqrstuvwxyz0123456789_-*/@a-z0-9_-*/=1"));
    assert_true(accepts("0a=1"));
    assert_true(accepts("0a@b=1"));
    assert_false(accepts("foo =1"));
    assert_false(accepts("FOO=1"));
    assert_false(accepts("foo.bar=1"));
    assert_false(accepts("_foo=1"));
    assert_false(accepts("=1"));
    assert_false(accepts("foo"));
}

static void at_most_one_sign_divides_tenant_and_system(void **state) {
    (void)state;
    assert_false(accepts("foo@=1"));
    assert_false(accepts("@foo=1"));
    assert_false(accepts("@=1"));
    assert_false(accepts("foo@@bar=1"));
    assert_false(accepts("foo@bar@baz=1"));
    assert_false(accepts("foo@1bar=1"));
}

static void keys_have_a_greatest_length(void **state) {
    (void)state;
    assert_true(accepts_key(256, 0));
    assert_false(accepts_key(257, 0));
    assert_true(accepts_key(241, 14));
    assert_false(accepts_key(242, 1));
    assert_false(accepts_key(1, 15));
}

static void values_have_their_characters_and_length(void **state) {
    (void)state;
    char text[300] = "foo=";
    memset(text + 4, 'v', 256);
    assert_true(accepts(text));
    text[260] = 'v';
    assert_false(accepts(text));
    assert_true(accepts("foo= !\"#$%&'()*+-./09:;<>?@AZ[\\]^_`az{|}~"));
    assert_false(accepts("foo=bar=baz"));
    assert_false(accepts("foo=,bar=3"));
    assert_false(accepts("foo=a\tb"));
    assert_false(accepts("foo=\x7f"));
    assert_false(accepts("foo=\xc3\xa9"));
}

static void there_are_at_most_32(void **state) {
    (void)state;
    struct gw_buf list = {0};
    char member[16];
    for (int i = 0; i < GW_TRACESTATE_MAX_MEMBERS; i++) {
        member[0] = (char)('a' + i / 10);
        member[1] = (char)('0' + i % 10);
        strcpy(member + 2, "=1");
        assert_true(gw_tracestate_append(&list, gw_str_from(member)));
    }
    assert_true(gw_tracestate_append(&list, GW_STR(" , ")));
    assert_int_equal(list.len, GW_TRACESTATE_MAX_MEMBERS * 5 - 1);
    assert_false(gw_tracestate_append(&list, GW_STR("one-more=1")));
    gw_buf_fini(&list);
}

/* A list of such members, each of so many bytes. */
static struct gw_buf list_of(unsigned n, const size_t *lengths) {
    struct gw_buf list = {0};
    for (unsigned i = 0; i < n; i++) {
        char member[300];
        memset(member, 'v', sizeof member);
        member[0] = (char)('a' + i);
        member[1] = '=';
        assert_true(gw_tracestate_append(&list, (struct gw_str){member, lengths[i]}));
    }
    gw_tracestate_shorten(&list);
    return list;
}

/* The first letters of the members that are left. */
static void check_left(const char *expected, unsigned n, const size_t *lengths) {
    struct gw_buf list = list_of(n, lengths);
    struct gw_str rest = gw_buf_str(&list), member;
    assert_true(list.len <= GW_TRACESTATE_MAX_LEN);
    for (; *expected; expected++) {
        assert_true(gw_str_split(rest, ',', &member, &rest));
        assert_int_equal(member.data[0], *expected);
        assert_int_equal(member.len, lengths[*expected - 'a']);
    }
    assert_int_equal(rest.len, 0);
    gw_buf_fini(&list);
}

static void one_that_is_long_loses_whole_members(void **state) {
    (void)state;
    check_left("abcd", 4, (size_t[]){128, 127, 127, 127}); /* 512 */
    check_left("abc", 4, (size_t[]){128, 128, 127, 127});  /* 513 */
    check_left("acd", 4, (size_t[]){128, 129, 127, 127});  /* the long one first */
    check_left("abd", 4, (size_t[]){10, 250, 250, 10});    /* and no more of them than need be */
    check_left("abc", 5, (size_t[]){128, 128, 128, 128, 128});
    check_left("cde", 5, (size_t[]){250, 250, 128, 128, 128});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_joined_in_their_order),
        cmocka_unit_test(empty_members_and_blanks_are_left_out),
        cmocka_unit_test(a_key_comes_once),
        cmocka_unit_test(keys_have_their_characters),
        cmocka_unit_test(at_most_one_sign_divides_tenant_and_system),
        cmocka_unit_test(keys_have_a_greatest_length),
        cmocka_unit_test(values_have_their_characters_and_length),
        cmocka_unit_test(there_are_at_most_32),
        cmocka_unit_test(one_that_is_long_loses_whole_members),
    };
    return cmocka_run_group_tests_name("tracestate", tests, NULL, NULL);
}
