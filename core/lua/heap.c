#include "lua/heap.h"

#include <sanitizer/asan_interface.h> /* without ASan, empty macros */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ALIGN ((size_t)32 * 1024) /* so that a block's chunk is found by its address */
#define CHUNK_SIZE  (CHUNK_ALIGN - 32)  /* leaves malloc() room, so that chunks lie close */

/* One that was given back. Poisoned, so that ASan sees what uses it still. */
struct gw_heap_block {
    struct gw_heap_block *next;
};

struct gw_heap_chunk {
    struct gw_heap_chunk *next;
    unsigned n_cut, n_kept; /* grains: ever given away; and, while it is trimmed, given back */
    char blocks[] __attribute__((aligned(GW_HEAP_GRAIN)));
};

static size_t grains(size_t size) {
    return (size + GW_HEAP_GRAIN - 1) / GW_HEAP_GRAIN;
}

/* What is left of the chunk before it, less than GW_HEAP_SMALL bytes, is lost. */
static bool add_chunk(struct gw_heap *heap) {
    void *memory;
    if (posix_memalign(&memory, CHUNK_ALIGN, CHUNK_SIZE) != 0)
        return false;
    struct gw_heap_chunk *chunk = memory;
    chunk->next = heap->chunks;
    chunk->n_cut = chunk->n_kept = 0;
    heap->chunked += CHUNK_SIZE;
    heap->chunks = chunk;
    heap->at = chunk->blocks;
    heap->end = (char *)chunk + CHUNK_SIZE;
    ASAN_POISON_MEMORY_REGION(heap->at, heap->end - heap->at);
    return true;
}

static void *cut(struct gw_heap *heap, size_t size) {
    if ((size_t)(heap->end - heap->at) < size && !add_chunk(heap))
        return NULL;
    void *block = heap->at;
    heap->at += size;
    heap->chunks->n_cut += (unsigned)grains(size);
    return block;
}

static void *take_small(struct gw_heap *heap, size_t size) {
    size_t n = grains(size);
    struct gw_heap_block *block = heap->kept[n];
    if (!block)
        return cut(heap, n * GW_HEAP_GRAIN);
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof *block);
    heap->kept[n] = block->next;
    return block;
}

/* Makes `size` bytes of a small block accessible, and no more. */
static void open_block(void *block, size_t size) {
    ASAN_POISON_MEMORY_REGION(block, grains(size) * GW_HEAP_GRAIN);
    ASAN_UNPOISON_MEMORY_REGION(block, size);
}

static void *take(struct gw_heap *heap, size_t size) {
    if (size > GW_HEAP_SMALL)
        return malloc(size);
    void *block = take_small(heap, size);
    if (block)
        open_block(block, size);
    return block;
}

static void give_back(struct gw_heap *heap, void *memory, size_t size) {
    if (size > GW_HEAP_SMALL) {
        free(memory);
        return;
    }
    struct gw_heap_block *block = memory, **kept = &heap->kept[grains(size)];
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof *block);
    block->next = *kept;
    *kept = block;
    ASAN_POISON_MEMORY_REGION(block, grains(size) * GW_HEAP_GRAIN);
}

static void *resize(struct gw_heap *heap, void *block, size_t old_size, size_t size) {
    if (old_size > GW_HEAP_SMALL && size > GW_HEAP_SMALL)
        return realloc(block, size);
    if (grains(old_size) == grains(size)) {
        open_block(block, size);
        return block;
    }
    void *moved = take(heap, size);
    if (!moved)
        return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    give_back(heap, block, old_size);
    return moved;
}

/* Whether to grow a block is beyond `limit`. Shrinking never fails: Lua relies on it. */
static bool is_beyond(const struct gw_heap *heap, size_t limit, size_t old_size, size_t size) {
    return size > old_size && heap->limit &&
           (heap->used > limit || size - old_size > limit - heap->used);
}

