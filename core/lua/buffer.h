/* gateway.Buffer: bytes that a script holds without having them in Lua's memory - a job's result,
 * or a body that it builds piece by piece. Returned as a body its bytes move to the reply. */
#ifndef GW_LUA_BUFFER_H
#define GW_LUA_BUFFER_H

#include "lua/core.h"

/* Pushes an empty one, which owns the buffer that is returned. */
struct gw_buf *l_new_buffer(lua_State *L);

/* NULL if the value at `index` is none. */
struct gw_buf *l_test_buffer(lua_State *L, int index);

#endif
