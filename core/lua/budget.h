/* Budgets: how much CPU and memory scripts may use. An account is what one request, one job or the
 * loading of a state has used over all its runs; a run is the stretch in Lua between two waits, one
 * per state and thread at a time.
 *
 * CPU is counted by the thread's ticks (base/ticker.h), which cost a run nothing. When a budget is
 * spent the account is stopped: a count hook is set on the coroutine that runs, and from then on
 * each instruction of a function of a script's raises, so that no pcall, handler, metamethod or
 * __close can hold it. The prelude goes on, to undo, answer and log, with a short grace; if that is
 * spent too, it raises there, and again after the next one. What runs in C for long lets the hook
 * in (l_let_hook_in). Coroutines are entered through here, so that the hook reaches the innermost.
 *
 * Memory is counted by the state's heap. What a request may not have is not given; when Lua cannot
 * go on without it, the account is stopped in the same way.
 *
 * Functions of the prelude are told by the name of their chunk: see gw_is_prelude(). */
#ifndef GW_LUA_BUDGET_H
#define GW_LUA_BUDGET_H

#include "base/buf.h"
#include "lua/heap.h"
#include "policy/metric.h"

#include <lua.h>
#include <signal.h>
#include <stdint.h>

struct gw_state;
struct gw_settings;

#define GW_UNDO_MS        50   /* of CPU for the gateway and the script in one undo of a saga's */
#define GW_ALL_UNDOS_MS   1000 /* of one account */
#define GW_MAX_CLOSING    8    /* coroutine.close() within the __close of another */
#define GW_PLACE_SIZE     96
#define GW_PRELUDE_PREFIX "@gateway"

enum gw_account_kind { GW_ACCOUNT_REQUEST, GW_ACCOUNT_JOB, GW_ACCOUNT_LOADING };

enum gw_stop {
    GW_STOP_NONE,
    GW_STOP_RUN,          /* too long between two waits */
    GW_STOP_TOTAL,        /* too much in all */
    GW_STOP_MEMORY,       /* holds too much */
    GW_STOP_DEPTH,        /* the same, by calls that are nested too deeply */
    GW_STOP_STATE_MEMORY, /* everything in the state together holds too much */
    GW_STOP_OVER,         /* it went on after its request was over */
};

/* Embedded in a flow. All zero is the account of a request that has used nothing. */
struct gw_account {
    enum gw_account_kind kind;
    int64_t used_us;
    int64_t undo_us;      /* of which in undos */
    struct gw_metric cpu; /* where its time is counted besides; all zero: nowhere */
    int64_t held;         /* bytes: what its runs took, less what they gave back; never negative */
    enum gw_stop stop;
    int64_t stopped_at, budget; /* milliseconds, or bytes */
    char where[GW_PLACE_SIZE];  /* "routes/x.lua:12", empty until it is known */
};

/* Embedded in a state. What is volatile is shared with the signal handler. */
struct gw_run {
    lua_State *volatile L;     /* the innermost coroutine; NULL: nothing runs */
    volatile int64_t used_us;  /* since gw_budget_begin() */
    volatile int64_t limit_us; /* of used_us: what happens then depends on the fields below */
    volatile sig_atomic_t is_over;
    bool is_tight; /* memory is beyond its limit: look whether garbage can be spared */
    struct gw_account *account;
    int64_t *undo_left_us; /* in an undo: the flow's; else NULL */
    int64_t since_us;      /* used_us when limit_us was set */
    bool stopped;          /* functions of scripts raise */
    bool out_of_grace;     /* the next function raises, whose ever it is */
    unsigned n_graces;
    size_t heap_before;
    bool reserve_taken;
    unsigned closing; /* depth: see GW_MAX_CLOSING */
};

/* A run begins and ends: `co` is what will be resumed. Between them the account is charged. With an
 * account that is stopped, scripts raise from the first instruction on. */
void gw_budget_begin(struct gw_state *state, lua_State *co, struct gw_account *account,
                     int64_t *undo_left_us);
void gw_budget_end(struct gw_state *state, lua_State *co);

/* An undo begins with GW_UNDO_MS of its own, also on an account that is stopped; NULL: it ends. */
void gw_budget_undo(struct gw_state *state, int64_t *undo_left_us);

/* Stops what runs on L, without a budget being spent. */
void gw_budget_stop(lua_State *L, enum gw_stop why);

/* `co` is the innermost from here on; returns what was, which is to be entered again after it. */
lua_State *gw_budget_enter(lua_State *co);

/* Lets the hook see that time is up. */
bool gw_budget_is_stopped(lua_State *L);

/* Whether a chunk of this name is the prelude's. Scripts cannot name one so: their files end in
 * ".lua", and load() refuses such names. */
bool gw_is_prelude(const char *source);

/* Whether the Lua function that L is in, or that called the C function it is in, is a script's. */
bool gw_is_in_script(lua_State *L);

/* What scripts read of a stop: "script_budget" or "script_memory"; and one line about it, with the
 * place. Where nothing is stopped, NULL and nothing. */
const char *gw_account_kind_of_stop(const struct gw_account *account);
void gw_account_describe(const struct gw_account *account, struct gw_buf *line);

/* Something large has gone: collects, and gives back what is not needed. */
void gw_budget_tidy(struct gw_state *state);

/* The memory that a state's heap may have while it loads, and what it has then. */
void gw_budget_init_heap(struct gw_state *state);

/* In a C function's long loop: a hook that was set meanwhile has its say, and may raise. */
static inline void l_let_hook_in(lua_State *L) {
    lua_Debug at;
    lua_Hook hook = lua_gethook(L);
    int top = lua_gettop(L);
    if (!hook || !(lua_gethookmask(L) & LUA_MASKCOUNT) || !lua_getstack(L, 0, &at))
        return;
    at.event = LUA_HOOKCOUNT;
    if (lua_checkstack(L, LUA_MINSTACK))
        hook(L, &at);
    lua_settop(L, top); /* as Lua does after a hook */
}

#endif
