/* gateway.secret: base/secret.h for the prelude. Like gateway.json it needs nothing of the state,
 * so that specs and tools use it as it is. */
#ifndef GW_LUA_SECRET_H
#define GW_LUA_SECRET_H

#include <lua.h>

/* Pushes { HIDDEN, is_name, hide }: what stands for a secret; is_name(name) tells whether what is
 * called so is one; hide(text) returns the text without those in it. */
int luaopen_gateway_secret(lua_State *L);

#endif
