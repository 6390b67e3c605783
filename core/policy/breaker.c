#include "policy/breaker.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Half-open: a trial is over long before its lease, so a caller need not wait for that. */
#define TRIAL_MS 1000

#define RECOVERY_MAX_TIMES 8 /* the recovery time, where no maximum is given */

struct gw_breaker {
    gw_breaker_changed_fn changed;
    void *user;

    pthread_mutex_t mutex; /* guards all that follows; never held while `changed` runs */
    struct gw_breaker_options options;
    enum gw_breaker_state state;
    uint64_t epoch;                        /* goes up with each transition */
    int64_t since_ms;                      /* of the state */
    char reason[GW_BREAKER_REASON_SIZE];   /* likewise */
    unsigned reopened;                     /* failed trials since it was closed */
    unsigned failures;                     /* closed: in a row */
    struct gw_window window;               /* closed: of all calls */
    unsigned successes;                    /* half-open: of trials */
    unsigned n_leases;                     /* half-open: trials in flight */
    int64_t leases[GW_BREAKER_MAX_TRIALS]; /* when each expires; equal ones are interchangeable */
};

static unsigned clamp(unsigned value, unsigned min, unsigned max) {
    return value < min ? min : value > max ? max : value;
}

static double clamp_rate(double rate) {
    return rate > 0 ? rate < 1 ? rate : 1 : 0;
}

/* A window of ten calls never has a minimum of twenty. */
static struct gw_breaker_options within_range(struct gw_breaker_options options) {
    if (options.window.calls > GW_WINDOW_MAX_CALLS)
        options.window.calls = GW_WINDOW_MAX_CALLS;
    unsigned most = options.window.calls ? options.window.calls : UINT32_MAX;
    options.minimum_calls = clamp(options.minimum_calls, 1, most);
    options.failure_rate = clamp_rate(options.failure_rate);
    options.slow_rate = options.slow_call_ms > 0 ? clamp_rate(options.slow_rate) : 0;
    options.trials = clamp(options.trials, 1, GW_BREAKER_MAX_TRIALS);
    if (options.recovery_ms < 1)
        options.recovery_ms = 1;
    if (options.recovery_max_ms == 0)
        options.recovery_max_ms = options.recovery_ms * RECOVERY_MAX_TIMES;
    if (options.recovery_max_ms < options.recovery_ms)
        options.recovery_max_ms = options.recovery_ms;
    return options;
}

struct gw_breaker *gw_breaker_new(struct gw_breaker_options options, gw_breaker_changed_fn changed,
                                  void *user) {
    struct gw_breaker *breaker = gw_calloc(1, sizeof *breaker);
    breaker->options = within_range(options);
    breaker->changed = changed;
    breaker->user = user;
    gw_window_init(&breaker->window, breaker->options.window);
    pthread_mutex_init(&breaker->mutex, NULL);
    return breaker;
}

void gw_breaker_free(struct gw_breaker *breaker) {
    if (!breaker)
        return;
    gw_window_fini(&breaker->window);
    pthread_mutex_destroy(&breaker->mutex);
    free(breaker);
}

void gw_breaker_configure(struct gw_breaker *breaker, struct gw_breaker_options options) {
    pthread_mutex_lock(&breaker->mutex);
    breaker->options = within_range(options);
    gw_window_configure(&breaker->window, breaker->options.window);
    pthread_mutex_unlock(&breaker->mutex);
}

/* --- Transitions: at most one for each lock() --- */

static enum gw_breaker_state lock(struct gw_breaker *breaker) {
    pthread_mutex_lock(&breaker->mutex);
    return breaker->state;
}

static void unlock(struct gw_breaker *breaker, enum gw_breaker_state from) {
    if (breaker->state == from || !breaker->changed) {
        pthread_mutex_unlock(&breaker->mutex);
        return;
    }
    struct gw_breaker_change change = {.from = from, .to = breaker->state};
    memcpy(change.reason, breaker->reason, sizeof change.reason);
    pthread_mutex_unlock(&breaker->mutex);
    breaker->changed(breaker->user, &change);
}

