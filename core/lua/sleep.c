#include "lua/core.h"

#include "http/timer.h"

#include <lauxlib.h>

#define META "gateway.sleep"

struct sleep {
    struct gw_wait wait;
    struct event timer;
    bool set;
};

static void stop(struct sleep *sleep) {
    if (sleep->set)
        event_del(&sleep->timer);
    sleep->set = false;
}

static int l_sleep_gc(lua_State *L) {
    stop(lua_touserdata(L, 1));
    return 0;
}

static void cancel_sleep(struct gw_wait *wait, enum gw_failure why) {
    (void)why;
    stop((struct sleep *)wait);
    gw_flow_wake(wait->flow);
}

static void time_is_up(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct sleep *sleep = user;
    sleep->set = false;
    gw_flow_wake(sleep->wait.flow);
}

static int k_slept(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    l_raise_if_cancelled(L, (struct gw_flow *)ctx);
    return 0;
}

static int l_sleep(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 1, "must be between 0 and 86400 seconds");
    l_raise_if_cancelled(L, flow);
    struct sleep *sleep = lua_newuserdatauv(L, sizeof *sleep, 0);
    *sleep = (struct sleep){.wait.cancel = cancel_sleep};
    luaL_setmetatable(L, META);
    evtimer_assign(&sleep->timer, flow->state->host.base, time_is_up, sleep);
    gw_timer_set(&sleep->timer, (int64_t)(seconds * 1000));
    sleep->set = true;
    gw_flow_wait_noted(flow, &sleep->wait, GW_SPAN_SLEEP);
    return lua_yieldk(L, 0, (lua_KContext)flow, k_slept);
}

static const luaL_Reg functions[] = {
    {"sleep", l_sleep},
    {NULL, NULL},
};

void l_register_sleep(lua_State *L) {
    l_new_metatable(L, META, l_sleep_gc);
    luaL_setfuncs(L, functions, 0);
}
