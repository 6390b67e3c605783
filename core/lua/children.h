/* The children of a flow that called gateway.map: each a flow of its own, owned by the call. They
 * end before it does. */
#ifndef GW_LUA_CHILDREN_H
#define GW_LUA_CHILDREN_H

#include "lua/flow_internal.h"

struct gw_flow *gw_children_parent(const struct gw_children *group);

/* A child has ended, outside of Lua; `ran` is false if it could not even begin for want of memory.
 */
void gw_children_ended(struct gw_flow *child, bool ran);

/* The body of a child's coroutine; its argument is the flow as a light userdata. */
int l_child_main(lua_State *L);

#endif