__attribute__((format(printf, 4, 5))) static void enter(struct gw_breaker *breaker,
                                                        enum gw_breaker_state state, int64_t now_ms,
                                                        const char *reason, ...) {
    va_list args;
    va_start(args, reason);
    vsnprintf(breaker->reason, sizeof breaker->reason, reason, args);
    va_end(args);
    breaker->state = state;
    breaker->epoch++;
    breaker->since_ms = now_ms;
    breaker->failures = 0;
    breaker->successes = 0;
    breaker->n_leases = 0;
    gw_window_clear(&breaker->window);
}

static void close_it(struct gw_breaker *breaker, int64_t now_ms) {
    enter(breaker, GW_BREAKER_CLOSED, now_ms, "%u trial%s succeeded", breaker->successes,
          breaker->successes == 1 ? "" : "s");
    breaker->reopened = 0;
}

static void open_again(struct gw_breaker *breaker, int64_t now_ms, const char *reason) {
    enter(breaker, GW_BREAKER_OPEN, now_ms, "%s", reason);
    breaker->reopened++;
}

static int64_t recovery_ms(const struct gw_breaker *breaker) {
    int64_t ms = breaker->options.recovery_ms, max = breaker->options.recovery_max_ms;
    for (unsigned i = 0; i < breaker->reopened && ms < max; i++)
        ms = ms > max / 2 ? max : ms * 2;
    return ms;
}

static int64_t recovers_at(const struct gw_breaker *breaker) {
    return breaker->since_ms + recovery_ms(breaker);
}

static bool is_recovered(const struct gw_breaker *breaker, int64_t now_ms) {
    return breaker->state == GW_BREAKER_OPEN && now_ms >= recovers_at(breaker);
}

/* What the next caller would meet. */
static enum gw_breaker_state state_at(const struct gw_breaker *breaker, int64_t now_ms) {
    return is_recovered(breaker, now_ms) ? GW_BREAKER_HALF_OPEN : breaker->state;
}

/* --- Leases --- */

/* The order of leases means nothing: the last takes the place of the one that goes. */
static void drop_lease(struct gw_breaker *breaker, unsigned i) {
    breaker->leases[i] = breaker->leases[--breaker->n_leases];
}

static void drop_expired(struct gw_breaker *breaker, int64_t now_ms) {
    for (unsigned i = breaker->n_leases; i-- > 0;)
        if (breaker->leases[i] <= now_ms)
            drop_lease(breaker, i);
}

static bool take_back_lease(struct gw_breaker *breaker, int64_t until_ms) {
    for (unsigned i = 0; i < breaker->n_leases; i++) {
        if (breaker->leases[i] == until_ms) {
            drop_lease(breaker, i);
            return true;
        }
    }
    return false;
}

static int64_t first_expiry(const struct gw_breaker *breaker) {
    int64_t first = breaker->leases[0];
    for (unsigned i = 1; i < breaker->n_leases; i++)
        if (breaker->leases[i] < first)
            first = breaker->leases[i];
    return first;
}

/* --- Admission --- */

static bool admit_trial(struct gw_breaker *breaker, int64_t now_ms,
                        struct gw_breaker_permit *permit) {
    drop_expired(breaker, now_ms);
    if (breaker->n_leases >= breaker->options.trials)
        return false;
    int64_t until_ms = now_ms + breaker->options.lease_ms;
    breaker->leases[breaker->n_leases++] = until_ms;
    *permit = (struct gw_breaker_permit){breaker->epoch, true, until_ms};
    return true;
}

static bool admit(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_permit *permit) {
    if (is_recovered(breaker, now_ms))
        enter(breaker, GW_BREAKER_HALF_OPEN, now_ms, "open for %.1f s",
              (double)(now_ms - breaker->since_ms) / 1000);
    switch (breaker->state) {
    case GW_BREAKER_CLOSED:
    case GW_BREAKER_DISABLED:
        *permit = (struct gw_breaker_permit){.epoch = breaker->epoch};
        return true;
    case GW_BREAKER_HALF_OPEN:
        return admit_trial(breaker, now_ms, permit);
    case GW_BREAKER_OPEN:
    case GW_BREAKER_FORCED_OPEN:
        break;
    }
    return false;
}

