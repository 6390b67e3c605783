/* The module gateway.core: the C half of the script API, which only the prelude sees. Each file
 * adds its functions to the table on the top; their Lua signatures are in docs/architecture.md. All
 * l_ functions here run protected and may raise. */
#ifndef GW_LUA_CORE_H
#define GW_LUA_CORE_H

#include "lua/flow_internal.h"

#define GW_SYSTEM_REQUIRE "gateway.system_require" /* in the registry */

void l_push_core(lua_State *L);

void l_register_declare(lua_State *L);
void l_register_running(lua_State *L);
void l_register_fetch(lua_State *L);
void l_register_result(lua_State *L);
void l_register_children(lua_State *L);
void l_register_sleep(lua_State *L);
void l_register_reply(lua_State *L);
void l_register_expand(lua_State *L);
void l_register_breaker(lua_State *L);
void l_register_job(lua_State *L);
void l_register_buffer(lua_State *L);
void l_register_saga(lua_State *L);
void l_register_key(lua_State *L);
void l_register_inspect(lua_State *L);
void l_register_measure(lua_State *L);
void l_register_store(lua_State *L);
void l_register_metric(lua_State *L);

/* The flow that runs on L. Raises where there is none: while loading, and in a coroutine of the
 * script's own, which could not be resumed when the answer is there. */
struct gw_flow *l_current_flow(lua_State *L);

/* The same for what is going to yield: raises where a yield is not possible. Call it before
 * anything is started, or what was started would wake a flow that never slept. */
struct gw_flow *l_waiting_flow(lua_State *L);

/* Raises the flow's cancellation as a failure, if it is to be raised. A script that goes on
 * catching it without end is stopped: see budget.h. */
void l_raise_if_cancelled(lua_State *L, struct gw_flow *flow);

/* Pushes a table with the failure metatable: kind and message. */
void l_push_failure(lua_State *L, enum gw_failure kind, const char *message);

/* Registers the metatable of a userdata type that has only a finalizer. */
void l_new_metatable(lua_State *L, const char *name, lua_CFunction gc);

/* Pushes a box that owns the empty buffer it returns: what is appended survives a raise until the
 * box is collected. Finish it with gw_buf_fini() where it is large. */
struct gw_buf *l_new_buf(lua_State *L);

#endif
