#include "lua/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

static struct gw_heap heap;

static int tear_down(void **state) {
    (void)state;
    gw_heap_fini(&heap);
    return 0;
}

/* A block whose every byte is `mark`. */
static char *make(size_t size, char mark) {
    char *block = gw_heap_alloc(&heap, NULL, LUA_TTABLE, size);
    assert_non_null(block);
    memset(block, mark, size);
    return block;
}

static void give_back(char *block, size_t size) {
    assert_null(gw_heap_alloc(&heap, block, size, 0));
}

static void check(const char *block, size_t size, char mark) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(block[i], mark);
}

static void gives_blocks_of_every_size(void **state) {
    (void)state;
    enum { SIZES = GW_HEAP_SMALL + 100 };
    char *blocks[SIZES + 1];
    for (size_t size = 1; size <= SIZES; size++) {
        blocks[size] = make(size, (char)size);
        assert_int_equal((uintptr_t)blocks[size] % GW_HEAP_GRAIN, 0);
    }
    for (size_t size = 1; size <= SIZES; size++) {
        check(blocks[size], size, (char)size); /* none lies over another */
        give_back(blocks[size], size);
    }
}

static void uses_a_small_block_again(void **state) {
    (void)state;
    char *first = make(40, 'a'), *second = make(40, 'b');
    give_back(first, 40);
    assert_ptr_equal(make(33, 'c'), first); /* rounded to the same number of grains */
    assert_ptr_not_equal(make(40, 'd'), second);
    check(second, 40, 'b');
}

static void nothing_is_no_block(void **state) {
    (void)state;
    assert_null(gw_heap_alloc(&heap, NULL, 0, 0));
    assert_null(heap.chunks);
}

static void keeps_the_bytes_when_it_resizes(void **state) {
    (void)state;
    static const size_t sizes[] = {24, 30, 33, 1000, 1024, 1025, 5000, 1025, 1024, 17, 16, 1};
    char *block = make(20, 'x');
    size_t size = 20;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        block = gw_heap_alloc(&heap, block, size, sizes[i]);
        assert_non_null(block);
        check(block, size < sizes[i] ? size : sizes[i], 'x');
        size = sizes[i];
        memset(block, 'x', size);
    }
    give_back(block, size);
}

/* --- trimming --- */

enum { MANY = 4000 };

static void gives_back_what_is_not_in_use(void **state) {
    (void)state;
    static char *blocks[MANY];
    for (int i = 0; i < MANY; i++)
        blocks[i] = make(100, (char)i);
    size_t most = heap.chunked;
    for (int i = 1; i < MANY - 1; i++) /* the first and the last stay */
        give_back(blocks[i], 100);
    gw_heap_trim(&heap);
    assert_true(heap.chunked < most / 4);
    check(blocks[0], 100, 0);
    check(blocks[MANY - 1], 100, (char)(MANY - 1));
    for (int i = 1; i < MANY - 1; i++) { /* and what is kept serves again */
        blocks[i] = make(40, (char)i);
        check(blocks[i], 40, (char)i);
    }
    gw_heap_trim(&heap);
    for (int i = 1; i < MANY - 1; i++)
        check(blocks[i], 40, (char)i);
}

static void one_size_after_the_other_needs_no_more(void **state) {
    (void)state;
    static char *blocks[MANY];
    size_t most = 0;
    for (size_t size = GW_HEAP_GRAIN; size <= GW_HEAP_SMALL; size += GW_HEAP_GRAIN) {
        int n = (int)((size_t)MANY * GW_HEAP_GRAIN / size);
        for (int i = 0; i < n; i++)
            blocks[i] = make(size, 'x');
        most = most ? most : heap.chunked;
        for (int i = 0; i < n; i++)
            give_back(blocks[i], size);
        gw_heap_trim(&heap);
        assert_true(heap.chunked <= 2 * most);
    }
}

/* --- what it counts --- */

static void counts_what_is_held(void **state) {
    (void)state;
    char *small = make(10, 'a'), *large = make(5000, 'b');
    assert_int_equal(heap.used, 5010);
    small = gw_heap_alloc(&heap, small, 10, 12);
    large = gw_heap_alloc(&heap, large, 5000, 2000);
    assert_int_equal(heap.used, 2012);
    give_back(small, 12);
    give_back(large, 2000);
    assert_int_equal(heap.used, 0);
}

static unsigned n_exhausted;

static void on_exhausted(void *user, size_t size) {
    (void)size;
    assert_ptr_equal(user, &heap);
    n_exhausted++;
}

static void limit_to(size_t limit) {
    heap.limit = limit;
    heap.on_exhausted = on_exhausted;
    heap.user = &heap;
    n_exhausted = 0;
}

static void gives_no_more_than_its_limit(void **state) {
    (void)state;
    limit_to(100);
    char *block = make(60, 'x');
    assert_null(gw_heap_alloc(&heap, NULL, 0, 41));
    assert_null(gw_heap_alloc(&heap, block, 60, 101));
    check(block, 60, 'x'); /* and it is as it was */
    char *rest = make(40, 'y');
    assert_int_equal(heap.used, 100);
    give_back(rest, 40);
    give_back(block, 60);
}

