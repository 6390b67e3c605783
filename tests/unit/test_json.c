#include "json_fixture.h"

#include <lualib.h>

static void decodes(lua_State *L, const char *text) {
    struct gw_json_error error;
    if (!decode(L, gw_str_from(text), &error))
        fail_msg("%s: %s at %zu", text, error.reason, error.at);
}

static void refuses(lua_State *L, struct gw_str text, size_t at, const char *reason) {
    struct gw_json_error error;
    int top = lua_gettop(L);
    assert_false(decode(L, text, &error));
    assert_string_equal(error.reason, reason);
    assert_int_equal(error.at, at);
    assert_int_equal(lua_gettop(L), top);
}

static int l_encode(lua_State *L) {
    l_json_encode(L, 1, lua_touserdata(L, 2));
    return 0;
}

/* Pops the value; returns how the encoding ended, with the message of an error on the stack. */
static int encode(lua_State *L, struct gw_buf *out) {
    lua_pushcfunction(L, l_encode);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, out);
    return lua_pcall(L, 2, 0, 0);
}

/* What the value on the top of the stack is encoded as; it is popped. */
static void encodes(lua_State *L, const char *expected) {
    struct gw_buf out = {0};
    int status = encode(L, &out);
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    gw_buf_fini(&out);
    assert_int_equal(status, LUA_OK);
}

static void cannot_encode(lua_State *L, const char *message) {
    struct gw_buf out = {0};
    assert_int_equal(encode(L, &out), LUA_ERRRUN);
    assert_string_equal(lua_tostring(L, -1), message);
    assert_null(out.data);
    lua_pop(L, 1);
}

static void runs(lua_State *L, const char *script) {
    if (luaL_dostring(L, script))
        fail_msg("%s", lua_tostring(L, -1));
}

static void string_is(lua_State *L, const char *text, struct gw_str expected) {
    size_t n;
    decodes(L, text);
    assert_int_equal(lua_type(L, -1), LUA_TSTRING);
    const char *value = lua_tolstring(L, -1, &n);
    assert_int_equal(n, expected.len);
    assert_memory_equal(value, expected.data, n);
    lua_pop(L, 1);
}

