#include "lua/budget.h"

#include "lua/state.h"

#include "base/ticker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define GRACE_US   50000             /* for the prelude, once scripts are stopped */
#define MAX_GRACES 10                /* then everything raises */
#define RESERVE    ((size_t)1 << 20) /* bytes, to undo, answer and log when memory is out */
#define SLACK      ((size_t)4 << 20) /* of a heap; the next instruction collects, if it is used */
#define DEEP       5000              /* calls: more, and it is their depth that took the memory */

static _Thread_local struct gw_run *volatile current; /* what the ticks are charged to */

/* --- the hook --- */

bool gw_is_prelude(const char *source) {
    size_t n = strlen(source), prefix = strlen(GW_PRELUDE_PREFIX);
    if (strncmp(source, GW_PRELUDE_PREFIX, prefix) != 0)
        return false;
    bool is_module = source[prefix] == '\0' || source[prefix] == '.';
    return is_module && (n < 4 || strcmp(source + n - 4, ".lua") != 0);
}

bool gw_is_in_script(lua_State *L) {
    lua_Debug at;
    for (int level = 0; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "S", &at);
        if (*at.what != 'C')
            return !gw_is_prelude(at.source);
    }
    return true; /* a coroutine that is a C function: a script made it */
}

/* Where the script is: the first of its functions from the inside. */
static void note_place(lua_State *L, struct gw_account *account) {
    lua_Debug at;
    for (int level = 0; !*account->where && lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.currentline > 0 && !gw_is_prelude(at.source))
            snprintf(account->where, sizeof account->where, "%s:%d", at.short_src, at.currentline);
    }
}

static void l_raise_stop(lua_State *L, struct gw_account *account) {
    char text[GW_PLACE_SIZE + 128];
    struct gw_buf line = {0};
    note_place(L, account);
    gw_account_describe(account, &line);
    snprintf(text, sizeof text, "%.*s", GW_STR_ARG(gw_buf_str(&line)));
    gw_buf_fini(&line);
    lua_pushstring(L, text);
    lua_error(L);
}

static void escalate(struct gw_run *run);
static void spare_garbage(struct gw_run *run);

/* Called at each instruction while it is set. */
static void on_count(lua_State *L, lua_Debug *at) {
    (void)at;
    struct gw_run *run = &gw_state_of(L)->run;
    escalate(run);
    spare_garbage(run);
    if (!run->stopped) {
        lua_sethook(L, NULL, 0, 0); /* of a coroutine that outlived what was stopped */
        return;
    }
    bool everything = run->n_graces > MAX_GRACES || run->out_of_grace;
    if (!everything && !gw_is_in_script(L))
        return;
    run->out_of_grace = false;
    l_raise_stop(L, run->account);
}

static void set_hook(lua_State *L, bool on) {
    if (on)
        lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    else if (lua_gethook(L))
        lua_sethook(L, NULL, 0, 0);
}

/* In a signal handler. It does so at each tick, so that no race can lose it. */
static void on_tick(int64_t spent_us) {
    struct gw_run *run = current;
    if (!run)
        return;
    run->used_us += spent_us;
    if (run->used_us < run->limit_us)
        return;
    run->is_over = 1;
    lua_sethook(run->L, on_count, LUA_MASKCOUNT, 1);
}

/* --- what is allowed --- */

static int64_t total_us(const struct gw_state *state, const struct gw_account *account) {
    const struct gw_settings *s = state->host.settings;
    switch (account->kind) {
    case GW_ACCOUNT_REQUEST:
        break;
    case GW_ACCOUNT_JOB:
        return s->script_job_ms * 1000;
    case GW_ACCOUNT_LOADING:
        return s->script_load_ms * 1000;
    }
    return s->script_request_ms * 1000;
}

static int64_t run_us(const struct gw_state *state, const struct gw_account *account) {
    return account->kind == GW_ACCOUNT_LOADING ? total_us(state, account)
                                               : state->host.settings->script_run_ms * 1000;
}

static struct gw_state *state_of(struct gw_run *run) {
    return (struct gw_state *)((char *)run - offsetof(struct gw_state, run));
}

static void note_stop(struct gw_run *run, enum gw_stop why, int64_t at, int64_t budget) {
    struct gw_account *account = run->account;
    if (account->stop != GW_STOP_NONE)
        return;
    account->stop = why;
    account->stopped_at = at;
    account->budget = budget;
}

