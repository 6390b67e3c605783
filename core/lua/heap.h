/* The memory of one Lua state. Scripts live on small blocks, a hundred for a plain request, and Lua
 * says how large a block was when it gives it back: so blocks of up to GW_HEAP_SMALL bytes are cut
 * from chunks and kept for reuse in one list per size, which takes a few instructions and no lock.
 * Larger ones are malloc's. Chunks go back when the heap is trimmed. For one thread at a time.
 *
 * It counts what Lua holds. Beyond a limit it tells whoever set it, who may have the garbage
 * collected; by the slack further on it gives no more. To be refused makes Lua collect and ask once
 * more (but not its string buffers: hence the slack); when that is refused, too, it raises, and
 * whoever set the limit is told. */
#ifndef GW_LUA_HEAP_H
#define GW_LUA_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#define GW_HEAP_GRAIN 16 /* bytes: sizes are rounded up to a multiple, and blocks aligned to it */
#define GW_HEAP_SMALL 1024

struct gw_heap_block;
struct gw_heap_chunk;

/* All zero is an empty heap without a limit. */
struct gw_heap {
    size_t used;    /* bytes, as Lua asked for them */
    size_t chunked; /* bytes of chunks: what small blocks ever needed */
    size_t limit;   /* of `used`; 0: none */
    size_t slack;
    void (*on_tight)(void *user);                  /* beyond the limit; with each block */
    void (*on_exhausted)(void *user, size_t size); /* asked twice in vain for so many bytes */
    void *user;

    bool refused; /* the last that was asked for: this block, to be of this size */
    void *refused_block;
    size_t refused_size;

    struct gw_heap_block *kept[GW_HEAP_SMALL / GW_HEAP_GRAIN + 1]; /* by size in grains */
    struct gw_heap_chunk *chunks;                                  /* owned */
    char *at, *end; /* what is not cut yet of the newest chunk */
};

/* A lua_Alloc; `user` is the heap. */
void *gw_heap_alloc(void *user, void *block, size_t old_size, size_t size);

/* Gives back the chunks of which no block is in use. Looks at each block that is kept, so it is for
 * when there was much more in use than there is now. */
void gw_heap_trim(struct gw_heap *heap);

/* Frees the chunks. Larger blocks have to be given back before, as lua_close() does. */
void gw_heap_fini(struct gw_heap *heap);

#endif
