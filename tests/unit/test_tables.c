/* The bounded table functions beside Lua's own: the same answers on plain tables and on proxies,
 * and an end where a proxy claims to be endless. */
#include "lua/bounded.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lua_State *L;

static int l_bound(lua_State *state) {
    l_bound_tables(state);
    return 0;
}

/* same(code): what the code returns or raises with each of the two as `table`, on a plain table `t`
 * and on a proxy. */
static const char script[] =
    "local own = {}\n"
    "for name, fn in pairs(table) do own[name] = fn end\n"
    "bound()\n"
    "local function plain() return { 5, 3, 8, 1, 'x' } end\n"
    "local function proxy()\n"
    "  local t = plain()\n"
    "  return setmetatable({}, {\n"
    "    __index = t, __len = function() return #t end,\n"
    "    __newindex = function(_, k, v) t[k] = v end,\n"
    "  }), t\n"
    "end\n"
    "local function answer(code, library, make)\n"
    "  local t, inner = make()\n"
    "  local fn = assert(load(code, '=code', 't', { table = library, t = t, math = math }))\n"
    "  local said = own.pack(pcall(fn))\n"
    "  for i = 1, said.n do said[i] = tostring(said[i]) end\n"
    "  for i = 0, 8 do said[#said + 1] = tostring((inner or t)[i]) end\n"
    "  return own.concat(said, ' ')\n"
    "end\n"
    "function same(code)\n"
    "  for _, make in ipairs { plain, proxy } do\n"
    "    local a, b = answer(code, own, make), answer(code, table, make)\n"
    "    if a ~= b then error(code .. '\\n' .. a .. '\\n' .. b) end\n"
    "  end\n"
    "end\n";

static int set_up(void **state) {
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "bound", l_bound);
    return luaL_dostring(L, script) == LUA_OK ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    lua_close(L);
    return 0;
}

static void answer_as_lua_does(void **state) {
    (void)state;
    static const char *const cases[] = {
        "table.insert(t, 7)",
        "table.insert(t, 1, 7)",
        "table.insert(t, 6, 7)",
        "table.insert(t, 7, 7)",
        "table.insert(t, 0, 7)",
        "table.insert(t, 'x', 7)",
        "table.insert(t)",
        "table.insert(t, 1, 2, 3)",
        "table.insert(nil, 1)",
        "return table.remove(t)",
        "return table.remove(t, 1)",
        "return table.remove(t, 5)",
        "return table.remove(t, 6)",
        "return table.remove(t, 7)",
        "return table.remove(t, 0)",
        "return table.remove(t, 'x')",
        "return table.concat(t)",
        "return table.concat(t, ', ')",
        "return table.concat(t, '-', 2, 4)",
        "return table.concat(t, '-', 4, 2)",
        "return table.concat(t, '-', 4, 9)",
        "return table.concat(t, {})",
        "return table.concat(t, '', math.maxinteger, math.maxinteger)",
        "return table.concat(5)",
        "return table.move(t, 1, 3, 3) == t",
        "table.move(t, 2, 5, 1)",
        "table.move(t, 1, 0, 3)",
        "return #table.move(t, 1, 3, 1, {})",
        "table.move(t, 1)",
        "t[5] = nil table.sort(t)",
        "t[5] = nil table.sort(t, function(a, b) return a > b end)",
        "table.sort(t)",
        "table.sort(t, 5)",
        "t[5] = 2 table.sort(t, function() return true end)",
        "t[5] = nil table.sort(t, math.ult)",
        "table.sort()",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lua_getglobal(L, "same");
        lua_pushstring(L, cases[i]);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
            fail_msg("%s", lua_tostring(L, -1));
    }
}

static void stop(lua_State *state, lua_Debug *at) {
    (void)at;
    luaL_error(state, "stopped");
}

static int l_stop_within(lua_State *state) {
    lua_sethook(state, stop, LUA_MASKCOUNT, 1000000000);
    lua_call(state, lua_gettop(state) - 1, 0);
    return 0;
}

static void let_the_hook_in(void **state) {
    (void)state;
    static const char *const endless[] = {
        "stop_within(table.insert, endless, 1, 1)",
        "stop_within(table.remove, endless, 1)",
        "stop_within(table.concat, setmetatable({}, { __index = rawlen }), '', 1, 1 << 50)",
        "stop_within(table.sort, { 3, 2, 1 })",
        "stop_within(table.sort, { 3, 2, 1 }, rawequal)",
    };
    lua_register(L, "stop_within", l_stop_within);
    assert_int_equal(
        luaL_dostring(L, "endless = setmetatable({}, { __len = function() return 1 << 50 end })"),
        LUA_OK);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        assert_int_not_equal(luaL_dostring(L, endless[i]), LUA_OK);
        lua_sethook(L, NULL, 0, 0);
        if (!strstr(lua_tostring(L, -1), "stopped"))
            fail_msg("%s: %s", endless[i], lua_tostring(L, -1));
    }
}

static void nothing_endless_is_moved(void **state) {
    (void)state;
    assert_int_not_equal(luaL_dostring(L, "table.move({}, 1, 1 << 50, 2)"), LUA_OK);
    assert_non_null(strstr(lua_tostring(L, -1), "too many elements to move"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_as_lua_does),
        cmocka_unit_test(let_the_hook_in),
        cmocka_unit_test(nothing_endless_is_moved),
    };
    return cmocka_run_group_tests_name("tables", tests, set_up, tear_down);
}
