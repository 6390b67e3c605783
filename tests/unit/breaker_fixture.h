/* A breaker, the clock it is given, and the last of the transitions that it told of. */
#ifndef BREAKER_FIXTURE_H
#define BREAKER_FIXTURE_H

#include "policy/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct gw_breaker *breaker;
    int64_t now;
    unsigned n_changes;
    struct gw_breaker_change last;
    int64_t changed_at;
};

static void note_change(void *user, const struct gw_breaker_change *change) {
    struct world *w = user;
    w->n_changes++;
    w->last = *change;
    w->changed_at = w->now;
}

static struct world *world_new(struct gw_breaker_options options) {
    struct world *w = calloc(1, sizeof *w);
    w->breaker = gw_breaker_new(options, note_change, w);
    w->now = 1000000;
    return w;
}

static void world_free(struct world *w) {
    gw_breaker_free(w->breaker);
    free(w);
}

static bool admit(struct world *w, struct gw_breaker_permit *permit) {
    int64_t retry_after;
    return gw_breaker_admit(w->breaker, w->now, permit, &retry_after);
}

static struct gw_breaker_permit must_admit(struct world *w) {
    struct gw_breaker_permit permit;
    assert_true(admit(w, &permit));
    return permit;
}

static void report(struct world *w, struct gw_breaker_permit permit, enum gw_breaker_report what) {
    gw_breaker_report(w->breaker, permit, what, 0, w->now);
}

static void call(struct world *w, enum gw_breaker_report what) {
    report(w, must_admit(w), what);
}

static inline void calls(struct world *w, unsigned n, enum gw_breaker_report what) {
    while (n--)
        call(w, what);
}

static void assert_state(struct world *w, enum gw_breaker_state expected) {
    assert_string_equal(gw_breaker_state_name(gw_breaker_state(w->breaker, w->now)),
                        gw_breaker_state_name(expected));
}

#endif
