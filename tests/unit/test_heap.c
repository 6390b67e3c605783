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
        cmocka_unit_test_teardown(serves_lua, tear_down),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
