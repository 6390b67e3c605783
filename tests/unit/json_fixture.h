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

/* What is decoded must also pass the check, and what is not must fail it in the same place. */
static inline bool decode(lua_State *L, struct gw_str text, struct gw_json_error *error) {
    struct gw_json_error other;
    char *copy = malloc(text.len ? text.len : 1);
    memcpy(copy, text.data, text.len);
    bool ok = l_json_decode(L, (struct gw_str){copy, text.len}, error);
    assert_int_equal(gw_json_check((struct gw_str){copy, text.len}, &other), ok);
    if (!ok) {
        assert_int_equal(other.at, error->at);
        assert_string_equal(other.reason, error->reason);
    }
    free(copy);
    return ok;
}

#endif