/* What is left until something happens, and what has happened already. */
static int64_t look_up_limit(struct gw_run *run) {
    struct gw_state *state = state_of(run);
    struct gw_account *account = run->account;
    int64_t in_all = total_us(state, account), at_once = run_us(state, account);
    int64_t left = in_all - account->used_us - run->used_us;
    if (run->undo_left_us) {
        run->stopped = *run->undo_left_us <= 0;
        return run->stopped ? GRACE_US : *run->undo_left_us;
    }
    if (left <= 0)
        note_stop(run, GW_STOP_TOTAL, (account->used_us + run->used_us) / 1000, in_all / 1000);
    run->stopped = account->stop != GW_STOP_NONE;
    return run->stopped ? GRACE_US : left < at_once ? left : at_once;
}

static void set_limit(struct gw_run *run) {
    int64_t left = look_up_limit(run);
    run->since_us = run->used_us;
    run->limit_us = run->used_us + left;
    run->is_over = 0;
    run->out_of_grace = false;
    set_hook(run->L, run->stopped || run->is_tight);
}

static void charge_undo(struct gw_run *run) {
    if (!run->undo_left_us)
        return;
    *run->undo_left_us -= run->used_us - run->since_us;
    run->account->undo_us += run->used_us - run->since_us;
    run->since_us = run->used_us;
}

/* The limit is reached: scripts stop; if they had, the prelude's grace is over. */
static void escalate(struct gw_run *run) {
    struct gw_account *account = run->account;
    if (!run->is_over)
        return;
    run->is_over = 0;
    if (!run->L || run->used_us < run->limit_us)
        return;
    int64_t used_us = run->used_us, all_us = account->used_us + used_us;
    int64_t in_all = total_us(state_of(run), account);
    if (run->stopped) {
        run->out_of_grace = true;
        run->n_graces++;
    } else if (run->undo_left_us) {
        charge_undo(run);
    } else if (all_us >= in_all) {
        note_stop(run, GW_STOP_TOTAL, all_us / 1000, in_all / 1000);
    } else {
        note_stop(run, GW_STOP_RUN, used_us / 1000, run_us(state_of(run), account) / 1000);
    }
    run->stopped = true;
    run->limit_us = used_us + GRACE_US;
}

/* --- memory --- */

/* A request may add so much to what it holds; and, as garbage is charged to who made it but may be
 * collected in another's run, it has too much only if the whole state has that much more than it
 * had when it was loaded. */
static void limit_heap(struct gw_state *state) {
    const struct gw_settings *s = state->host.settings;
    struct gw_heap *heap = &state->heap;
    const struct gw_account *account = state->run.account;
    size_t all = (size_t)s->max_script_state, one = (size_t)s->max_script_request;
    size_t limit = heap->used + (account->held < (int64_t)one ? one - (size_t)account->held : 0);
    if (limit < state->heap_loaded + one)
        limit = state->heap_loaded + one;
    if (account->kind == GW_ACCOUNT_LOADING || limit > all - SLACK)
        limit = all - SLACK;
    if (state->run.stopped || state->run.undo_left_us)
        limit += RESERVE;
    state->run.heap_before = heap->used;
    state->run.reserve_taken = state->run.stopped || state->run.undo_left_us;
    heap->limit = limit;
}

static void charge_heap(struct gw_state *state) {
    struct gw_account *account = state->run.account;
    account->held += (int64_t)state->heap.used - (int64_t)state->run.heap_before;
    if (account->held < 0)
        account->held = 0;
    state->heap.limit = (size_t)state->host.settings->max_script_state;
}

/* Lua has collected and still needs more than there is. */
static void on_exhausted(void *user, size_t size) {
    struct gw_state *state = user;
    struct gw_run *run = &state->run;
    const struct gw_settings *s = state->host.settings;
    lua_Debug at;
    if (!run->L || run->reserve_taken)
        return;
    bool all = (int64_t)(state->heap.used + size + SLACK) > s->max_script_state;
    enum gw_stop why = lua_getstack(run->L, DEEP, &at) ? GW_STOP_DEPTH
                       : all                           ? GW_STOP_STATE_MEMORY
                                                       : GW_STOP_MEMORY;
    int64_t held = run->account->held + (int64_t)state->heap.used - (int64_t)run->heap_before;
    note_stop(run, why, all ? (int64_t)state->heap.used : held,
              all ? s->max_script_state : s->max_script_request);
    note_place(run->L, run->account);
    state->heap.limit = state->heap.used + RESERVE;
    run->reserve_taken = run->stopped = true;
    run->limit_us = run->used_us + GRACE_US;
    set_hook(run->L, true);
}

