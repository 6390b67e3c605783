/* Runs that take too much: what stops them, and that nothing of the script's holds it up. Also the
 * coroutines and the xpcall of scripts, which are part of it. */
#include "lua/bounded.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gw_settings settings = {
    .script_run_ms = 30,
    .script_request_ms = 60,
    .script_job_ms = 1000,
    .script_load_ms = 50,
    .max_script_request = 4 << 20,
    .max_script_state = 16 << 20,
};

static struct gw_state state;
static lua_State *L;
static struct gw_account account;

static void l_open(lua_State *co) {
    luaL_openlibs(co);
    l_bound_base(co);
    l_bound_coroutines(co);
    l_bound_strings(co);
    l_bound_tables(co);
}

static int set_up(void **unused) {
    (void)unused;
    memset(&state, 0, sizeof state);
    memset(&account, 0, sizeof account);
    state.host.settings = &settings;
    gw_budget_init_heap(&state);
    L = lua_newstate(gw_heap_alloc, &state.heap);
    *(struct gw_state **)lua_getextraspace(L) = &state;
    l_open(L);
    state.heap_loaded = state.heap.used;
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    lua_close(L);
    gw_heap_fini(&state.heap);
    return 0;
}

static struct gw_buf text; /* what the last run ended with */

/* Runs `code` in a coroutine, as chunk `name`; its status. */
static int run_as(const char *name, const char *code, int64_t *undo_left_us) {
    int n;
    lua_State *co = lua_newthread(L);
    if (luaL_loadbuffer(co, code, strlen(code), name) != LUA_OK)
        fail_msg("%s", lua_tostring(co, -1));
    gw_budget_begin(&state, co, &account, undo_left_us);
    int status = lua_resume(co, L, 0, &n);
    gw_budget_end(&state, co);
    gw_buf_clear(&text);
    if (lua_gettop(co) > 0 && lua_isstring(co, -1))
        gw_buf_append_str(&text, gw_str_from(lua_tostring(co, -1)));
    gw_buf_append_char(&text, '\0');
    assert_null(lua_gethook(co));
    lua_pop(L, 1);
    return status;
}

static int run(const char *code) {
    return run_as("@script.lua", code, NULL);
}

static void assert_stopped(const char *code, enum gw_stop why) {
    memset(&account, 0, sizeof account);
    assert_int_equal(run(code), LUA_ERRRUN);
    assert_int_equal(account.stop, why);
    assert_non_null(strstr(text.data, "script.lua:1: the script ran for "));
}

/* --- the processor --- */

static void what_takes_little_is_left_alone(void **unused) {
    (void)unused;
    assert_int_equal(run("local n = 0 for i = 1, 1000 do n = n + i end return 'fine'"), LUA_OK);
    assert_string_equal(text.data, "fine");
    assert_int_equal(account.stop, GW_STOP_NONE);
}

static void a_run_has_a_budget(void **unused) {
    (void)unused;
    assert_stopped("while true do end", GW_STOP_RUN);
    assert_in_range(account.stopped_at, 30, 60);
    assert_int_equal(account.budget, 30);
    assert_string_equal(account.where, "script.lua:1");
}

