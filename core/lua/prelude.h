/* The prelude: the Lua half of the script API, embedded in the binary so that it can never disagree
 * with the core. types.lua is not part of it: it documents, and runs nowhere. */
#ifndef GW_LUA_PRELUDE_H
#define GW_LUA_PRELUDE_H

#include "base/embedded.h"

extern const struct gw_embedded gw_prelude_files[]; /* of core/lua/prelude */

/* The file of a module: of "gateway.saga" it is gateway/saga.lua. NULL if there is none. */
const struct gw_embedded *gw_prelude_find(const char *module);

#endif
