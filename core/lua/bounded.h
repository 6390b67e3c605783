/* The standard library as scripts and prelude get it: the functions of Lua's own that could run for
 * long, or hold on to the processor, where no hook reaches are replaced by bounded ones of the same
 * behaviour. Called once, after the libraries are open; each file replaces those of its subject. */
#ifndef GW_LUA_BOUNDED_H
#define GW_LUA_BOUNDED_H

#include <lua.h>

void l_bound_base(lua_State *L);       /* xpcall, setmetatable */
void l_bound_coroutines(lua_State *L); /* create, wrap, resume, close */
void l_bound_strings(lua_State *L);    /* find, match, gmatch, gsub, rep */
void l_bound_tables(lua_State *L);     /* insert, remove, move, concat, sort */

#endif
