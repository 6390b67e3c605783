/* Runs protected. The text grows in a buffer of the caller's box; before anything is raised here it
 * is released. */
#include "base/utf8.h"
#include "lua/budget.h"
#include "lua/json.h"
#include "lua/json_number.h"
#include "lua/json_text.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPARE    10 /* slots: key and value of a level, and what an error message needs */
#define MAX_PATH 8  /* levels that an error message shows */

/* One step of the path to the value being written; the steps form a list on the C stack. */
struct step {
    const struct step *up;
    int key;          /* of a member: where its key is on the Lua stack; of an item: 0 */
    lua_Integer item; /* of an item */
};

struct encoder {
    lua_State *L;
    struct gw_buf *out;
    size_t max_len; /* what `out` may grow to */
    const void *array_metatable;
    int depth;
};

static void write_value(struct encoder *e, const struct step *at);

static void add_step(lua_State *L, luaL_Buffer *message, const struct step *at) {
    if (at->key) {
        size_t n;
        const char *key = lua_tolstring(L, at->key, &n);
        if (at->up)
            luaL_addchar(message, '.');
        luaL_addlstring(message, key, n);
        return;
    }
    char number[GW_JSON_NUMBER_SIZE];
    luaL_addchar(message, '[');
    luaL_addlstring(message, number, gw_json_print_integer(number, at->item));
    luaL_addchar(message, ']');
}

/* Returns the number of steps. */
static int add_path(lua_State *L, luaL_Buffer *message, const struct step *at) {
    if (!at)
        return 0;
    int n = add_path(L, message, at->up);
    if (n < MAX_PATH)
        add_step(L, message, at);
    else if (n == MAX_PATH)
        luaL_addstring(message, "...");
    return n + 1;
}

static _Noreturn void refuse(struct encoder *e, const struct step *at, const char *reason) {
    luaL_Buffer message;
    gw_buf_fini(e->out);
    luaL_buffinit(e->L, &message);
    if (add_path(e->L, &message, at) > 0)
        luaL_addstring(&message, ": ");
    luaL_addstring(&message, reason);
    luaL_pushresult(&message);
    luaL_error(e->L, "%s", lua_tostring(e->L, -1));
    abort(); /* luaL_error() is not declared as what it is */
}

static _Noreturn void refuse_type(struct encoder *e, const struct step *at) {
    refuse(e, at, lua_pushfstring(e->L, "%s is not JSON", luaL_typename(e->L, -1)));
}

/* For the key at -2. It is shown without a conversion in place, which would confuse lua_next(). */
static _Noreturn void refuse_key(struct encoder *e, const struct step *at, const char *where) {
    lua_State *L = e->L;
    if (lua_isinteger(L, -2))
        lua_pushfstring(L, "key [%I]", (LUAI_UACINT)lua_tointeger(L, -2));
    else if (lua_type(L, -2) == LUA_TSTRING)
        lua_pushfstring(L, "key '%s'", lua_tostring(L, -2));
    else
        lua_pushfstring(L, "%s key", luaL_typename(L, -2));
    refuse(e, at, lua_pushfstring(L, "%s in %s", lua_tostring(L, -1), where));
}

static char *room(struct encoder *e, size_t n) {
    if (n > e->max_len - e->out->len)
        refuse(e, NULL, "JSON text too long");
    return gw_buf_reserve(e->out, n);
}

static void write_bytes(struct encoder *e, const char *bytes, size_t n) {
    memcpy(room(e, n), bytes, n);
    e->out->len += n;
}

static void write_char(struct encoder *e, char c) {
    *room(e, 1) = c;
    e->out->len++;
}

static void write_number(struct encoder *e, const struct step *at) {
    char *to = room(e, GW_JSON_NUMBER_SIZE);
    if (lua_isinteger(e->L, -1)) {
        e->out->len += gw_json_print_integer(to, lua_tointeger(e->L, -1));
        return;
    }
    double value = lua_tonumber(e->L, -1);
    if (!isfinite(value))
        refuse(e, at, isnan(value) ? "nan is not JSON" : "inf is not JSON");
    e->out->len += gw_json_print_float(to, value);
}

/* The first byte that needs an escape, or `end`. */
static const char *skip_unescaped(struct encoder *e, const struct step *at, const char *p,
                                  const char *end) {
    for (;;) {
        p = gw_json_skip_plain(p, end);
        if (p == end || (unsigned char)*p < 0x80)
            return p;
        size_t n = gw_utf8_sequence(p, (size_t)(end - p));
        if (n == 0)
            refuse(e, at, "invalid UTF-8");
        p += n;
    }
}