/* Most blocks end at the first question. */
static bool may_have(struct gw_heap *heap, size_t old_size, size_t size) {
    if (!is_beyond(heap, heap->limit, old_size, size))
        return true;
    if (is_beyond(heap, heap->limit + heap->slack, old_size, size))
        return false;
    if (heap->on_tight)
        heap->on_tight(heap->user);
    return true;
}

/* Between the two times that Lua asks, it collects, which asks for nothing. Its buffers ask but
 * once; what is more than all there is is as good as asked for twice. */
static void refuse(struct gw_heap *heap, void *block, size_t size) {
    bool again = heap->refused && heap->refused_block == block && heap->refused_size == size;
    again = again || size > heap->limit + heap->slack;
    heap->refused = !again;
    heap->refused_block = block;
    heap->refused_size = size;
    if (again && heap->on_exhausted)
        heap->on_exhausted(heap->user, size);
}

/* Where there is no block, Lua says with `old_size` what the new one is for. */
void *gw_heap_alloc(void *user, void *block, size_t old_size, size_t size) {
    struct gw_heap *heap = user;
    old_size = block ? old_size : 0;
    if (size == 0) {
        if (block)
            give_back(heap, block, old_size);
        heap->used -= old_size;
        return NULL;
    }
    if (!may_have(heap, old_size, size)) {
        refuse(heap, block, size);
        return NULL;
    }
    if (size > old_size)
        heap->refused = false;
    void *given = block ? resize(heap, block, old_size, size) : take(heap, size);
    if (given)
        heap->used += size - old_size;
    return given;
}

/* --- trimming --- */

static struct gw_heap_chunk *chunk_of(struct gw_heap_block *block) {
    return (struct gw_heap_chunk *)((uintptr_t)block & ~(uintptr_t)(CHUNK_ALIGN - 1));
}

/* Its first chunk is the one that is being cut. */
static bool is_spare(const struct gw_heap *heap, const struct gw_heap_chunk *chunk) {
    return chunk != heap->chunks && chunk->n_kept == chunk->n_cut;
}

static struct gw_heap_block *next_of(struct gw_heap_block *block) {
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof *block);
    struct gw_heap_block *next = block->next;
    ASAN_POISON_MEMORY_REGION(block, sizeof *block);
    return next;
}

static void count_kept(struct gw_heap *heap) {
    for (unsigned n = 1; n <= GW_HEAP_SMALL / GW_HEAP_GRAIN; n++)
        for (struct gw_heap_block *at = heap->kept[n]; at; at = next_of(at))
            chunk_of(at)->n_kept += n;
}

/* Takes the blocks of spare chunks from their lists. */
static void forget_blocks(struct gw_heap *heap) {
    for (unsigned n = 1; n <= GW_HEAP_SMALL / GW_HEAP_GRAIN; n++) {
        struct gw_heap_block *at = heap->kept[n], *next;
        heap->kept[n] = NULL;
        for (; at; at = next) {
            next = next_of(at);
            if (!is_spare(heap, chunk_of(at)))
                give_back(heap, at, (size_t)n * GW_HEAP_GRAIN);
        }
    }
}

static void free_spare_chunks(struct gw_heap *heap) {
    for (struct gw_heap_chunk **at = &heap->chunks, *chunk; (chunk = *at);) {
        if (is_spare(heap, chunk)) {
            *at = chunk->next;
            free(chunk);
            heap->chunked -= CHUNK_SIZE;
        } else {
            chunk->n_kept = 0;
            at = &chunk->next;
        }
    }
}

void gw_heap_trim(struct gw_heap *heap) {
    count_kept(heap);
    forget_blocks(heap);
    free_spare_chunks(heap);
}

void gw_heap_fini(struct gw_heap *heap) {
    while (heap->chunks) {
        struct gw_heap_chunk *chunk = heap->chunks;
        heap->chunks = chunk->next;
        free(chunk);
    }
    *heap = (struct gw_heap){0};
}
