#include "policy/retry_budget.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

#define SECONDS 10

/* What happened in one second. It is emptied when its place is needed for a later one. */
struct bucket {
    int64_t second;
    unsigned calls, retries;
};

struct gw_retry_budget {
    pthread_mutex_t mutex; /* guards all that follows */
    struct gw_retry_budget_options options;
    struct bucket buckets[SECONDS]; /* by second, modulo */
};

struct gw_retry_budget *gw_retry_budget_new(struct gw_retry_budget_options options) {
    struct gw_retry_budget *budget = gw_calloc(1, sizeof *budget);
    budget->options = options;
    pthread_mutex_init(&budget->mutex, NULL);
    return budget;
}

void gw_retry_budget_free(struct gw_retry_budget *budget) {
    if (!budget)
        return;
    pthread_mutex_destroy(&budget->mutex);
    free(budget);
}

void gw_retry_budget_configure(struct gw_retry_budget *budget,
                               struct gw_retry_budget_options options) {
    pthread_mutex_lock(&budget->mutex);
    budget->options = options;
    pthread_mutex_unlock(&budget->mutex);
}

static struct bucket *bucket_for(struct gw_retry_budget *budget, int64_t second) {
    struct bucket *bucket = &budget->buckets[second % SECONDS];
    if (bucket->second != second)
        *bucket = (struct bucket){.second = second};
    return bucket;
}

void gw_retry_budget_deposit(struct gw_retry_budget *budget, int64_t now_ms) {
    pthread_mutex_lock(&budget->mutex);
    bucket_for(budget, now_ms / 1000)->calls++;
    pthread_mutex_unlock(&budget->mutex);
}

static bool is_within_share(const struct gw_retry_budget *budget, int64_t second) {
    unsigned calls = 0, retries = 0;
    for (unsigned i = 0; i < SECONDS; i++) {
        const struct bucket *bucket = &budget->buckets[i];
        bool recent = bucket->second > second - SECONDS;
        calls += recent ? bucket->calls : 0;
        retries += recent ? bucket->retries : 0;
    }
    return retries < budget->options.ratio * calls;
}

static bool withdraw(struct gw_retry_budget *budget, int64_t second) {
    struct bucket *now = bucket_for(budget, second);
    if (now->retries >= budget->options.per_second && !is_within_share(budget, second))
        return false;
    now->retries++;
    return true;
}

bool gw_retry_budget_withdraw(struct gw_retry_budget *budget, int64_t now_ms) {
    pthread_mutex_lock(&budget->mutex);
    bool granted = withdraw(budget, now_ms / 1000);
    pthread_mutex_unlock(&budget->mutex);
    return granted;
}
