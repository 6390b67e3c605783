/* gateway.Buffer, from Lua: each test is a script that asserts. */
#include "lua/buffer.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int begin(void **state) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_newtable(L);
    l_register_buffer(L);
    lua_getfield(L, -1, "buffer");
    lua_setglobal(L, "buffer");
    lua_settop(L, 0);
    *state = L;
    return 0;
}

static int end(void **state) {
    lua_close(*state);
    return 0;
}

static void run(lua_State *L, const char *script) {
    if (luaL_dostring(L, script) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    assert_int_equal(lua_gettop(L), 0);
}

/* The message that `script` raises has `words` in it. */
static void assert_raises(lua_State *L, const char *script, const char *words) {
    assert_int_not_equal(luaL_dostring(L, script), LUA_OK);
    if (!strstr(lua_tostring(L, -1), words))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void it_holds_what_is_written(void **state) {
    run(*state, "local b = buffer()\n"
                "assert(#b == 0 and b:text() == '')\n"
                "assert(b:write('a', 1, '\\0'):write() == b)\n"
                "assert(#b == 3 and b:text() == 'a1\\0' and tostring(b) == b:text())\n");
    assert_raises(*state, "buffer():write({})", "string expected");
    assert_raises(*state, "buffer().write('x', 'y')", "gateway.buffer expected");
}

static void it_is_empty_once_it_is_closed(void **state) {
    run(*state, "local kept\n"
                "do local b <close> = buffer():write 'x' kept = b end\n"
                "assert(#kept == 0)\n"
                "kept:write 'y' assert(kept:text() == 'y')\n");
}

static void its_bytes_move_to_who_takes_them(void **state) {
    lua_State *L = *state;
    struct gw_buf to = {0};
    assert_int_equal(luaL_dostring(L, "b = buffer():write 'x' return b"), LUA_OK);
    assert_non_null(l_test_buffer(L, -1));
    gw_buf_move(&to, l_test_buffer(L, -1));
    assert_int_equal(to.len, 1);
    gw_buf_fini(&to);
    lua_settop(L, 0);
    run(L, "assert(b:text() == '')");
    lua_pushliteral(L, "x");
    assert_null(l_test_buffer(L, -1));
    lua_settop(L, 0);
}

static void it_can_be_read_as_json(void **state) {
    run(*state, "local b = buffer():write '{\"a\":[1,{\"b\":2}],\"n\":7}'\n"
                "assert(b:json().a[2].b == 2)\n"
                "assert(b:get 'n' == 7 and b:get('a')[1] == 1 and b:get 'no' == nil)\n");
    assert_raises(*state, "buffer():write('[1,]'):json()",
                  "the buffer is not JSON: line 1, column 4");
    assert_raises(*state, "buffer():write('{\"a\":nope}'):get 'a'", "not JSON");
    assert_raises(*state, "buffer():json()", "not JSON");
    run(*state, "assert(buffer():write('[1]'):get 'a' == nil)");
    run(*state, "assert(buffer():get 'a' == nil)");
}

static void the_elements_of_an_array_come_one_by_one(void **state) {
    run(*state, "local function each(text)\n"
                "  local found = {}\n"
                "  for row in buffer():write(text):each 'rows' do\n"
                "    found[#found + 1] = type(row) == 'table' and row.n or row\n"
                "  end\n"
                "  return table.concat(found, ' ')\n"
                "end\n"
                "assert(each '{\"rows\":[]}' == '')\n"
                "assert(each ' { \"x\" : {\"rows\":[9]} , \"rows\" : [ ] }' == '')\n"
                "assert(each '{\"rows\":[1]}' == '1')\n"
                "assert(each '{\"a\":[1],\"rows\" : [ {\"n\":1} , {\"n\":2},3, \"]\" ] ,\"z\":1}'\n"
                "  == '1 2 3 ]')\n");
}

static void what_is_no_array_has_no_elements(void **state) {
    assert_raises(*state, "buffer():each 'rows'", "there is no array 'rows'");
    assert_raises(*state, "buffer():write('{}'):each 'rows'", "there is no array 'rows'");
    assert_raises(*state, "buffer():write('{\"rows\":1}'):each 'rows'", "there is no array 'rows'");
    assert_raises(*state, "for _ in buffer():write('{\"rows\":[1,nope]}'):each 'rows' do end",
                  "not JSON: line 1, column 13");
    run(*state, "for _ in buffer():write('{\"rows\":[1'):each 'rows' do end");
}

static void it_may_be_emptied_while_it_is_read(void **state) {
    run(*state, "local b = buffer():write '{\"rows\":[1,2,3]}'\n"
                "local n = 0\n"
                "for _ in b:each 'rows' do  n = n + 1\n"
                "  if n == 1 then do local closed <close> = b end end\n"
                "end\n"
                "assert(n == 1)\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(it_holds_what_is_written),
        TEST(it_is_empty_once_it_is_closed),
        TEST(its_bytes_move_to_who_takes_them),
        TEST(it_can_be_read_as_json),
        TEST(the_elements_of_an_array_come_one_by_one),
        TEST(what_is_no_array_has_no_elements),
        TEST(it_may_be_emptied_while_it_is_read),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
