#include "lua/secret.h"

#include "base/secret.h"

#include <lauxlib.h>

#define BUFFER_TYPE "gateway.secret.buffer"
#define KEPT_BUFFER (64u << 10) /* bytes that stay allocated between two texts */

static struct gw_str l_check_text(lua_State *L) {
    struct gw_str text;
    text.data = luaL_checklstring(L, 1, &text.len);
    return text;
}

static int l_is_name(lua_State *L) {
    lua_pushboolean(L, gw_secret_is_name(l_check_text(L)));
    return 1;
}

/* All calls share one buffer, boxed so that it survives a raise. */
static int l_hide(lua_State *L) {
    struct gw_buf *safe = lua_touserdata(L, lua_upvalueindex(1));
    gw_buf_clear(safe);
    gw_secret_append(safe, l_check_text(L));
    lua_pushlstring(L, safe->data ? safe->data : "", safe->len);
    if (safe->cap > KEPT_BUFFER)
        gw_buf_fini(safe);
    return 1;
}

static int l_buffer_gc(lua_State *L) {
    gw_buf_fini(lua_touserdata(L, 1));
    return 0;
}

static void l_push_buffer(lua_State *L) {
    struct gw_buf *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    *buffer = (struct gw_buf){0};
    if (luaL_newmetatable(L, BUFFER_TYPE)) {
        lua_pushcfunction(L, l_buffer_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
}

int luaopen_gateway_secret(lua_State *L) {
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, GW_SECRET_HIDDEN);
    lua_setfield(L, -2, "HIDDEN");
    lua_pushcfunction(L, l_is_name);
    lua_setfield(L, -2, "is_name");
    l_push_buffer(L);
    lua_pushcclosure(L, l_hide, 1);
    lua_setfield(L, -2, "hide");
    return 1;
}
