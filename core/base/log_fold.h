/* Errors that repeat: the first is written at once, the others of the same level that are the same
 * are counted, and told each minute by one line:
 *
 *     {"time":...,"level":"warn","message":...,"repeated":118,"first_at":...,"last_at":...}
 *
 * which is the last of them with the count and the times of the first and the last that it counts.
 * After a minute without one the next is a first again. How many kinds are known is bounded; what
 * is beyond that is written as it comes. Pure: the times are arguments. */
#ifndef GW_BASE_LOG_FOLD_H
#define GW_BASE_LOG_FOLD_H

#include "base/log_queue.h"

#define GW_LOG_FOLD_KINDS 256

struct gw_log_fold_entry;

/* All zero is a valid one, which folds nothing. */
struct gw_log_fold {
    int64_t every_ms;                                     /* the "minute"; 0: nothing is folded */
    struct gw_log_fold_entry *entries[GW_LOG_FOLD_KINDS]; /* owned */
    size_t n;
};

/* Frees what it knows, also what was not told. */
void gw_log_fold_fini(struct gw_log_fold *fold);

/* Whether the record repeats one that was written, and is counted: not to be written. */
bool gw_log_fold_holds(struct gw_log_fold *fold, const struct gw_log_record *record,
                       int64_t now_ms);

/* Appends a line that is due to `out`, without a line feed; false: there is none (more). With
 * now_ms INT64_MAX all that was counted is due. */
bool gw_log_fold_next(struct gw_log_fold *fold, int64_t now_ms, int64_t wall_us,
                      struct gw_buf *out);

/* When the next one is due; INT64_MAX: none is. */
int64_t gw_log_fold_due_ms(const struct gw_log_fold *fold);

#endif
