/* What an account says of its stop. */
#include "lua/budget.h"

#include <inttypes.h>

static const char *owner(const struct gw_account *account) {
    switch (account->kind) {
    case GW_ACCOUNT_REQUEST:
        break;
    case GW_ACCOUNT_JOB:
        return "the job";
    case GW_ACCOUNT_LOADING:
        return "loading";
    }
    return "the request";
}

const char *gw_account_kind_of_stop(const struct gw_account *account) {
    switch (account->stop) {
    case GW_STOP_NONE:
        return NULL;
    case GW_STOP_MEMORY:
    case GW_STOP_DEPTH:
    case GW_STOP_STATE_MEMORY:
        return "script_memory";
    case GW_STOP_RUN:
    case GW_STOP_TOTAL:
    case GW_STOP_OVER:
        break;
    }
    return "script_budget";
}

void gw_account_describe(const struct gw_account *account, struct gw_buf *line) {
    int64_t budget = account->budget, mib = budget >> 20;
    if (*account->where)
        gw_buf_printf(line, "%s: ", account->where);
    switch (account->stop) {
    case GW_STOP_NONE:
        break;
    case GW_STOP_RUN:
        gw_buf_printf(line,
                      "the script ran for %" PRId64 " ms on end; its budget is %" PRId64 " ms",
                      account->stopped_at, budget);
        break;
    case GW_STOP_TOTAL:
        gw_buf_printf(line, "%s has used %" PRId64 " ms of CPU; its budget is %" PRId64 " ms",
                      owner(account), account->stopped_at, budget);
        break;
    case GW_STOP_MEMORY:
        gw_buf_printf(line, "%s needs more than its %" PRId64 " MiB of memory", owner(account),
                      mib);
        break;
    case GW_STOP_DEPTH:
        gw_buf_printf(line, "stack overflow: calls are nested until %" PRId64 " MiB are full", mib);
        break;
    case GW_STOP_STATE_MEMORY:
        gw_buf_printf(
            line, "the scripts of a worker need more than their %" PRId64 " MiB of memory", mib);
        break;
    case GW_STOP_OVER:
        gw_buf_printf(line, "the script goes on after its request is over");
        break;
    }
}
