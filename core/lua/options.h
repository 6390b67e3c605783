/* The options of backends and breakers as a script gives them. The prelude has checked that each is
 * known and of its kind; here they get their defaults and their units, and their ranges are
 * checked. All raise. */
#ifndef GW_LUA_OPTIONS_H
#define GW_LUA_OPTIONS_H

#include "lua/core.h"

struct gw_breaker_options l_read_breaker_options(lua_State *L, int table);

/* What the options point to is the table's. */
void l_read_backend_options(lua_State *L, int table, struct gw_backend_options *options);

#endif
