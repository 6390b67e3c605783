/* The header: what its value says the key is. */
#include "engine/keys_internal.h"

#include <string.h>

static bool is_visible(char c) {
    return c > ' ' && c < 0x7f;
}

static bool read_bare(struct gw_str value, struct gw_buf *key) {
    for (size_t i = 0; i < value.len; i++)
        if (!is_visible(value.data[i]) || value.data[i] == '"' || value.data[i] == ',')
            return false;
    gw_buf_append_str(key, value);
    return true;
}

/* After the first quote: characters from space to "~", of which quote and backslash are escaped,
 * up to the last quote. */
static bool read_quoted(struct gw_str text, struct gw_buf *key) {
    size_t i = 0;
    for (; i < text.len && text.data[i] != '"'; i++) {
        if (text.data[i] == '\\' && (++i == text.len || !strchr("\"\\", text.data[i])))
            return false;
        if (text.data[i] != ' ' && !is_visible(text.data[i]))
            return false;
        gw_buf_append_char(key, text.data[i]);
    }
    return i + 1 == text.len;
}

bool gw_key_read(struct gw_str value, struct gw_buf *key) {
    bool ok = value.len && value.data[0] == '"'
                  ? read_quoted((struct gw_str){value.data + 1, value.len - 1}, key)
                  : read_bare(value, key);
    return ok && key->len > 0 && key->len <= GW_KEY_MAX_LEN;
}
