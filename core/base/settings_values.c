/* What a setting may be, and what is said of what it may not be. */
#include "base/settings_internal.h"

#include "base/pairs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void *field(struct gw_settings *settings, const struct setting *setting) {
    return (char *)settings + setting->at;
}

static bool read_count(struct gw_settings *s, const struct setting *setting, const char *text) {
    uint64_t value;
    if (!gw_str_to_u64(gw_str_from(text), (uint64_t)setting->max, &value))
        return false;
    *(int64_t *)field(s, setting) = (int64_t)value;
    return (int64_t)value >= setting->min;
}

/* Seconds, with an optional fraction, kept in milliseconds. */
static bool read_seconds(struct gw_settings *s, const struct setting *setting, const char *text) {
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    double seconds = strtod(text, &end);
    int64_t ms = *end == '\0' && seconds <= (double)setting->max ? (int64_t)(seconds * 1000) : -1;
    *(int64_t *)field(s, setting) = ms;
    return ms >= 0 && (ms > 0 || setting->min == 0);
}

static bool read_mode(struct gw_settings *s, const struct setting *setting, const char *text) {
    bool development = strcmp(text, "development") == 0;
    *(bool *)field(s, setting) = development;
    return development || strcmp(text, "production") == 0;
}

/* A flag without a value says 1. */
static bool read_switch(struct gw_settings *s, const struct setting *setting, const char *text) {
    bool on = strcmp(text, "1") == 0;
    *(bool *)field(s, setting) = on;
    return on || strcmp(text, "0") == 0;
}

/* Without a user and password: nothing would send them, and they would be seen in logs. */
static bool is_url(const char *text) {
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : "";
    const char *at = strchr(host, '@');
    return *host && *host != '/' && !strpbrk(text, " \t\r\n?#") &&
           !(at && at < host + strcspn(host, "/"));
}

/* An origin is a URL without a path, as browsers send it (RFC 6454, 6.2). */
static bool is_origin(struct gw_str item) {
    char text[256];
    if (item.len >= sizeof text)
        return false;
    memcpy(text, item.data, item.len);
    text[item.len] = '\0';
    return is_url(text) && !strchr(strstr(text, "//") + 2, '/');
}

/* "*" alone, or origins. */
static bool is_origins(const char *text) {
    struct gw_str rest = gw_str_from(text), item;
    if (gw_str_equal(gw_str_trim(rest), GW_STR("*")))
        return true;
    while (gw_str_split(rest, ',', &item, &rest))
        if (!is_origin(gw_str_trim(item)))
            return false;
    return true;
}

static const char *const samplers[] = {
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
    NULL,
};
static const char *const exporters[] = {"otlp", "none", NULL};
static const char *const protocols[] = {"http/json", NULL};

static bool is_one_of(const char *text, const char *const *words) {
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words != NULL;
}

static bool read_ratio(struct gw_settings *s, const struct setting *setting, const char *text) {
    char *end;
    double ratio = strtod(text, &end);
    *(double *)field(s, setting) = ratio;
    return isdigit((unsigned char)text[0]) && *end == '\0' && ratio <= 1;
}

static bool read_truth(struct gw_settings *s, const struct setting *setting, const char *text) {
    bool is_true = gw_str_equal_nocase(gw_str_from(text), GW_STR("true"));
    *(bool *)field(s, setting) = is_true;
    return is_true || gw_str_equal_nocase(gw_str_from(text), GW_STR("false"));
}

/* Of a header field neither can break the line. */
static bool is_field(struct gw_str name, struct gw_str value) {
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.data[i]) && name.data[i] != '-' && name.data[i] != '_')
            return false;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_pairs(const char *text, bool are_fields) {
    struct gw_str rest = gw_str_from(text), key;
    struct gw_buf value = {0};
    bool ok = true;
    while (ok && gw_pairs_next(&rest, &key, &value))
        ok = !are_fields || is_field(key, gw_buf_str(&value));
    gw_buf_fini(&value);
    return ok && rest.len == 0;
}

static bool read_text(struct gw_settings *s, const struct setting *setting, const char *text) {
    *(const char **)field(s, setting) = text;
    switch (setting->kind) {
    case URL:
        return is_url(text);
    case ORIGINS:
        return is_origins(text);
    case SAMPLER:
        return is_one_of(text, samplers);
    case EXPORTER:
        return is_one_of(text, exporters);
    case PROTOCOL:
        return is_one_of(text, protocols);
    case ATTRIBUTES:
    case HEADERS:
        return is_pairs(text, setting->kind == HEADERS);
    default:
        return true;
    }
}

bool gw_setting_read(struct gw_settings *s, const struct setting *setting, const char *text) {
    switch (setting->kind) {
    case COUNT:
    case PORT:
        return read_count(s, setting, text);
    case SECONDS:
        return read_seconds(s, setting, text);
    case RATIO:
        return read_ratio(s, setting, text);
    case LEVEL:
        return gw_log_level_from(gw_str_from(text), field(s, setting));
    case FORMAT:
        return gw_log_format_from(gw_str_from(text), field(s, setting));
    case MODE:
        return read_mode(s, setting, text);
    case SWITCH:
        return read_switch(s, setting, text);
    case TRUTH:
        return read_truth(s, setting, text);
    default:
        return read_text(s, setting, text);
    }
}

bool gw_setting_is_secret(const struct setting *setting) {
    return setting->kind == SECRET || setting->kind == HEADERS;
}

static void explain_number(const struct setting *setting, struct gw_buf *error) {
    gw_buf_printf(error, "a number%s from %" PRId64 " to %" PRId64,
                  setting->kind == SECONDS ? " of seconds" : "", setting->min, setting->max);
}

/* What all values of a kind are; NULL: they are numbers, or the setting's help lists them. */
static const char *what_it_is(enum kind kind) {
    switch (kind) {
    case SWITCH:
        return "0 or 1";
    case TRUTH:
        return "true or false";
    case URL:
        return "an http:// or https:// URL without user and password";
    case ORIGINS:
        return "* or origins like https://shop.example, comma separated";
    case ATTRIBUTES:
    case HEADERS:
        return "key=value, comma separated and percent-encoded";
    default:
        return NULL;
    }
}

static bool is_number(enum kind kind) {
    return kind == COUNT || kind == PORT || kind == SECONDS || kind == RATIO;
}

void gw_setting_explain(const struct setting *setting, const char *text, struct gw_buf *error) {
    const char *what = what_it_is(setting->kind);
    if (gw_setting_is_secret(setting) || (setting->kind == URL && strchr(text, '@')))
        gw_buf_printf(error, "%s: its value is not ", setting->name);
    else
        gw_buf_printf(error, "%s: \"%s\" is not ", setting->name, text);
    if (what)
        gw_buf_append_str(error, gw_str_from(what));
    else if (is_number(setting->kind))
        explain_number(setting, error);
    else
        gw_buf_printf(error, "one of: %s", setting->help);
}
