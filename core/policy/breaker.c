#include "policy/breaker.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

struct gw_breaker {
    gw_breaker_changed_fn changed;
    void *user;

    pthread_mutex_t mutex; /* guards all that follows; never held while `changed` runs */
    struct gw_breaker_options options;
    enum gw_breaker_state state;
    uint64_t epoch;                        /* goes up with each transition */
    unsigned failures;                     /* closed: in a row */
    unsigned successes;                    /* half-open: of trials */
    int64_t opened_at_ms;                  /* open */
    unsigned n_leases;                     /* half-open: trials in flight */
    int64_t leases[GW_BREAKER_MAX_TRIALS]; /* when each expires; equal ones are interchangeable */
};

/* What is told to `changed` after the mutex is released. */
struct transition {
    enum gw_breaker_state from, to;
};

static unsigned clamp(unsigned value, unsigned max) {
    return value == 0 ? 1 : value > max ? max : value;
}

static struct gw_breaker_options within_range(struct gw_breaker_options options) {
    options.threshold = clamp(options.threshold, UINT32_MAX);
    options.trials = clamp(options.trials, GW_BREAKER_MAX_TRIALS);
    return options;
}

struct gw_breaker *gw_breaker_new(struct gw_breaker_options options, gw_breaker_changed_fn changed,
                                  void *user) {
    struct gw_breaker *breaker = gw_calloc(1, sizeof *breaker);
    breaker->options = within_range(options);
    breaker->changed = changed;
    breaker->user = user;
    pthread_mutex_init(&breaker->mutex, NULL);
    return breaker;
}

void gw_breaker_free(struct gw_breaker *breaker) {
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->mutex);
    free(breaker);
}

void gw_breaker_configure(struct gw_breaker *breaker, struct gw_breaker_options options) {
    pthread_mutex_lock(&breaker->mutex);
    breaker->options = within_range(options);
    pthread_mutex_unlock(&breaker->mutex);
}

static struct transition lock(struct gw_breaker *breaker) {
    pthread_mutex_lock(&breaker->mutex);
    return (struct transition){breaker->state, breaker->state};
}

static void unlock(struct gw_breaker *breaker, struct transition transition) {
    transition.to = breaker->state;
    pthread_mutex_unlock(&breaker->mutex);
    if (transition.from != transition.to && breaker->changed)
        breaker->changed(breaker->user, transition.from, transition.to);
}

static void enter(struct gw_breaker *breaker, enum gw_breaker_state state, int64_t now_ms) {
    breaker->state = state;
    breaker->epoch++;
    breaker->failures = 0;
    breaker->successes = 0;
    breaker->n_leases = 0;
    breaker->opened_at_ms = now_ms;
}

static int64_t recovers_at(const struct gw_breaker *breaker) {
    return breaker->opened_at_ms + breaker->options.recovery_ms;
}

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
    if (breaker->state == GW_BREAKER_OPEN && now_ms >= recovers_at(breaker))
        enter(breaker, GW_BREAKER_HALF_OPEN, now_ms);
    switch (breaker->state) {
    case GW_BREAKER_CLOSED:
        *permit = (struct gw_breaker_permit){.epoch = breaker->epoch};
        return true;
    case GW_BREAKER_HALF_OPEN:
        return admit_trial(breaker, now_ms, permit);
    case GW_BREAKER_OPEN:
        break;
    }
    return false;
}

bool gw_breaker_admit(struct gw_breaker *breaker, int64_t now_ms, struct gw_breaker_permit *permit,
                      int64_t *retry_after_ms) {
    struct transition transition = lock(breaker);
    bool admitted = admit(breaker, now_ms, permit);
    if (!admitted) {
        bool open = breaker->state == GW_BREAKER_OPEN;
        int64_t wait = (open ? recovers_at(breaker) : first_expiry(breaker)) - now_ms;
        *retry_after_ms = wait > 1 ? wait : 1;
    }
    unlock(breaker, transition);
    return admitted;
}

static void report_call(struct gw_breaker *breaker, enum gw_breaker_report report, int64_t now_ms) {
    if (report == GW_BREAKER_SUCCESS)
        breaker->failures = 0;
    else if (report == GW_BREAKER_FAILURE && ++breaker->failures >= breaker->options.threshold)
        enter(breaker, GW_BREAKER_OPEN, now_ms);
}

static void report_trial(struct gw_breaker *breaker, int64_t lease_until_ms,
                         enum gw_breaker_report report, int64_t now_ms) {
    drop_expired(breaker, now_ms);
    if (!take_back_lease(breaker, lease_until_ms))
        return;
    if (report == GW_BREAKER_FAILURE)
        enter(breaker, GW_BREAKER_OPEN, now_ms);
    else if (report == GW_BREAKER_SUCCESS && ++breaker->successes >= breaker->options.trials)
        enter(breaker, GW_BREAKER_CLOSED, now_ms);
}

void gw_breaker_report(struct gw_breaker *breaker, struct gw_breaker_permit permit,
                       enum gw_breaker_report report, int64_t now_ms) {
    struct transition transition = lock(breaker);
    bool current = permit.epoch == breaker->epoch; /* else the state has moved on since */
    if (current && permit.trial)
        report_trial(breaker, permit.lease_until_ms, report, now_ms);
    else if (current)
        report_call(breaker, report, now_ms);
    unlock(breaker, transition);
}

enum gw_breaker_state gw_breaker_state(struct gw_breaker *breaker, int64_t now_ms) {
    pthread_mutex_lock(&breaker->mutex);
    enum gw_breaker_state state = breaker->state;
    if (state == GW_BREAKER_OPEN && now_ms >= recovers_at(breaker))
        state = GW_BREAKER_HALF_OPEN;
    pthread_mutex_unlock(&breaker->mutex);
    return state;
}

const char *gw_breaker_state_name(enum gw_breaker_state state) {
    static const char *const names[] = {
        [GW_BREAKER_CLOSED] = "closed",
        [GW_BREAKER_OPEN] = "open",
        [GW_BREAKER_HALF_OPEN] = "half_open",
    };
    return names[state];
}