static int64_t wait_ms(const struct gw_breaker *breaker, int64_t now_ms) {
    if (breaker->state == GW_BREAKER_FORCED_OPEN)
        return breaker->options.recovery_ms;
    bool open = breaker->state == GW_BREAKER_OPEN;
    int64_t wait = (open ? recovers_at(breaker) : first_expiry(breaker)) - now_ms;
    if (!open && wait > TRIAL_MS)
        wait = TRIAL_MS;
    return wait > 1 ? wait : 1;
}

bool gw_breaker_admit(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_permit *permit,
                      int64_t *retry_after_ms) {
    enum gw_breaker_state from = lock(breaker);
    bool admitted = admit(breaker, now_ms, permit);
    if (!admitted)
        *retry_after_ms = wait_ms(breaker, now_ms);
    unlock(breaker, from);
    return admitted;
}

static bool lets_in(struct gw_breaker *breaker, int64_t now_ms) {
    switch (state_at(breaker, now_ms)) {
    case GW_BREAKER_CLOSED:
    case GW_BREAKER_DISABLED:
        return true;
    case GW_BREAKER_HALF_OPEN:
        drop_expired(breaker, now_ms);
        return breaker->n_leases < breaker->options.trials;
    case GW_BREAKER_OPEN:
    case GW_BREAKER_FORCED_OPEN:
        break;
    }
    return false;
}

bool gw_breaker_lets_in(struct gw_breaker *breaker, int64_t now_ms, int64_t *retry_after_ms) {
    pthread_mutex_lock(&breaker->mutex);
    bool yes = lets_in(breaker, now_ms);
    if (!yes)
        *retry_after_ms = wait_ms(breaker, now_ms);
    pthread_mutex_unlock(&breaker->mutex);
    return yes;
}

/* --- Reports --- */

static bool is_slow(const struct gw_breaker *breaker, int64_t duration_ms) {
    int64_t slow_ms = breaker->options.slow_call_ms;
    return slow_ms > 0 && duration_ms >= slow_ms;
}

/* Dividing is exact where multiplying is not: 7 of 100 is 0.07, but 0.07 * 100 is above 7. */
static double rate(unsigned part, unsigned whole) {
    return whole ? (double)part / whole : 0;
}

static bool is_reached(double limit, unsigned part, unsigned whole) {
    return limit > 0 && rate(part, whole) >= limit;
}

static void judge_window(struct gw_breaker *breaker, int64_t now_ms) {
    const struct gw_breaker_options *options = &breaker->options;
    struct gw_window_counts counts = gw_window_totals(&breaker->window, now_ms);
    if (counts.calls < options->minimum_calls)
        return;
    if (is_reached(options->failure_rate, counts.failures, counts.calls))
        enter(breaker, GW_BREAKER_OPEN, now_ms, "%u of %u calls failed (%.0f %%)", counts.failures,
              counts.calls, 100 * rate(counts.failures, counts.calls));
    else if (is_reached(options->slow_rate, counts.slow, counts.calls))
        enter(breaker, GW_BREAKER_OPEN, now_ms, "%u of %u calls were slow (%.0f %%)", counts.slow,
              counts.calls, 100 * rate(counts.slow, counts.calls));
}

static void report_call(struct gw_breaker *breaker, bool failed, bool slow, int64_t now_ms) {
    unsigned threshold = breaker->options.threshold;
    gw_window_add(&breaker->window, failed, slow, now_ms);
    breaker->failures = failed ? breaker->failures + 1 : 0;
    if (threshold && breaker->failures >= threshold)
        enter(breaker, GW_BREAKER_OPEN, now_ms, "%u failure%s in a row", breaker->failures,
              breaker->failures == 1 ? "" : "s");
    else
        judge_window(breaker, now_ms);
}

/* Where slow calls open it, slow trials cannot close it. */
static void judge_trial(struct gw_breaker *breaker, bool failed, bool slow, int64_t now_ms) {
    if (failed)
        open_again(breaker, now_ms, "trial failed");
    else if (slow && breaker->options.slow_rate > 0)
        open_again(breaker, now_ms, "trial was slow");
    else if (++breaker->successes >= breaker->options.trials)
        close_it(breaker, now_ms);
}

