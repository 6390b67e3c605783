#include "lua/children.h"
#include "lua/core.h"

#include <lauxlib.h>

#define MAX_AT_ONCE 1000 /* each is a flow with memory of its own */

enum { FN = 1, ERROR = 2 }; /* user values of the group */

/* A userdata on the parent's stack, also anchored by `ref` so that children can reach it. */
struct gw_children {
    struct gw_wait wait;
    struct gw_flow *parent;
    int ref;
    int count, limit;
    int started, running;
    bool failed; /* the first error is kept as a user value */
};

struct gw_flow *gw_children_parent(const struct gw_children *group) {
    return group->parent;
}

static void start_child(struct gw_children *group) {
    struct gw_flow *parent = group->parent;
    struct gw_flow *child = gw_flow_new(parent->state, GW_FLOW_CHILD);
    child->group = group;
    child->index = ++group->started;
    child->cancelled = parent->cancelled;
    child->shield = parent->shield;
    child->undo_left_us = parent->undo_left_us;
    group->running++;
    gw_flow_wake(child);
}

static bool has_more(const struct gw_children *group) {
    return !group->failed && group->started < group->count && !gw_flow_is_cancelled(group->parent);
}

static void cancel_children(struct gw_children *group, enum gw_failure why) {
    for (struct gw_flow *flow = group->parent->state->flows; flow; flow = flow->next)
        if (flow->kind == GW_FLOW_CHILD && flow->group == group)
            gw_flow_cancel(flow, why);
}

/* The parent wakes when the last child has ended: what a child still has to undo is not cut off. */
static void cancel_wait(struct gw_wait *wait, enum gw_failure why) {
    cancel_children((struct gw_children *)wait, why);
}

void gw_children_ended(struct gw_flow *child, bool ran) {
    struct gw_children *group = child->group;
    bool failed_before = group->failed;
    child->group = NULL;
    group->running--;
    group->failed = group->failed || !ran || child->failed;
    if (group->failed && !failed_before)
        cancel_children(group, GW_FAILURE_CANCELLED);
    if (has_more(group))
        start_child(group);
    if (group->running == 0)
        gw_flow_wake(group->parent);
}

/* --- inside the child --- */

static int k_child_done(lua_State *L, int status, lua_KContext ctx) {
    struct gw_flow *child = (struct gw_flow *)ctx;
    if (status == LUA_OK || status == LUA_YIELD)
        return 0;
    child->failed = true;
    if (!child->group->failed) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, child->group->ref);
        lua_insert(L, -2);
        lua_setiuservalue(L, -2, ERROR);
    }
    return 0;
}

int l_child_main(lua_State *L) {
    struct gw_flow *child = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, child->group->ref);
    lua_getiuservalue(L, -1, FN);
    lua_pushinteger(L, child->index);
    int status = lua_pcallk(L, 1, 0, 0, (lua_KContext)child, k_child_done);
    return k_child_done(L, status, (lua_KContext)child);
}

/* --- inside the parent --- */

static int k_children_done(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    struct gw_children *group = (struct gw_children *)ctx;
    luaL_unref(L, LUA_REGISTRYINDEX, group->ref);
    l_raise_if_cancelled(L, group->parent);
    if (!group->failed)
        return 0;
    lua_getiuservalue(L, 4, ERROR); /* the group stands above the three arguments */
    if (lua_isnil(L, -1))
        lua_pushliteral(L, "not enough memory");
    return lua_error(L);
}

static struct gw_children *new_group(lua_State *L, struct gw_flow *parent) {
    struct gw_children *group = lua_newuserdatauv(L, sizeof *group, 2);
    *group = (struct gw_children){.parent = parent, .wait.cancel = cancel_wait};
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, FN);
    lua_pushvalue(L, -1);
    group->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return group;
}

static int l_children(lua_State *L) {
    struct gw_flow *parent = l_waiting_flow(L);
    lua_Integer count = luaL_checkinteger(L, 1), limit = luaL_checkinteger(L, 2);
    luaL_argcheck(L, count >= 0 && count <= 1000000, 1, "out of range");
    luaL_argcheck(L, limit >= 1, 2, "must be at least 1");
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    l_raise_if_cancelled(L, parent);
    if (count == 0)
        return 0;
    struct gw_children *group = new_group(L, parent);
    group->count = (int)count;
    group->limit = limit < count ? (int)limit : (int)count;
    if (group->limit > MAX_AT_ONCE)
        group->limit = MAX_AT_ONCE;
    while (group->running < group->limit)
        start_child(group);
    gw_flow_wait(parent, &group->wait);
    return lua_yieldk(L, 0, (lua_KContext)group, k_children_done);
}

static const luaL_Reg functions[] = {
    {"children", l_children},
    {NULL, NULL},
};

void l_register_children(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