static void every_value_has_its_type(void **state) {
    lua_State *L = *state;
    static const struct {
        const char *text;
        int type;
    } cases[] = {{"null", LUA_TLIGHTUSERDATA}, {" true\n", LUA_TBOOLEAN}, {"false", LUA_TBOOLEAN},
                 {"\"\"", LUA_TSTRING},        {"-1", LUA_TNUMBER},       {"1.5", LUA_TNUMBER},
                 {"[]", LUA_TTABLE},           {"\t{}\r", LUA_TTABLE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decodes(L, cases[i].text);
        assert_int_equal(lua_type(L, -1), cases[i].type);
        assert_int_equal(lua_gettop(L), (int)i + 1);
    }
    assert_null(lua_touserdata(L, 1));
    assert_true(lua_toboolean(L, 2));
    assert_false(lua_toboolean(L, 3));
    assert_true(lua_isinteger(L, 5));
    assert_false(lua_isinteger(L, 6));
}

static void escapes_are_resolved(void **state) {
    string_is(*state, "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", GW_STR("a\"\\/\b\f\n\r\tz"));
    string_is(*state, "\"\\u0000\\u001f\\u007F\"", GW_STR("\0\x1f\x7f"));
    string_is(*state, "\"\\u0080\\u07ff\\u0800\\uffff\"",
              GW_STR("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"));
    string_is(*state, "\"\\ud800\\udc00\\uDBFF\\uDFFF\"", GW_STR("\U00010000\U0010ffff"));
    string_is(*state, "\"caf\u00e9 \U0001f600 plain enough\"",
              GW_STR("caf\u00e9 \U0001f600 plain enough"));
}

/* Strings of all lengths around the eight bytes that are looked at together. */
static void a_special_byte_is_found_anywhere(void **state) {
    char text[40];
    for (size_t n = 0; n < 24; n++)
        for (size_t at = 0; at < n; at++) {
            memset(text, 'x', sizeof text);
            text[0] = text[n + 1] = '"';
            text[at + 1] = '\x1f';
            refuses(*state, (struct gw_str){text, n + 2}, at + 1, "control character in a string");
            text[at + 1] = '\x80';
            refuses(*state, (struct gw_str){text, n + 2}, at + 1, "invalid UTF-8");
            text[at + 1] = '"';
            if (at + 1 < n)
                refuses(*state, (struct gw_str){text, n + 2}, at + 2, "text after the value");
        }
}

static void bad_text_is_refused_where_it_is(void **state) {
    lua_State *L = *state;
    refuses(L, GW_STR(""), 0, "unexpected end");
    refuses(L, GW_STR("[1,]"), 3, "expected a value");
    refuses(L, GW_STR("[1 2]"), 3, "expected ',' or ']'");
    refuses(L, GW_STR("{\"a\":1 \"b\":2}"), 7, "expected ',' or '}'");
    refuses(L, GW_STR("{1:2}"), 1, "expected a string as key");
    refuses(L, GW_STR("{\"a\" 1}"), 5, "expected ':'");
    refuses(L, GW_STR("[truE]"), 4, "expected a value");
    refuses(L, GW_STR("1 2"), 2, "text after the value");
    refuses(L, GW_STR("[-x]"), 2, "malformed number");
    refuses(L, GW_STR("[1e400]"), 1, "number out of range");
    refuses(L, GW_STR("\xef\xbb\xbf{}"), 0, "byte order mark");
    refuses(L, GW_STR("\"\\x\""), 1, "invalid escape");
    refuses(L, GW_STR("\"\\u12g4\""), 1, "invalid escape");
    refuses(L, GW_STR("\"a\\ud800\""), 2, "lone surrogate");
    refuses(L, GW_STR("\"\\ud800\\u0041\""), 1, "lone surrogate");
    refuses(L, GW_STR("\"\\udc00\\ud800\""), 1, "lone surrogate");
    refuses(L, GW_STR("\"\\udc00\\udc00\""), 1, "lone surrogate");
    refuses(L, GW_STR("\"\xed\xa0\x80\""), 1, "invalid UTF-8");
    refuses(L, GW_STR("\"\xc0\xaf\""), 1, "invalid UTF-8");
    refuses(L, GW_STR("\"\0\""), 1, "control character in a string");
}

static void errors_tell_line_and_column(void **state) {
    lua_State *L = *state;
    struct gw_json_error error;
    struct gw_str text = GW_STR("{\n  \"n\": 1,\n  \"\u00e9\": x\n}");
    assert_false(decode(L, text, &error));
    l_json_push_error(L, text, &error);
    assert_string_equal(lua_tostring(L, -1), "line 3, column 8: expected a value");
}

static void every_cut_is_refused(void **state) {
    struct gw_str whole = GW_STR(" {\"a\\u00e9\": [1.5e3, true, null, \"\\ud83d\\ude00 \u20ac\"], "
                                 "\"b\": {\"c\": [false, {}, []]}}");
    struct gw_json_error error;
    assert_true(decode(*state, whole, &error));
    for (size_t n = 0; n < whole.len; n++)
        assert_false(decode(*state, (struct gw_str){whole.data, n}, &error));
}

static struct gw_str nest(struct gw_buf *buf, const char *open, const char *close, int depth) {
    gw_buf_clear(buf);
    for (int i = 0; i < depth; i++)
        gw_buf_append_str(buf, gw_str_from(open));
    gw_buf_append_char(buf, '1');
    for (int i = 0; i < depth; i++)
        gw_buf_append_str(buf, gw_str_from(close));
    return gw_buf_str(buf);
}

static void depth_is_limited(void **state) {
    lua_State *L = *state;
    struct gw_json_error error;
    struct gw_buf buf = {0}, out = {0};
    assert_true(decode(L, nest(&buf, "[", "]", GW_JSON_MAX_DEPTH), &error));
    assert_int_equal(encode(L, &out), LUA_OK);
    assert_true(gw_str_equal(gw_buf_str(&out), gw_buf_str(&buf)));
    assert_true(decode(L, nest(&buf, "{\"a\":", "}", GW_JSON_MAX_DEPTH), &error));
    refuses(L, nest(&buf, "[", "]", GW_JSON_MAX_DEPTH + 1), GW_JSON_MAX_DEPTH, "nested too deeply");
    refuses(L, nest(&buf, "{\"a\":", "}", GW_JSON_MAX_DEPTH + 1), 5 * GW_JSON_MAX_DEPTH,
            "nested too deeply");
    gw_buf_fini(&out);
    gw_buf_fini(&buf);
}

static void what_stands_beside_is_not_deeper(void **state) {
    struct gw_buf text = {0};
    for (int i = 0; i <= GW_JSON_MAX_DEPTH; i++)
        gw_buf_printf(&text, "%s[],{}", i ? "," : "[");
    gw_buf_append_str(&text, GW_STR("]"));
    gw_buf_append(&text, "", 1); /* the NUL of a C string */
    decodes(*state, text.data);
    encodes(*state, text.data);
    gw_buf_fini(&text);
}

/* Members pass over the Lua stack in batches. */
static void tables_of_every_size_are_whole(void **state) {
    lua_State *L = *state;
    luaL_openlibs(L);
    for (int n = 0; n < 300; n += n < 140 ? 1 : 53) {
        struct gw_buf text = {0};
        struct gw_json_error error;
        gw_buf_append_char(&text, '[');
        for (int i = 1; i <= n; i++)
            gw_buf_printf(&text, "%s%d", i > 1 ? "," : "", i);
        gw_buf_append_str(&text, GW_STR(",{"));
        for (int i = 1; i <= n; i++)
            gw_buf_printf(&text, "%s\"k%d\":%d", i > 1 ? "," : "", i, i);
        gw_buf_append_str(&text, GW_STR("}]"));
        struct gw_str whole = gw_buf_str(&text);
        if (n == 0)
            whole = GW_STR("[{}]");
        assert_true(decode(L, whole, &error));
        assert_int_equal(lua_rawlen(L, -1), n + 1);
        lua_setglobal(L, "v");
        lua_pushinteger(L, n);
        lua_setglobal(L, "n");
        runs(L, "for i = 1, n do assert(v[i] == i and v[n + 1]['k' .. i] == i) end "
                "local count = 0 for _ in pairs(v[n + 1]) do count = count + 1 end "
                "assert(count == n)");
        gw_buf_fini(&text);
    }
}

static void the_last_of_equal_keys_counts(void **state) {
    lua_State *L = *state;
    struct gw_buf text = {0};
    struct gw_json_error error;
    decodes(L, "{\"a\":1,\"a\":2,\"\\u0061\":3}");
    encodes(L, "{\"a\":3}");
    for (int i = 0; i < 100; i++)
        gw_buf_printf(&text, "%c\"a\":%d", i ? ',' : '{', i);
    gw_buf_append_char(&text, '}');
    assert_true(decode(L, gw_buf_str(&text), &error));
    encodes(L, "{\"a\":99}");
    gw_buf_fini(&text);
}

static void json_comes_back_as_it_was(void **state) {
    static const char *const texts[] = {
        "[]",    "{}",   "[[],{}]",     "[null]", "[9223372036854775807,-9223372036854775808]",
        "[1.0]", "-0.0", "[0.1,1e+22]", "\"\"",   "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\"",
        "true",  "null", "{\"a\":[{}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        decodes(*state, texts[i]);
        encodes(*state, texts[i]);
    }
}

static void encoding_appends(void **state) {
    struct gw_buf out = {0};
    gw_buf_append_str(&out, GW_STR("data: "));
    decodes(*state, "[1]");
    assert_int_equal(encode(*state, &out), LUA_OK);
    assert_true(gw_str_equal(gw_buf_str(&out), GW_STR("data: [1]")));
    gw_buf_fini(&out);
}

static void what_json_cannot_say_is_named_with_its_path(void **state) {
    static const struct {
        const char *script, *message;
    } cases[] = {
        {"return 0/0", "nan is not JSON"},
        {"return { items = { { price = 1 }, { price = 0/0 } } }",
         "items[2].price: nan is not JSON"},
        {"return { { 1, -1/0 } }", "[1][2]: inf is not JSON"},
        {"return nil", "nil is not JSON"},
        {"return { f = print }", "f: function is not JSON"},
        {"return { f = io.stdout }", "f: userdata is not JSON"},
        {"return { a = { 1, x = 2 } }", "a: key 'x' in an array"},
        {"return { a = { 1, [3] = 3 } }", "a: key [3] in an array"},
        {"return { a = { 1, [1.5] = 3 } }", "a: number key in an array"},
        {"return { 1, nil, 3 }", "an array with a hole"},
        {"return { a = { [2] = 1 } }", "a: key [2] in an object"},
        {"return { a = { [true] = 1 } }", "a: boolean key in an object"},
        {"return { a = '\\xff' }", "a: invalid UTF-8"},
        {"local t = {} t.t = t return t", "t.t.t.t.t.t.t.t...: nested too deeply"},
    };
    luaL_openlibs(*state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        runs(*state, cases[i].script);
        cannot_encode(*state, cases[i].message);
    }
}

static void a_table_of_any_class_is_read_raw(void **state) {
    luaL_openlibs(*state);
    runs(*state, "local function f() error 'called' end return setmetatable({ a = 1 }, "
                 "{ __index = f, __len = f, __pairs = f, __metatable = f, __tostring = f })");
    encodes(*state, "{\"a\":1}");
    runs(*state, "local t = { [3] = 3, [2] = 2 } t[1] = 1 return t"); /* all in the hash part */
    encodes(*state, "[1,2,3]");
}

/* A megabyte said a hundred times over must not become a hundred megabytes. */
static void text_is_limited(void **state) {
    struct gw_buf out = {0};
    luaL_openlibs(*state);
    runs(*state, "local s, t = ('x'):rep(2^20), {} for i = 1, 100 do t[i] = s end return t");
    assert_int_equal(encode(*state, &out), LUA_ERRRUN);
    assert_string_equal(lua_tostring(*state, -1), "JSON text too long");
    assert_null(out.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_value_has_its_type),
        TEST(escapes_are_resolved),
        TEST(a_special_byte_is_found_anywhere),
        TEST(bad_text_is_refused_where_it_is),
        TEST(errors_tell_line_and_column),
        TEST(every_cut_is_refused),
        TEST(depth_is_limited),
        TEST(what_stands_beside_is_not_deeper),
        TEST(tables_of_every_size_are_whole),
        TEST(the_last_of_equal_keys_counts),
        TEST(json_comes_back_as_it_was),
        TEST(encoding_appends),
        TEST(what_json_cannot_say_is_named_with_its_path),
        TEST(a_table_of_any_class_is_read_raw),
        TEST(text_is_limited),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
