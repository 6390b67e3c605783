/* Runs protected: what is here may raise for want of memory, and owns none but Lua's. */
#include "lua/json.h"
#include "lua/json_reader.h"

#include <lauxlib.h>

/* Up to so many members wait on the Lua stack until their table can be made in its right size: one
 * that grows by single members is rehashed at each power of two. */
#define BATCH 64 /* slots */
#define SPARE 8  /* slots for the table and for what a single step pushes */

#define SHORT_STRING 256 /* bytes that are unescaped on the C stack */

struct decoder {
    lua_State *L;
    struct gw_json_reader reader;
    int array_metatable; /* its place on the stack */
};

static bool read_value(struct decoder *d);

static bool read_number(struct decoder *d) {
    struct gw_json_number number;
    bool is_integer;
    if (!gw_json_take_number(&d->reader, &number, &is_integer))
        return false;
    if (is_integer)
        lua_pushinteger(d->L, number.integer);
    else
        lua_pushnumber(d->L, number.real);
    return true;
}

/* A long string is put together in a userdata, not in a luaL_Buffer: that one goes around Lua's
 * emergency collection when memory is short. */
static void push_unescaped(lua_State *L, struct gw_str text) {
    char on_stack[SHORT_STRING];
    if (text.len <= sizeof on_stack) {
        lua_pushlstring(L, on_stack, (size_t)(gw_json_unescape(text, on_stack) - on_stack));
        return;
    }
    char *block = lua_newuserdatauv(L, text.len, 0);
    lua_pushlstring(L, block, (size_t)(gw_json_unescape(text, block) - block));
    lua_remove(L, -2);
}

static bool read_string(struct decoder *d) {
    struct gw_str text;
    bool has_escapes;
    if (!gw_json_take_string(&d->reader, &text, &has_escapes))
        return false;
    if (has_escapes)
        push_unescaped(d->L, text);
    else
        lua_pushlstring(d->L, text.data, text.len);
    return true;
}

/* Steps behind the bracket, and leaves a placeholder on the stack where the table will be. */
static bool enter(struct decoder *d) {
    if (!gw_json_enter(&d->reader, GW_JSON_MAX_DEPTH))
        return false;
    luaL_checkstack(d->L, BATCH + SPARE, NULL);
    lua_pushnil(d->L);
    return true;
}

static void need_table(lua_State *L, int table, int items, int members) {
    if (lua_istable(L, table))
        return;
    lua_createtable(L, items, members);
    lua_replace(L, table);
}

/* Moves the items that wait above the table into it, behind the `n` it has; returns how many it has
 * then. */
static lua_Integer store_items(lua_State *L, int table, lua_Integer n) {
    int top = lua_gettop(L);
    need_table(L, table, top - table, 0);
    for (int i = table + 1; i <= top; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, table, ++n);
    }
    lua_settop(L, table);
    return n;
}

/* From the first to the last, so that of two equal keys the last one stays. */
static void store_members(lua_State *L, int table) {
    int top = lua_gettop(L);
    need_table(L, table, 0, (top - table) / 2);
    for (int i = table + 1; i < top; i += 2) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
}

static bool read_items(struct decoder *d, int table) {
    lua_Integer n = 0;
    do {
        if (!read_value(d))
            return false;
        if (lua_gettop(d->L) - table == BATCH)
            n = store_items(d->L, table, n);
    } while (gw_json_accept(&d->reader, ','));
    store_items(d->L, table, n);
    return true;
}

static bool read_array(struct decoder *d) {
    if (!enter(d))
        return false;
    int table = lua_gettop(d->L);
    if (gw_json_peek(&d->reader) != ']' && !read_items(d, table))
        return false;
    need_table(d->L, table, 0, 0);
    lua_pushvalue(d->L, d->array_metatable);
    lua_setmetatable(d->L, table);
    return gw_json_leave(&d->reader, ']', "expected ',' or ']'");
}

static bool read_member(struct decoder *d) {
    if (gw_json_peek(&d->reader) != '"')
        return gw_json_fail(&d->reader, d->reader.next, "expected a string as key");
    return read_string(d) && gw_json_expect(&d->reader, ':', "expected ':'") && read_value(d);
}

static bool read_members(struct decoder *d, int table) {
    do {
        if (!read_member(d))
            return false;
        if (lua_gettop(d->L) - table == BATCH)
            store_members(d->L, table);
    } while (gw_json_accept(&d->reader, ','));
    store_members(d->L, table);
    return true;
}

static bool read_object(struct decoder *d) {
    if (!enter(d))
        return false;
    int table = lua_gettop(d->L);
    if (gw_json_peek(&d->reader) != '}' && !read_members(d, table))
        return false;
    need_table(d->L, table, 0, 0);
    return gw_json_leave(&d->reader, '}', "expected ',' or '}'");
}

static bool read_value(struct decoder *d) {
    int c = gw_json_peek(&d->reader);
    switch (c) {
    case '"':
        return read_string(d);
    case '{':
        return read_object(d);
    case '[':
        return read_array(d);
    case 't':
        lua_pushboolean(d->L, true);
        return gw_json_read_word(&d->reader, "true");
    case 'f':
        lua_pushboolean(d->L, false);
        return gw_json_read_word(&d->reader, "false");
    case 'n':
        lua_pushlightuserdata(d->L, NULL);
        return gw_json_read_word(&d->reader, "null");
    default:
        return c == '-' || (c >= '0' && c <= '9')
                   ? read_number(d)
                   : gw_json_fail(&d->reader, d->reader.next, "expected a value");
    }
}

bool l_json_decode(lua_State *L, struct gw_str text, struct gw_json_error *error) {
    struct decoder d = {.L = L, .reader = {.next = text.data, .end = text.data + text.len}};
    luaL_checkstack(L, SPARE, NULL);
    l_json_push_array_metatable(L);
    d.array_metatable = lua_gettop(L);
    bool ok = gw_json_begin(&d.reader) && read_value(&d) && gw_json_finish(&d.reader);
    if (ok)
        lua_replace(L, d.array_metatable);
    else
        *error = (struct gw_json_error){(size_t)(d.reader.next - text.data), d.reader.error};
    lua_settop(L, d.array_metatable - !ok);
    return ok;
}

/* Lines end at LF; a column is a character, as editors count. Before the error the text is valid
 * UTF-8. */
void l_json_push_error(lua_State *L, struct gw_str text, const struct gw_json_error *error) {
    int line = 1, column = 1;
    for (const char *p = text.data; p < text.data + error->at; p++) {
        if (*p == '\n')
            line++, column = 1;
        else if (((unsigned char)*p & 0xc0) != 0x80)
            column++;
    }
    lua_pushfstring(L, "line %d, column %d: %s", line, column, error->reason);
}