static void write_escape(struct encoder *e, char c) {
    static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt", hex[] = "0123456789abcdef";
    for (const char *escape = escapes; *escape; escape += 2)
        if (*escape == c) {
            write_bytes(e, (char[]){'\\', escape[1]}, 2);
            return;
        }
    write_bytes(e, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

/* `index` must hold a string: no other type is converted. */
static void write_string(struct encoder *e, int index, const struct step *at) {
    size_t n;
    const char *p = lua_tolstring(e->L, index, &n), *end = p + n;
    write_char(e, '"');
    for (;;) {
        const char *stop = skip_unescaped(e, at, p, end);
        write_bytes(e, p, (size_t)(stop - p));
        if (stop == end)
            break;
        write_escape(e, *stop);
        p = stop + 1;
    }
    write_char(e, '"');
}

/* All keys must be 1 to n, each once. */
static void check_items(struct encoder *e, int table, lua_Integer n, const struct step *at) {
    lua_Integer found = 0;
    lua_pushnil(e->L);
    while (lua_next(e->L, table)) {
        lua_Integer i = lua_tointeger(e->L, -2);
        if (!lua_isinteger(e->L, -2) || i < 1 || i > n)
            refuse_key(e, at, "an array");
        found++;
        lua_pop(e->L, 1);
    }
    if (found < n)
        refuse(e, at, "an array with a hole");
}

static void write_array(struct encoder *e, int table, lua_Integer n, const struct step *up) {
    struct step here = {.up = up};
    check_items(e, table, n, up);
    write_char(e, '[');
    for (here.item = 1; here.item <= n; here.item++) {
        if (here.item > 1)
            write_char(e, ',');
        lua_rawgeti(e->L, table, here.item);
        write_value(e, &here);
        lua_pop(e->L, 1);
    }
    write_char(e, ']');
}

static void write_object(struct encoder *e, int table, const struct step *up) {
    struct step here = {.up = up, .key = table + 1};
    char separator = '{';
    lua_pushnil(e->L);
    while (lua_next(e->L, table)) {
        if (lua_type(e->L, here.key) != LUA_TSTRING)
            refuse_key(e, up, "an object");
        write_char(e, separator);
        write_string(e, here.key, &here);
        write_char(e, ':');
        write_value(e, &here);
        lua_pop(e->L, 1);
        separator = ',';
    }
    if (separator == '{')
        write_char(e, '{');
    write_char(e, '}');
}

static bool is_marked(struct encoder *e, int table) {
    if (!lua_getmetatable(e->L, table))
        return false;
    bool is_array = lua_topointer(e->L, -1) == e->array_metatable;
    lua_pop(e->L, 1);
    return is_array;
}

static void write_table(struct encoder *e, const struct step *at) {
    int table = lua_gettop(e->L);
    lua_Integer n = (lua_Integer)lua_rawlen(e->L, table);
    if (e->depth == GW_JSON_MAX_DEPTH)
        refuse(e, at, "nested too deeply");
    e->depth++;
    luaL_checkstack(e->L, SPARE, NULL);
    if (n > 0 || is_marked(e, table))
        write_array(e, table, n, at);
    else
        write_object(e, table, at);
    e->depth--;
}

/* The value is on top of the stack and stays there. */
static void write_value(struct encoder *e, const struct step *at) {
    switch (lua_type(e->L, -1)) {
    case LUA_TSTRING:
        write_string(e, -1, at);
        break;
    case LUA_TNUMBER:
        write_number(e, at);
        break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(e->L, -1))
            write_bytes(e, "true", 4);
        else
            write_bytes(e, "false", 5);
        break;
    case LUA_TTABLE:
        l_let_hook_in(e->L);
        write_table(e, at);
        break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(e->L, -1))
            refuse_type(e, at);
        write_bytes(e, "null", 4);
        break;
    default:
        refuse_type(e, at);
    }
}

void l_json_encode(lua_State *L, int index, struct gw_buf *out) {
    struct encoder e = {.L = L, .out = out, .max_len = out->len + GW_JSON_MAX_TEXT};
    index = lua_absindex(L, index);
    luaL_checkstack(L, SPARE, NULL);
    l_json_push_array_metatable(L);
    e.array_metatable = lua_topointer(L, -1);
    lua_pushvalue(L, index);
    write_value(&e, NULL);
    lua_pop(L, 2);
}