static void a_smaller_limit_does_not_keep_from_shrinking(void **state) {
    (void)state;
    char *block = make(5000, 'x');
    limit_to(100);
    block = gw_heap_alloc(&heap, block, 5000, 4000);
    assert_non_null(block);
    assert_null(gw_heap_alloc(&heap, NULL, 0, 1));
    give_back(block, 4000);
}

/* Lua asks once, collects, and asks again. */
static void is_exhausted_when_asked_twice(void **state) {
    (void)state;
    limit_to(100);
    char *block = make(60, 'x');
    assert_null(gw_heap_alloc(&heap, NULL, 0, 50));
    assert_int_equal(n_exhausted, 0);
    assert_null(gw_heap_alloc(&heap, NULL, 0, 50));
    assert_int_equal(n_exhausted, 1);
    assert_null(gw_heap_alloc(&heap, NULL, 0, 50)); /* a new first time */
    assert_int_equal(n_exhausted, 1);
    give_back(block, 60);
}

static void what_was_given_in_between_ends_the_asking(void **state) {
    (void)state;
    limit_to(100);
    char *block = make(60, 'x');
    assert_null(gw_heap_alloc(&heap, NULL, 0, 50));
    give_back(block, 60);
    block = make(50, 'y'); /* what the collection had freed was enough */
    char *other = make(10, 'z');
    assert_null(gw_heap_alloc(&heap, NULL, 0, 50));
    assert_int_equal(n_exhausted, 0);
    give_back(block, 50);
    give_back(other, 10);
}

static unsigned n_tight;

static void on_tight(void *user) {
    (void)user;
    n_tight++;
}

static void says_when_the_slack_is_used(void **state) {
    (void)state;
    limit_to(100);
    heap.slack = 50;
    heap.on_tight = on_tight;
    char *block = make(100, 'x');
    assert_int_equal(n_tight, 0);
    char *more = make(50, 'y');
    assert_int_equal(n_tight, 1);
    assert_null(gw_heap_alloc(&heap, NULL, 0, 1));
    assert_int_equal(n_tight, 1);
    give_back(block, 100);
    give_back(more, 50);
}

static void is_exhausted_at_once_by_more_than_there_is(void **state) {
    (void)state;
    limit_to(100);
    assert_null(gw_heap_alloc(&heap, NULL, 0, 101));
    assert_int_equal(n_exhausted, 1);
}

static void collects_before_it_gives_up(void **state) {
    (void)state;
    static const char script[] = "for i = 1, 100000 do local t = { i } end";
    lua_State *L = lua_newstate(gw_heap_alloc, &heap);
    luaL_openlibs(L);
    lua_gc(L, LUA_GCSETPAUSE, 1000); /* it would not collect by itself */
    limit_to(heap.used + 200000);
    assert_int_equal(luaL_dostring(L, script), LUA_OK);
    assert_int_equal(n_exhausted, 0);
    assert_int_not_equal(luaL_dostring(L, "local t = {} while true do t[#t + 1] = {} end"), LUA_OK);
    assert_int_equal(n_exhausted, 1);
    lua_close(L);
    assert_int_equal(heap.used, 0);
}

/* Lua itself is the best user: it checks its own heap when it ends. */
static void serves_lua(void **state) {
    (void)state;
    static const char script[] = "local t = {} "
                                 "for i = 1, 20000 do t[i % 500] = { ('x'):rep(i % 1500), i } end "
                                 "collectgarbage()";
    lua_State *L = lua_newstate(gw_heap_alloc, &heap);
    assert_non_null(L);
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, script), LUA_OK);
    lua_close(L);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(gives_blocks_of_every_size, tear_down),
        cmocka_unit_test_teardown(uses_a_small_block_again, tear_down),
        cmocka_unit_test_teardown(nothing_is_no_block, tear_down),
        cmocka_unit_test_teardown(keeps_the_bytes_when_it_resizes, tear_down),
        cmocka_unit_test_teardown(gives_back_what_is_not_in_use, tear_down),
        cmocka_unit_test_teardown(one_size_after_the_other_needs_no_more, tear_down),
        cmocka_unit_test_teardown(counts_what_is_held, tear_down),
        cmocka_unit_test_teardown(gives_no_more_than_its_limit, tear_down),
        cmocka_unit_test_teardown(a_smaller_limit_does_not_keep_from_shrinking, tear_down),
        cmocka_unit_test_teardown(is_exhausted_when_asked_twice, tear_down),
        cmocka_unit_test_teardown(what_was_given_in_between_ends_the_asking, tear_down),
        cmocka_unit_test_teardown(says_when_the_slack_is_used, tear_down),
        cmocka_unit_test_teardown(is_exhausted_at_once_by_more_than_there_is, tear_down),
        cmocka_unit_test_teardown(collects_before_it_gives_up, tear_down),
        cmocka_unit_test_teardown(serves_lua, tear_down),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
