/* Decoding and encoding with each allocation of Lua's failed in turn. */
#include "json_fixture.h"

struct budget {
    long left;    /* allocations until one fails */
    bool recover; /* only that one fails, so that Lua's emergency collection helps */
};

static void *allocate(void *user, void *block, size_t old_size, size_t size) {
    struct budget *budget = user;
    if (size == 0) {
        free(block);
        return NULL;
    }
    bool grows = !block || size > old_size;
    if (grows && (budget->left > 0 || budget->recover))
        budget->left--;
    if (grows && budget->left == 0)
        return NULL;
    return realloc(block, size);
}

/* More items than wait on the stack at once, a string too long to be unescaped on the C stack, and
 * tables of both kinds. */
static void make_document(struct gw_buf *text) {
    gw_buf_append_str(text, GW_STR("{\"long\":\"\\n"));
    for (int i = 0; i < 3000; i++)
        gw_buf_append_char(text, 'x');
    gw_buf_append_str(text, GW_STR("\",\"list\":["));
    for (int i = 0; i < 70; i++)
        gw_buf_printf(text, "{\"id\":\"TEST-%03d\",\"price\":%d.25,\"tags\":[]},", i, i);
    gw_buf_append_str(text, GW_STR("null]}"));
}

static int l_round_trip(lua_State *L) {
    luaopen_gateway_json(L);
    lua_getfield(L, 2, "decode");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_getfield(L, 2, "encode");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    return 1;
}

static int l_push_text(lua_State *L) {
    struct gw_str *text = lua_touserdata(L, 1);
    lua_pushlstring(L, text->data, text->len);
    return 1;
}

/* Decodes and encodes with the n-th allocation failing, and unless `recover` each one after it.
 * Returns the status, or -1 when there was no n-th allocation to recover from. */
static int try_with(long n, bool recover, struct gw_str text) {
    struct budget budget = {.left = -1};
    lua_State *L = lua_newstate(allocate, &budget);
    assert_non_null(L);
    lua_pushcfunction(L, l_round_trip);
    lua_pushcfunction(L, l_push_text);
    lua_pushlightuserdata(L, &text);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    budget = (struct budget){n, recover};
    int status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_OK)
        assert_int_equal(lua_rawlen(L, -1), text.len);
    bool reached = budget.left <= 0;
    budget = (struct budget){.left = -1};
    lua_close(L);
    return recover && !reached ? -1 : status;
}

static void want_of_memory_is_an_error_of_lua(void **state) {
    (void)state;
    struct gw_buf text = {0};
    make_document(&text);
    long n = 1;
    for (int status; (status = try_with(n, false, gw_buf_str(&text))) != LUA_OK; n++)
        assert_int_equal(status, LUA_ERRMEM);
    assert_true(n > 200);
    gw_buf_fini(&text);
}

static void an_emergency_collection_takes_nothing_in_use(void **state) {
    (void)state;
    struct gw_buf text = {0};
    make_document(&text);
    long n = 1;
    for (int status; (status = try_with(n, true, gw_buf_str(&text))) != -1; n++)
        assert_int_equal(status, LUA_OK);
    assert_true(n > 200);
    gw_buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_an_error_of_lua),
        cmocka_unit_test(an_emergency_collection_takes_nothing_in_use),
    };
    return cmocka_run_group_tests_name("json_memory", tests, NULL, NULL);
}
