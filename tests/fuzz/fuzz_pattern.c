/* Pattern, replacement and subject, separated by line feeds, a number before them: the bounded
 * string functions must answer what Lua's own do. */
#include "../unit/pattern_fixture.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the next line feed. */
static const char *next_text(const char **at, const char *end, size_t *n) {
    const char *start = *at, *feed = memchr(start, '\n', (size_t)(end - start));
    *n = (size_t)((feed ? feed : end) - start);
    *at = feed ? feed + 1 : end;
    return start;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    if (size == 0 || size > 200)
        return 0;
    if (!L)
        L = new_comparison();
    size_t n_pattern, n_replacement;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    const char *pattern = next_text(&at, end, &n_pattern);
    const char *replacement = next_text(&at, end, &n_replacement);
    if (!is_same(L, at, (size_t)(end - at), pattern, n_pattern, replacement, n_replacement,
                 (lua_Integer)data[0] - '5')) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return 0;
}
