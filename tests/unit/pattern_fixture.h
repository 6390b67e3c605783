/* Lua's own string functions and the bounded ones side by side, in one state: whatever they are
 * asked they must answer the same, or fail with the same words. */
#ifndef PATTERN_FIXTURE_H
#define PATTERN_FIXTURE_H

#include "lua/bounded.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>

/* Leaves a function(subject, pattern, replacement, init) that returns what differs, or nil. The
 * bounded one goes first: what takes it too many steps might take Lua's own for ever. */
static const char compare_script[] =
    "local own = {}\n"
    "for name, fn in pairs(string) do own[name] = fn end\n"
    "bound()\n"
    "local pack, pcall, tostring = table.pack, pcall, tostring\n"
    "local function all_of(gmatch, s, p, init)\n"
    "  local found = {}\n"
    "  local next_one = gmatch(s, p, init)\n"
    "  for _ = 1, 1000 do\n"
    "    local one = pack(next_one())\n"
    "    if one.n == 0 then break end\n"
    "    for i = 1, one.n do found[#found + 1] = tostring(one[i]) end\n"
    "  end\n"
    "  return table.concat(found, ',')\n"
    "end\n"
    "local function answer(library, name, ...)\n"
    "  if name == 'gmatch' then return pack(pcall(all_of, library.gmatch, ...)) end\n"
    "  return pack(pcall(library[name], ...))\n"
    "end\n"
    "local function differ(name, ...)\n"
    "  local b = answer(string, name, ...)\n"
    "  if not b[1] and own.find(b[2], 'too many steps', 1, true) then return end\n"
    "  local a = answer(own, name, ...)\n"
    "  local same = a.n == b.n\n"
    "  for i = 1, a.n do same = same and a[i] == b[i] and math.type(a[i]) == math.type(b[i]) end\n"
    "  if same then return end\n"
    "  for i = 1, math.max(a.n, b.n) do\n"
    "    a[i] = own.format('%s | %s', tostring(a[i]), tostring(b[i]))\n"
    "  end\n"
    "  return own.format('%s: %s', name, table.concat(a, '; '))\n"
    "end\n"
    "local function mark(...) return '<' .. tostring((...)) .. '>' end\n"
    "return function(s, p, r, init)\n"
    "  return differ('find', s, p, init) or differ('match', s, p, init)\n"
    "    or differ('find', s, p, init, true) or differ('gmatch', s, p, init)\n"
    "    or differ('gsub', s, p, r) or differ('gsub', s, p, mark) or differ('gsub', s, p, r, init)\n"
    "    or differ('gsub', s, p, { a = 'A', b = false, [''] = 0, [1] = 2 })\n"
    "end\n";

static int l_bound(lua_State *L) {
    l_bound_strings(L);
    return 0;
}

static lua_State *new_comparison(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "bound", l_bound);
    if (luaL_dostring(L, compare_script) != LUA_OK)
        return NULL;
    return L;
}

/* Pushes what differs, or nil; true if nothing does. */
static bool is_same(lua_State *L, const char *subject, size_t n_subject, const char *pattern,
                    size_t n_pattern, const char *replacement, size_t n_replacement,
                    lua_Integer init) {
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, subject, n_subject);
    lua_pushlstring(L, pattern, n_pattern);
    lua_pushlstring(L, replacement, n_replacement);
    lua_pushinteger(L, init);
    return lua_pcall(L, 4, 1, 0) == LUA_OK && lua_isnil(L, -1);
}

#endif
