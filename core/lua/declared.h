/* The backends and breakers that a state's scripts declared, with the options they gave. While the
 * scripts load nothing that is in use is changed by them: the options are kept here, and given to
 * the process's backends and breakers when the generation goes live. Owned by the state. */
#ifndef GW_LUA_DECLARED_H
#define GW_LUA_DECLARED_H

#include "lua/state.h"

struct gw_declared {
    char *where; /* owned: "backends.lua:12" */
    union {
        struct gw_backend_options backend; /* a copy */
        struct gw_breaker_options breaker;
    } options;
};

/* Where the state's scripts declared it; NULL if they have not. */
const char *gw_state_declares_backend(const struct gw_state *state,
                                      const struct gw_backend *backend);
const char *gw_state_declares_breaker(const struct gw_state *state,
                                      const struct gw_breaker *breaker);

void gw_state_add_backend(struct gw_state *state, struct gw_backend *backend,
                          const struct gw_backend_options *options, const char *where);
void gw_state_add_breaker(struct gw_state *state, struct gw_breaker *breaker,
                          const struct gw_breaker_options *options, const char *where);
void gw_state_forget_declared(struct gw_state *state); /* with its metrics */

/* What the scripts declared becomes what is in use. Gives the options to the backends and breakers,
 * but for those that `before` declares too (it may be NULL): states of one generation say the same,
 * and need to be heard once. Each state's routes get their meters. */
void gw_state_configure(const struct gw_state *state, const struct gw_state *before);

#endif
