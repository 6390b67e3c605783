/* What the JSON tests share: a bare Lua state, and texts in heap blocks of their exact size, so
 * that ASan sees a reader that steps past the end. */
#ifndef GW_TESTS_JSON_FIXTURE_H
#define GW_TESTS_JSON_FIXTURE_H

#include "lua/json.h"

#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline int begin(void **state) {
    *state = luaL_newstate();
    return *state ? 0 : -1;
}

static inline int end(void **state) {
    lua_close(*state);
    return 0;
}

static inline bool decode(lua_State *L, struct gw_str text, struct gw_json_error *error) {
    char *copy = malloc(text.len ? text.len : 1);
    memcpy(copy, text.data, text.len);
    bool ok = l_json_decode(L, (struct gw_str){copy, text.len}, error);
    free(copy);
    return ok;
}

#endif
