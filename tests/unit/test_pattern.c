/* The bounded string functions: the answers are Lua's own, and there is an end to them. */
#include "lua/pattern.h"

#include "pattern_fixture.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lua_State *L;

static int set_up(void **state) {
    (void)state;
    L = new_comparison();
    return L ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    lua_close(L);
    return 0;
}

static void check(const char *subject, const char *pattern, const char *replacement,
                  lua_Integer init) {
    if (!is_same(L, subject, strlen(subject), pattern, strlen(pattern), replacement,
                 strlen(replacement), init))
        fail_msg("'%s' '%s' '%s' %d: %s", subject, pattern, replacement, (int)init,
                 lua_tostring(L, -1));
}

static void answers_as_lua_does(void **state) {
    (void)state;
    static const char *const patterns[] = {
        "",      "a",         "a*",
        "a-b",   "a+b?",      "^a",
        "a$",    "^",         "$",
        "^$",    "()",        "(a)",
        "(a*)b", "((a)(b))",  "(a*(.)%w(%s*))",
        "%a+",   "%A",        "%d%l%u%p%c%s%w%x%g",
        "[abc]", "[^abc]",    "[a-c]+",
        "[]]",   "[^]]",      "[%a_]",
        "[a-]",  "[%]]",      "%b()",
        "%bxx",  "%f[%w]%w+", "%f[^%w]",
        "(.)%1", "(a)%1*",    "()a()",
        ".-",    ".-$",       "[%z]",
        "%z",    "a\\b",      "^(%s*)(.-)%s*$",
        "^*",    "*",         "$a",
        "a^b",
    };
    static const char *const subjects[] = {
        "",
        "a",
        "aab",
        "hello world",
        "THE (quick) fox (jumps (over))",
        "  trim me  ",
        "a.b.c",
        "xaax",
        "0123 abc_DEF",
        "^a$",
        "aaaaaaaaaaaaaaaab",
        "\x80\xff\n\t",
    };
    static const char *const replacements[] = {"", "x", "<%0>", "%1%1", "%%", "%2"};
    for (size_t s = 0; s < sizeof subjects / sizeof *subjects; s++)
        for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
            for (size_t r = 0; r < sizeof replacements / sizeof *replacements; r++)
                for (lua_Integer init = -4; init <= 6; init++)
                    check(subjects[s], patterns[p], replacements[r], init);
}

static void fails_as_lua_does(void **state) {
    (void)state;
    static const char *const bad[] = {
        "%",
        "[",
        "[a",
        "[^",
        "[%",
        "[]",
        "[a-",
        "(",
        ")",
        "(()",
        "%1",
        "(%1)",
        "%b",
        "%ba",
        "%f",
        "%fa",
        "(a",
        "a)",
        "%9",
        "(a)(%2)",
        "%f[",
        "%b()%",
        "(((((((((((((((((((((((((((((((((a",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check("a", bad[i], "x", 1);
        check("aab(", bad[i], "%1", 2);
    }
    check("a", "a", "%", 1);
    check("a", "a", "%x", 1);
    check("a", "(a)", "%3", 1);
}

static void answers_as_lua_does_to_anything(void **state) {
    (void)state;
    static const char signs[] = "aab.%()[]^$*+-?1bfw ";
    uint64_t seed = 1;
    for (int round = 0; round < 30000; round++) {
        char texts[3][16];
        for (int i = 0; i < 3; i++) {
            size_t n = next_random(&seed) % (i == 0 ? 15 : 10);
            for (size_t at = 0; at < n; at++)
                texts[i][at] = signs[next_random(&seed) % (i == 0 ? 4 : sizeof signs - 1)];
            texts[i][n] = '\0';
        }
        check(texts[0], texts[1], texts[2], (lua_Integer)(next_random(&seed) % 9) - 4);
    }
}

static void zeros_are_characters(void **state) {
    (void)state;
    assert_true(is_same(L, "a\0b\0", 4, "%z", 2, "0", 1, 1));
    assert_true(is_same(L, "a\0b\0", 4, "\0b", 2, "\0", 1, 1));
    assert_true(is_same(L, "a\0b\0", 4, "[\0a]+", 5, "%0%0", 4, -2));
    assert_true(is_same(L, "a\0b\0", 4, "%b\0b", 4, "", 0, 1));
}

static void assert_raises(const char *code, const char *message) {
    lua_settop(L, 1);
    assert_int_not_equal(luaL_dostring(L, code), LUA_OK);
    if (!strstr(lua_tostring(L, -1), message))
        fail_msg("%s: %s", code, lua_tostring(L, -1));
}

static void backtracking_has_an_end(void **state) {
    (void)state;
    assert_raises("return (('a'):rep(30)):find(('a?'):rep(30) .. ('a'):rep(31))", "too many steps");
    assert_raises("return (('x'):rep(1e5)):find(('.-'):rep(20) .. 'y')", "too many steps");
    assert_raises("return (('a'):rep(1e5)):gsub('a*b', '')", "too many steps");
    assert_raises("for _ in (('a'):rep(1e5)):gmatch('a*b') do end", "too many steps");
    assert_raises("return (('('):rep(1e5)):match('%b()')", "too many steps");
    assert_raises("return (('a'):rep(1e5)):find('[' .. ('b'):rep(1e5) .. ']')", "too many steps");
}

static void what_is_linear_may_be_long(void **state) {
    (void)state;
    lua_settop(L, 1);
    if (luaL_dostring(L, "local text = ('word 12; '):rep(100000)\n"
                         "local n = 0\n"
                         "for word, digits in text:gmatch('(%a+) (%d+)') do n = n + 1 end\n"
                         "assert(n == 100000)\n"
                         "assert(select(2, text:gsub('%s+', ' ')) == 200000)\n"
                         "assert(#text:gsub('.', '%0%0') == 2 * #text)\n"
                         "assert(text:find('^.*;%s*$') == 1)\n"
                         "assert(('a'):rep(1e6):find(('a'):rep(5e5) .. 'b', 1, true) == nil)\n"
                         "assert((''):rep(math.maxinteger) == '')\n"
                         "assert(('x'):rep(3, ',') == 'x,x,x' and ('x'):rep(-1) == '')") != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

static void stop(lua_State *state, lua_Debug *at) {
    (void)at;
    luaL_error(state, "stopped");
}

static int l_stop_within(lua_State *state) {
    lua_sethook(state, stop, LUA_MASKCOUNT, 1000000);
    lua_getglobal(state, "string");
    lua_getfield(state, -1, "find");
    lua_pushvalue(state, 1);
    lua_pushvalue(state, 2);
    lua_call(state, 2, 0);
    return 0;
}

static void the_hook_is_let_in(void **state) {
    (void)state;
    lua_register(L, "stop_within", l_stop_within);
    assert_raises("stop_within(('a'):rep(1e5), 'a*b')", "stopped");
    lua_sethook(L, NULL, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_lua_does),
        cmocka_unit_test(fails_as_lua_does),
        cmocka_unit_test(answers_as_lua_does_to_anything),
        cmocka_unit_test(zeros_are_characters),
        cmocka_unit_test(backtracking_has_an_end),
        cmocka_unit_test(what_is_linear_may_be_long),
        cmocka_unit_test(the_hook_is_let_in),
    };
    return cmocka_run_group_tests_name("pattern", tests, set_up, tear_down);
}
