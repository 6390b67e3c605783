/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef GW_BASE_UTF8_H
#define GW_BASE_UTF8_H

#include <stddef.h>

/* The length (1 to 4 bytes) of the valid sequence that `text` starts with, or 0 where it is not
 * valid or is cut off by `n`, the bytes there are (at least 1). */
size_t gw_utf8_sequence(const char *text, size_t n);

#endif
