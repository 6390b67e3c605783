/* Lists of words: as text with spaces between them, and as an array that ends with NULL. */
#ifndef GW_ADMIN_WORDS_H
#define GW_ADMIN_WORDS_H

#include "base/buf.h"

bool gw_words_have(const char *list, struct gw_str word);
void gw_words_append(struct gw_buf *out, const char *const *words); /* "a, b or c" */

#endif
