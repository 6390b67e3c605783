#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *block, size_t size) {
    if (block || size == 0)
        return block;
    fprintf(stderr, "moongate: out of memory (%zu bytes)\n", size);
    abort();
}

void *gw_alloc(size_t size) {
    return or_abort(malloc(size), size);
}

void *gw_calloc(size_t count, size_t size) {
    return or_abort(calloc(count, size), count * size);
}

void *gw_realloc(void *block, size_t size) {
    return or_abort(realloc(block, size), size);
}

char *gw_strdup(const char *text) {
    return gw_strndup(text, strlen(text));
}

char *gw_strndup(const char *text, size_t n) {
    char *copy = gw_alloc(n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}
