/* What a script is given of one backend call: a response, or a failure. */
#ifndef GW_LUA_RESULT_H
#define GW_LUA_RESULT_H

#include "engine/backend.h"

#include <lua.h>

/* What a response must be like unless it is wanted raw: JSON if it says so. Plain C, for
 * gw_backend_request. */
const char *gw_result_check(const struct gw_backend_request *request,
                            const struct gw_call_response *response);

/* The request's table is on the top; the result replaces it. With `raw` a JSON body stays text. */
void l_push_result(lua_State *L, const struct gw_backend_result *result, bool raw);

#endif
