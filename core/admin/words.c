#include "admin/words.h"

bool gw_words_have(const char *list, struct gw_str word) {
    struct gw_str rest = gw_str_from(list), item;
    while (gw_str_split(rest, ' ', &item, &rest))
        if (gw_str_equal(item, word))
            return true;
    return false;
}

void gw_words_append(struct gw_buf *out, const char *const *words) {
    for (size_t i = 0; words[i]; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        gw_buf_printf(out, "%s%s", before, words[i]);
    }
}