void gw_breaker_report(struct gw_breaker *breaker, struct gw_breaker_permit permit,
                       enum gw_breaker_report report, int64_t duration_ms, int64_t now_ms) {
    enum gw_breaker_state from = lock(breaker);
    bool current = permit.epoch == breaker->epoch; /* else the state has moved on since */
    bool counts = report != GW_BREAKER_IGNORED, failed = report == GW_BREAKER_FAILURE;
    bool slow = is_slow(breaker, duration_ms);
    if (current && breaker->state == GW_BREAKER_CLOSED && counts)
        report_call(breaker, failed, slow, now_ms);
    if (current && permit.trial) {
        drop_expired(breaker, now_ms);
        if (take_back_lease(breaker, permit.lease_until_ms) && counts)
            judge_trial(breaker, failed, slow, now_ms);
    }
    unlock(breaker, from);
}

void gw_breaker_expect_recovery(struct gw_breaker *breaker) {
    pthread_mutex_lock(&breaker->mutex);
    breaker->reopened = 0;
    pthread_mutex_unlock(&breaker->mutex);
}

/* --- What there is to see --- */

enum gw_breaker_state gw_breaker_state(struct gw_breaker *breaker, int64_t now_ms) {
    pthread_mutex_lock(&breaker->mutex);
    enum gw_breaker_state state = state_at(breaker, now_ms);
    pthread_mutex_unlock(&breaker->mutex);
    return state;
}

static void look(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_snapshot *snapshot) {
    struct gw_window_counts window = gw_window_totals(&breaker->window, now_ms);
    drop_expired(breaker, now_ms);
    *snapshot = (struct gw_breaker_snapshot){
        .state = state_at(breaker, now_ms),
        .since_ms = breaker->since_ms,
        .failures_in_a_row = breaker->failures,
        .window = window,
        .failure_rate = rate(window.failures, window.calls),
        .slow_rate = rate(window.slow, window.calls),
        .leases = breaker->n_leases,
        .successes = breaker->successes,
        .trials = breaker->options.trials,
    };
    memcpy(snapshot->reason, breaker->reason, sizeof snapshot->reason);
    if (snapshot->state == GW_BREAKER_OPEN)
        snapshot->next_trial_ms = recovers_at(breaker);
}

void gw_breaker_snapshot(struct gw_breaker *breaker, int64_t now_ms,
                         struct gw_breaker_snapshot *snapshot) {
    pthread_mutex_lock(&breaker->mutex);
    look(breaker, now_ms, snapshot);
    pthread_mutex_unlock(&breaker->mutex);
}

const char *gw_breaker_state_name(enum gw_breaker_state state) {
    static const char *const names[] = {
        [GW_BREAKER_CLOSED] = "closed",       [GW_BREAKER_OPEN] = "open",
        [GW_BREAKER_HALF_OPEN] = "half_open", [GW_BREAKER_FORCED_OPEN] = "forced_open",
        [GW_BREAKER_DISABLED] = "disabled",
    };
    return names[state];
}

/* --- An operator's hand --- */

/* To be there already changes nothing, so that counts are not lost by saying it twice. */
static void go(struct gw_breaker *breaker, enum gw_breaker_state to, int64_t now_ms,
               const char *reason) {
    enum gw_breaker_state from = lock(breaker);
    if (from != to) {
        enter(breaker, to, now_ms, "%s", reason);
        breaker->reopened = 0;
    }
    unlock(breaker, from);
}

void gw_breaker_force_open(struct gw_breaker *breaker, int64_t now_ms) {
    go(breaker, GW_BREAKER_FORCED_OPEN, now_ms, "forced by operator");
}

void gw_breaker_close(struct gw_breaker *breaker, int64_t now_ms) {
    go(breaker, GW_BREAKER_CLOSED, now_ms, "closed by operator");
}

void gw_breaker_disable(struct gw_breaker *breaker, int64_t now_ms) {
    go(breaker, GW_BREAKER_DISABLED, now_ms, "disabled by operator");
}

void gw_breaker_reset(struct gw_breaker *breaker, int64_t now_ms) {
    enum gw_breaker_state from = lock(breaker);
    enter(breaker, GW_BREAKER_CLOSED, now_ms, "reset by operator");
    breaker->reopened = 0;
    unlock(breaker, from);
}
