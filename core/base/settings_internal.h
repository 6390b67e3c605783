/* What the files of settings share: settings.c has the table, and knows where values come from;
 * settings_values.c knows what they may be. Not for others. */
#ifndef GW_BASE_SETTINGS_INTERNAL_H
#define GW_BASE_SETTINGS_INTERNAL_H

#include "base/settings.h"

enum kind {
    TEXT,
    COUNT,
    SECONDS,
    RATIO, /* from 0 to 1 */
    PORT,
    LEVEL,
    FORMAT,
    MODE,
    SAMPLER,
    EXPORTER,
    PROTOCOL,
    URL,
    ORIGINS,
    SWITCH,     /* 0 or 1 */
    TRUTH,      /* false or true */
    ATTRIBUTES, /* key=value, comma separated; see pairs.h */
    HEADERS,    /* likewise, but each is a header field, and a secret */
    SECRET,     /* a text */
};

struct setting {
    const char *name;
    enum kind kind;
    size_t at;            /* offset in struct gw_settings */
    int64_t min, max;     /* of the number as it is written */
    const char *fallback; /* as it would be written; NULL: not set */
    const char *help;     /* of what has a few names these, as a list */
};

/* False if the setting cannot have this value. */
bool gw_setting_read(struct gw_settings *settings, const struct setting *setting, const char *text);

/* One line that says so: without the value if that is a secret. */
void gw_setting_explain(const struct setting *setting, const char *text, struct gw_buf *error);

bool gw_setting_is_secret(const struct setting *setting);

#endif
