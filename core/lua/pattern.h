/* Lua's patterns, matched in bounded time: the language of Lua 5.4's string library, answer for
 * answer and error for error, but each call has only so many steps, in proportion to the subject,
 * and lets the hook in on its way (see budget.h). Backtracking that runs wild is an error that
 * names itself.
 *
 * A matcher lives on the C stack of one call and owns nothing. All runs protected and may raise. */
#ifndef GW_LUA_PATTERN_H
#define GW_LUA_PATTERN_H

#include "base/str.h"

#include <lua.h>
#include <stdint.h>

#define GW_PATTERN_CAPTURES 32 /* as many as Lua has */

struct gw_capture {
    const char *start;
    ptrdiff_t len; /* or one of pattern.c's special values */
};

struct gw_matcher {
    lua_State *L;
    const char *subject, *subject_end, *pattern_end; /* a NUL stands at both ends, as Lua has it */
    int64_t left;                                    /* steps until the hook is let in */
    int64_t left_in_all;
    int depth; /* of recursion that is still allowed */
    int n_captures;
    struct gw_capture captures[GW_PATTERN_CAPTURES];
};

/* Both texts are Lua strings that stay on the stack. */
void l_matcher_init(struct gw_matcher *m, lua_State *L, struct gw_str subject,
                    struct gw_str pattern);

/* The end of a match of `pattern`, up to pattern_end, that begins at `at`; NULL if there is none.
 */
const char *l_match(struct gw_matcher *m, const char *at, const char *pattern);

/* Pushes capture `i` from 0 of a match from `start` to `end`; where the pattern has none, the first
 * is the whole match. */
void l_push_capture(struct gw_matcher *m, int i, const char *start, const char *end);

/* Pushes them all and returns how many. `start` NULL: the whole match does not stand in for none.
 */
int l_push_captures(struct gw_matcher *m, const char *start, const char *end);

/* Counts `n` steps; raises when there were too many. */
static inline void l_spend(struct gw_matcher *m, size_t n);

void l_spent(struct gw_matcher *m);

static inline void l_spend(struct gw_matcher *m, size_t n) {
    m->left -= (int64_t)n;
    if (m->left < 0)
        l_spent(m);
}

#endif
