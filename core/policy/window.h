/* A sliding window of outcomes: the last N calls, or the calls of the last so many milliseconds. It
 * is a ring of slots whose totals are kept up to date: a slot is one call, or a tenth of the time.
 * Embedded in its owner, who guards it; the time is an argument and may step back a little, as the
 * clocks read by several threads do. */
#ifndef GW_POLICY_WINDOW_H
#define GW_POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define GW_WINDOW_MAX_CALLS 10000

/* Neither, all zero, is a window that sees nothing; with both, calls are counted. */
struct gw_window_options {
    unsigned calls; /* the last so many, at most the maximum */
    int64_t ms;     /* or those of so long: the last nine tenths of it at least, all at most */
};

struct gw_window_counts {
    unsigned calls, failures, slow; /* a slow failure is in both */
};

struct gw_window {
    struct gw_window_options options;
    struct gw_window_counts totals; /* of all slots */
    struct gw_window_counts *slots; /* owned; NULL if it sees nothing */
    unsigned n_slots, at;           /* `at` is the newest */
    int64_t turn;                   /* by time: the number of the tenth that `at` stands for */
};

void gw_window_init(struct gw_window *window, struct gw_window_options options);
void gw_window_fini(struct gw_window *window);

/* Other options empty it; equal ones change nothing. */
void gw_window_configure(struct gw_window *window, struct gw_window_options options);

void gw_window_clear(struct gw_window *window);
void gw_window_add(struct gw_window *window, bool failed, bool slow, int64_t now_ms);
struct gw_window_counts gw_window_totals(struct gw_window *window, int64_t now_ms);

#endif
