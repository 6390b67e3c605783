/* Memory from the C heap, for everything that is not Lua's. A gateway that cannot get memory cannot
 * go on: each function here logs one line and aborts instead of returning NULL, so no caller needs
 * an error path for it. What is returned is released with free(). Lua's own memory does not come
 * from here: a script that asks for too much must get an error, not end the process. */
#ifndef GW_BASE_ALLOC_H
#define GW_BASE_ALLOC_H

#include <stddef.h>

void *gw_alloc(size_t size);
void *gw_calloc(size_t count, size_t size);
void *gw_realloc(void *block, size_t size);
char *gw_strdup(const char *text);
char *gw_strndup(const char *text, size_t n);

#endif