static void nothing_holds_it(void **unused) {
    (void)unused;
    static const char *const codes[] = {
        "while true do pcall(function() while true do end end) end",
        "local function f() while true do end end while true do xpcall(f, f) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "local function f() while true do end end "
        "local x <close> = setmetatable({}, { __close = f }) f()",
        "local co = coroutine.create(function() local x <close> = setmetatable({}, "
        "{ __close = function() while true do end end }) coroutine.yield() end) "
        "coroutine.resume(co) coroutine.close(co)",
        "while true do coroutine.resume(coroutine.create(function() pcall(function() local x "
        "<close> = setmetatable({}, { __close = coroutine.yield }) while true do end end) end)) end",
        "while true do pcall(string.find, ('a'):rep(30000), ('a*'):rep(20) .. 'b') end",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_stopped(codes[i], GW_STOP_RUN);
}

static void a_request_has_a_budget_for_all_its_runs(void **unused) {
    (void)unused;
    int n = 0;
    while (account.stop == GW_STOP_NONE && n++ < 1000)
        run("for i = 1, 2000000 do end");
    assert_int_equal(account.stop, GW_STOP_TOTAL);
    assert_true(n > 2);
    assert_int_equal(run("return 'more'"), LUA_ERRRUN); /* from the first instruction on */
    assert_non_null(strstr(text.data, "the request has used "));
}

static void a_job_has_more(void **unused) {
    (void)unused;
    account = (struct gw_account){.kind = GW_ACCOUNT_JOB, .used_us = 900000};
    assert_int_equal(run("return 'fine'"), LUA_OK);
    account.used_us = 1000000;
    assert_int_equal(run("return 'fine'"), LUA_ERRRUN);
    assert_non_null(strstr(text.data, "the job has used 1000 ms"));
}

static void loading_has_its_own(void **unused) {
    (void)unused;
    account.kind = GW_ACCOUNT_LOADING;
    assert_int_equal(run("while true do end"), LUA_ERRRUN);
    assert_int_equal(account.budget, 50);
    assert_non_null(strstr(text.data, "loading has used "));
}

/* --- the prelude --- */

static void the_prelude_goes_on(void **unused) {
    (void)unused;
    account.stop = GW_STOP_RUN;
    assert_int_equal(run_as("@gateway.route",
                            "local n = 0 for i = 1, 1000 do n = n + i end "
                            "return 'answered'",
                            NULL),
                     LUA_OK);
    assert_string_equal(text.data, "answered");
}

static void but_not_for_ever(void **unused) {
    (void)unused;
    account.stop = GW_STOP_RUN;
    assert_int_equal(run_as("@gateway.route", "while true do end", NULL), LUA_ERRRUN);
    assert_int_equal(run_as("@gateway.route",
                            "while true do pcall(function() while true do end "
                            "end) end",
                            NULL),
                     LUA_ERRRUN);
}

static void an_undo_has_a_budget_of_its_own(void **unused) {
    (void)unused;
    int64_t left_us = 20000;
    account.stop = GW_STOP_RUN;
    assert_int_equal(run_as("@script.lua", "for i = 1, 1000 do end return 'undone'", &left_us),
                     LUA_OK);
    assert_string_equal(text.data, "undone");
    assert_int_equal(run_as("@script.lua", "while true do end", &left_us), LUA_ERRRUN);
    assert_true(left_us <= 0);
    assert_true(account.undo_us > 0);
}

static void names_tell_the_prelude(void **unused) {
    (void)unused;
    assert_true(gw_is_prelude("@gateway"));
    assert_true(gw_is_prelude("@gateway.saga"));
    assert_false(gw_is_prelude("@gateway.lua"));
    assert_false(gw_is_prelude("@gateway/saga.lua"));
    assert_false(gw_is_prelude("@gateway.d/x.lua"));
    assert_false(gw_is_prelude("@gateways"));
    assert_false(gw_is_prelude("gateway"));
    assert_false(gw_is_prelude("@routes/gateway.lua"));
}

/* --- memory --- */

static void a_request_holds_so_much(void **unused) {
    (void)unused;
    static const char code[] = "local t = {} while true do pcall(function() "
                               "for i = #t + 1, 1e9 do t[i] = { i } end end) end";
    settings.script_run_ms = 5000, settings.script_request_ms = 5000;
    assert_int_equal(run(code), LUA_ERRRUN);
    assert_int_equal(account.stop, GW_STOP_MEMORY);
    assert_non_null(strstr(text.data, "script.lua:1: the request needs more than its 4 MiB"));
    lua_gc(L, LUA_GCCOLLECT);
    memset(&account, 0, sizeof account);
    assert_int_equal(run("return 'fine'"), LUA_OK);
    assert_int_equal(account.stop, GW_STOP_NONE);
    settings.script_run_ms = 30, settings.script_request_ms = 60;
}

static void garbage_does_not_count(void **unused) {
    (void)unused;
    settings.script_run_ms = 5000, settings.script_request_ms = 5000;
    assert_int_equal(run("local held = ('x'):rep(2500000) "
                         "for i = 1, 100 do local s = ('y'):rep(1000000 + i) end"),
                     LUA_OK);
    settings.script_run_ms = 30, settings.script_request_ms = 60;
}

static void what_is_held_from_run_to_run_counts(void **unused) {
    (void)unused;
    account.held = 3 << 20;
    run("kept = ('x'):rep(500000)");
    assert_in_range(account.held, (3 << 20) + 500000, (3 << 20) + 700000);
    run("kept = nil collectgarbage()");
    assert_true(account.held < (3 << 20) + 200000);
}

static void too_deep_is_called_so(void **unused) {
    (void)unused;
    settings.script_run_ms = 5000, settings.script_request_ms = 5000;
    assert_int_not_equal(run("local function f() return 1 + f() end f()"), LUA_OK);
    assert_int_equal(account.stop, GW_STOP_DEPTH);
    settings.script_run_ms = 30, settings.script_request_ms = 60;
}

/* --- coroutines and xpcall, beside Lua's own --- */

static void check(const char *code) {
    if (run(code) != LUA_OK)
        fail_msg("%s: %s", code, text.data);
}

static void coroutines_are_as_lua_has_them(void **unused) {
    (void)unused;
    check("local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) "
          "return c, 'end' end) "
          "assert(select('#', coroutine.resume(co, 1, 2)) == 2) "
          "assert(coroutine.status(co) == 'suspended') "
          "local ok, c, d = coroutine.resume(co, 7) assert(ok and c == 7 and d == 'end') "
          "assert(coroutine.status(co) == 'dead') "
          "local again, why = coroutine.resume(co) "
          "assert(not again and why == 'cannot resume dead coroutine')");
    check("local co = coroutine.create(error) local ok, e = coroutine.resume(co, { 5 }) "
          "assert(not ok and e[1] == 5 and coroutine.status(co) == 'dead') "
          "local closed, e2 = coroutine.close(co) assert(closed == false and e2[1] == 5)");
    check("local f = coroutine.wrap(function(...) coroutine.yield(select('#', ...)) error('oh', 0) "
          "end) assert(f(1, nil, nil) == 3) local ok, e = pcall(f) "
          "assert(not ok and e == 'oh', e)");
    check("local f = coroutine.wrap(function() error({}) end) "
          "assert(type(select(2, pcall(f))) == 'table')");
    check("local closed = 0 local co = coroutine.create(function() local x <close> = "
          "setmetatable({}, { __close = function() closed = closed + 1 end }) coroutine.yield() "
          "end) coroutine.resume(co) assert(coroutine.close(co) == true and closed == 1) "
          "assert(coroutine.close(co) == true)");
    check("local co co = coroutine.create(function() return pcall(coroutine.close, co) end) "
          "local _, ok, e = coroutine.resume(co) "
          "assert(not ok and e:find('cannot close a running coroutine', 1, true))");
    check("assert(not pcall(coroutine.create, 5) and not pcall(coroutine.resume, 5))");
    check("local n = 0 for i in coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end "
          "end) do n = n + i end assert(n == 45)");
}

static void closing_within_closing_has_an_end(void **unused) {
    (void)unused;
    check(
        "local function f() local co = coroutine.create(function() local x <close> = "
        "setmetatable({}, { __close = function() f() end }) coroutine.yield() end) "
        "coroutine.resume(co) local ok, e = coroutine.close(co) if not ok then error(e, 0) end end "
        "local ok, e = pcall(f) assert(not ok and e:find('too deeply', 1, true))");
}

static void xpcall_is_as_lua_has_it(void **unused) {
    (void)unused;
    check("local a, b, c = xpcall(function(...) return ... end, print, 1, 2) "
          "assert(a == true and b == 1 and c == 2)");
    check("local ok, e = xpcall(error, function(e) return e .. '!' end, 'oh') "
          "assert(not ok and e == 'oh!')");
    check("assert(not pcall(xpcall)) assert(not pcall(xpcall, print))");
    check("local co = coroutine.wrap(function() return xpcall(function() return coroutine.yield(1) "
          "end, print) end) assert(co() == 1) local ok, v = co(5) assert(ok == true and v == 5)");
    check("local ok, e = xpcall(function() local x = nil + 1 end, function(e) return 'H' end) "
          "assert(not ok and e == 'H')");
}

static void finalizers_are_refused(void **unused) {
    (void)unused;
    check("local ok, e = pcall(setmetatable, {}, { __gc = print }) "
          "assert(not ok and e:find('finalizers', 1, true))");
    check("local t, m = {}, {} assert(setmetatable(t, m) == t and getmetatable(t) == m) "
          "assert(not pcall(setmetatable, {}, 5))");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_takes_little_is_left_alone),
        TEST(a_run_has_a_budget),
        TEST(nothing_holds_it),
        TEST(a_request_has_a_budget_for_all_its_runs),
        TEST(a_job_has_more),
        TEST(loading_has_its_own),
        TEST(the_prelude_goes_on),
        TEST(but_not_for_ever),
        TEST(an_undo_has_a_budget_of_its_own),
        TEST(names_tell_the_prelude),
        TEST(a_request_holds_so_much),
        TEST(garbage_does_not_count),
        TEST(what_is_held_from_run_to_run_counts),
        TEST(too_deep_is_called_so),
        TEST(coroutines_are_as_lua_has_them),
        TEST(closing_within_closing_has_an_end),
        TEST(xpcall_is_as_lua_has_it),
        TEST(finalizers_are_refused),
    };
    int failed = cmocka_run_group_tests_name("budget", tests, NULL, NULL);
    gw_buf_fini(&text);
    return failed;
}
