#include "base/log_queue.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)32 << 10)
#define CACHE_LINE  64

/* In front of each record's `same` and `line`. */
struct head {
    int64_t time_us;
    uint32_t line_len;
    uint16_t same_len;
    uint8_t level;
};

struct block {
    _Atomic(struct block *) next; /* set once, by the one that puts, when this one is full */
    size_t cap;
    atomic_size_t len; /* of `data`, for the one that takes */
    char data[];
};

struct gw_log_queue {
    /* Of the one that puts. */
    struct block *last;
    size_t max_bytes;
    atomic_size_t put; /* bytes ever */

    /* Of the one that takes. */
    char apart[CACHE_LINE];
    struct block *first;           /* owned, with all that follow it */
    size_t at;                     /* in its data */
    atomic_size_t taken;           /* bytes ever */
    _Atomic(struct block *) spare; /* owned: emptied, to be used again, or NULL */
};

static struct block *new_block(size_t least) {
    size_t cap = least > BLOCK_BYTES ? least : BLOCK_BYTES;
    struct block *block = gw_alloc(sizeof *block + cap);
    block->cap = cap;
    return block;
}

static struct block *reset(struct block *block) {
    atomic_init(&block->next, NULL);
    atomic_init(&block->len, 0);
    return block;
}

struct gw_log_queue *gw_log_queue_new(size_t max_bytes) {
    struct gw_log_queue *queue = gw_calloc(1, sizeof *queue);
    queue->max_bytes = max_bytes;
    queue->first = queue->last = reset(new_block(0));
    return queue;
}

void gw_log_queue_free(struct gw_log_queue *queue) {
    if (!queue)
        return;
    for (struct block *block = queue->first, *next; block; block = next) {
        next = atomic_load(&block->next);
        free(block);
    }
    free(atomic_load(&queue->spare));
    free(queue);
}

/* --- who puts --- */

/* A block with room for `need` bytes: the last one, or a new last one. */
static struct block *room_for(struct gw_log_queue *queue, size_t need) {
    struct block *last = queue->last;
    if (last->cap - atomic_load_explicit(&last->len, memory_order_relaxed) >= need)
        return last;
    struct block *block = atomic_exchange(&queue->spare, NULL);
    if (block && block->cap < need) {
        free(block);
        block = NULL;
    }
    block = reset(block ? block : new_block(need));
    atomic_store_explicit(&last->next, block, memory_order_release);
    return queue->last = block;
}

static char *copy(char *to, const void *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

bool gw_log_queue_put(struct gw_log_queue *queue, const struct gw_log_record *record) {
    struct head head = {
        .time_us = record->time_us,
        .line_len = (uint32_t)record->line.len,
        .same_len = (uint16_t)(record->same.len < UINT16_MAX ? record->same.len : UINT16_MAX),
        .level = (uint8_t)record->level,
    };
    size_t need = sizeof head + head.same_len + record->line.len;
    size_t put = atomic_load_explicit(&queue->put, memory_order_relaxed);
    size_t used = put - atomic_load_explicit(&queue->taken, memory_order_acquire);
    if (need > queue->max_bytes || used > queue->max_bytes - need)
        return false;
    struct block *block = room_for(queue, need);
    size_t len = atomic_load_explicit(&block->len, memory_order_relaxed);
    char *at = copy(block->data + len, &head, sizeof head);
    at = copy(at, record->same.data, head.same_len);
    copy(at, record->line.data, record->line.len);
    atomic_store_explicit(&block->len, len + need, memory_order_release);
    atomic_store(&queue->put, put + need); /* in the order of all: see log_writer.c */
    return true;
}

/* --- who takes --- */

/* What is emptied is the spare one; of two, one is enough. */
static void recycle(struct gw_log_queue *queue, struct block *block) {
    free(atomic_exchange(&queue->spare, block));
}

/* Whether the first block has something left; one that is used up makes room for the next. Its
 * length is final once there is a next one, so it is looked at again then. */
static bool find_any(struct gw_log_queue *queue) {
    for (;;) {
        struct block *first = queue->first;
        struct block *next = atomic_load_explicit(&first->next, memory_order_acquire);
        if (queue->at < atomic_load_explicit(&first->len, memory_order_acquire))
            return true;
        if (!next)
            return false;
        queue->first = next;
        queue->at = 0;
        recycle(queue, first);
    }
}

bool gw_log_queue_peek(struct gw_log_queue *queue, struct gw_log_record *out) {
    struct head head;
    if (!find_any(queue))
        return false;
    const char *at = queue->first->data + queue->at;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    *out = (struct gw_log_record){
        .time_us = head.time_us,
        .level = (enum gw_log_level)head.level,
        .same = {at, head.same_len},
        .line = {at + head.same_len, head.line_len},
    };
    return true;
}

void gw_log_queue_take(struct gw_log_queue *queue) {
    struct head head;
    memcpy(&head, queue->first->data + queue->at, sizeof head);
    size_t n = sizeof head + head.same_len + head.line_len;
    queue->at += n;
    size_t taken = atomic_load_explicit(&queue->taken, memory_order_relaxed);
    atomic_store_explicit(&queue->taken, taken + n, memory_order_release);
}

/* --- either --- */

static size_t used_by(struct gw_log_queue *queue) {
    size_t taken = atomic_load_explicit(&queue->taken, memory_order_relaxed);
    return atomic_load(&queue->put) - taken;
}

bool gw_log_queue_has_any(struct gw_log_queue *queue) {
    return used_by(queue) > 0;
}

bool gw_log_queue_is_filling(struct gw_log_queue *queue) {
    return used_by(queue) > queue->max_bytes / 2;
}
