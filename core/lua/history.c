#include "lua/history.h"

#include <string.h>

void gw_history_add(struct gw_history *history, const struct gw_record *record) {
    if (history->n == GW_HISTORY_SIZE) {
        gw_sources_free(history->records[0].sources);
        memmove(history->records, history->records + 1, --history->n * sizeof history->records[0]);
    }
    history->records[history->n] = *record;
    gw_sources_keep(history->records[history->n++].sources);
}

const struct gw_record *gw_history_find(const struct gw_history *history, unsigned number) {
    for (unsigned i = 0; i < history->n; i++)
        if (history->records[i].number == number)
            return &history->records[i];
    return NULL;
}

const struct gw_record *gw_history_previous(const struct gw_history *history) {
    const struct gw_record *newest = &history->records[history->n - 1];
    for (unsigned i = history->n; i-- > 1;)
        if (strcmp(history->records[i - 1].sources->sha256, newest->sources->sha256) != 0)
            return &history->records[i - 1];
    return NULL;
}

void gw_history_fini(struct gw_history *history) {
    while (history->n > 0)
        gw_sources_free(history->records[--history->n].sources);
}