/* From within Lua's allocator: no time to collect. */
static void on_tight(void *user) {
    struct gw_run *run = &((struct gw_state *)user)->run;
    if (!run->L || run->reserve_taken || run->is_tight)
        return;
    run->is_tight = true;
    set_hook(run->L, true);
}

/* From the hook. */
static void spare_garbage(struct gw_run *run) {
    struct gw_state *state = state_of(run);
    if (!run->is_tight || !run->L)
        return;
    lua_gc(run->L, LUA_GCCOLLECT);
    run->is_tight = false;
    if (state->heap.used > state->heap.limit)
        on_exhausted(state, 0);
}

void gw_budget_tidy(struct gw_state *state) {
    lua_gc(state->L, LUA_GCCOLLECT);
    gw_heap_trim(&state->heap);
    state->trim_at = 2 * state->heap.chunked;
}

/* Blocks of many sizes, one size after the other, can keep chunks that none of them needs. */
static void trim_if_large(struct gw_state *state) {
    size_t least = (size_t)state->host.settings->max_script_state;
    if (state->heap.chunked > least && state->heap.chunked > state->trim_at)
        gw_budget_tidy(state);
}

void gw_budget_init_heap(struct gw_state *state) {
    state->heap.limit = (size_t)state->host.settings->max_script_state;
    state->heap.slack = SLACK;
    state->heap.on_tight = on_tight;
    state->heap.on_exhausted = on_exhausted;
    state->heap.user = state;
}

/* --- runs --- */

/* The handler must not see a run before it is whole, nor after: it runs on this very thread, so it
 * is the compiler only that could put things out of order. */
static void publish(struct gw_run *run) {
    atomic_signal_fence(memory_order_seq_cst);
    current = run;
    atomic_signal_fence(memory_order_seq_cst);
}

void gw_budget_begin(struct gw_state *state, lua_State *co, struct gw_account *account,
                     int64_t *undo_left_us) {
    struct gw_run *run = &state->run;
    gw_ticker_start(on_tick);
    *run = (struct gw_run){.L = co, .account = account, .undo_left_us = undo_left_us};
    set_limit(run);
    limit_heap(state);
    publish(run);
}

void gw_budget_end(struct gw_state *state, lua_State *co) {
    struct gw_run *run = &state->run;
    publish(NULL);
    charge_undo(run);
    charge_heap(state);
    run->account->used_us += run->used_us;
    if (run->used_us)
        gw_metric_add(run->account->cpu, run->used_us);
    atomic_store_explicit(&state->heap_in_use, state->heap.used, memory_order_relaxed);
    set_hook(co, false);
    run->L = NULL;
    trim_if_large(state);
}

void gw_budget_undo(struct gw_state *state, int64_t *undo_left_us) {
    struct gw_run *run = &state->run;
    int64_t left_us = GW_ALL_UNDOS_MS * 1000 - run->account->undo_us;
    charge_undo(run);
    if (undo_left_us)
        *undo_left_us = left_us < GW_UNDO_MS * 1000 ? left_us : GW_UNDO_MS * 1000;
    run->undo_left_us = undo_left_us;
    set_limit(run);
}

void gw_budget_stop(lua_State *L, enum gw_stop why) {
    struct gw_run *run = &gw_state_of(L)->run;
    note_stop(run, why, 0, 0);
    note_place(L, run->account);
    set_limit(run);
}

lua_State *gw_budget_enter(lua_State *co) {
    struct gw_run *run = &gw_state_of(co)->run;
    lua_State *before = run->L;
    if (!before)
        return NULL;
    run->L = co;
    set_hook(co, run->stopped || run->is_over || run->is_tight);
    return before;
}

bool gw_budget_is_stopped(lua_State *L) {
    struct gw_run *run = &gw_state_of(L)->run;
    if (!run->L)
        return false;
    escalate(run);
    return run->stopped;
}
