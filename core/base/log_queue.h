/* The lines that one thread has logged and the writer has not yet written: a queue between exactly
 * one that puts and one that takes, without a lock. It is bounded in bytes; what does not fit is
 * refused at once. Memory comes in blocks as it is needed, one of which is kept for reuse. */
#ifndef GW_BASE_LOG_QUEUE_H
#define GW_BASE_LOG_QUEUE_H

#include "base/log.h"

struct gw_log_record {
    int64_t time_us; /* wall clock; by it the queues of several threads are merged */
    enum gw_log_level level;
    struct gw_str
        same; /* what makes it a repetition of another of its level; empty: nothing does */
    struct gw_str line; /* a JSON object, without a line feed */
};

struct gw_log_queue;

struct gw_log_queue *gw_log_queue_new(size_t max_bytes);
void gw_log_queue_free(struct gw_log_queue *queue);

/* By the one that puts: copies the record. False: there is no room for it. */
bool gw_log_queue_put(struct gw_log_queue *queue, const struct gw_log_record *record);

/* By the one that takes: the oldest record, whose slices are valid until it is taken. False: there
 * is none. */
bool gw_log_queue_peek(struct gw_log_queue *queue, struct gw_log_record *out);
void gw_log_queue_take(struct gw_log_queue *queue);

/* By either, in the order of all threads: whether something was put that is not taken yet, and
 * whether it is more than half of what there is room for. */
bool gw_log_queue_has_any(struct gw_log_queue *queue);
bool gw_log_queue_is_filling(struct gw_log_queue *queue);

#endif
