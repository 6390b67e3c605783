#include "policy/window.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define TENTHS 10

static unsigned slots_for(const struct gw_window_options *options) {
    if (options->calls > GW_WINDOW_MAX_CALLS)
        return GW_WINDOW_MAX_CALLS;
    return options->calls ? options->calls : options->ms > 0 ? TENTHS : 0;
}

void gw_window_init(struct gw_window *window, struct gw_window_options options) {
    unsigned n = slots_for(&options);
    *window = (struct gw_window){.options = options, .n_slots = n};
    if (n)
        window->slots = gw_calloc(n, sizeof *window->slots);
}

void gw_window_fini(struct gw_window *window) {
    free(window->slots);
    *window = (struct gw_window){0};
}

void gw_window_configure(struct gw_window *window, struct gw_window_options options) {
    if (options.calls == window->options.calls && options.ms == window->options.ms)
        return;
    gw_window_fini(window);
    gw_window_init(window, options);
}

void gw_window_clear(struct gw_window *window) {
    if (window->slots)
        memset(window->slots, 0, window->n_slots * sizeof *window->slots);
    window->totals = (struct gw_window_counts){0};
}

/* The oldest slot becomes the newest; what was in it is forgotten. */
static void turn(struct gw_window *window) {
    window->at = (window->at + 1) % window->n_slots;
    struct gw_window_counts *slot = &window->slots[window->at];
    window->totals.calls -= slot->calls;
    window->totals.failures -= slot->failures;
    window->totals.slow -= slot->slow;
    *slot = (struct gw_window_counts){0};
}

/* A time before the newest tenth belongs to that: another thread's clock was read later. */
static void turn_to(struct gw_window *window, int64_t now_ms) {
    int64_t tenth_ms = window->options.ms < TENTHS ? 1 : window->options.ms / TENTHS;
    int64_t to = now_ms / tenth_ms;
    for (unsigned i = 0; i < window->n_slots && window->turn < to - i; i++)
        turn(window);
    if (window->turn < to)
        window->turn = to;
}

static void count(struct gw_window_counts *counts, bool failed, bool slow) {
    counts->calls++;
    counts->failures += failed;
    counts->slow += slow;
}

void gw_window_add(struct gw_window *window, bool failed, bool slow, int64_t now_ms) {
    if (!window->slots)
        return;
    if (window->options.calls)
        turn(window);
    else
        turn_to(window, now_ms);
    count(&window->slots[window->at], failed, slow);
    count(&window->totals, failed, slow);
}

struct gw_window_counts gw_window_totals(struct gw_window *window, int64_t now_ms) {
    if (window->slots && !window->options.calls)
        turn_to(window, now_ms);
    return window->totals;
}
