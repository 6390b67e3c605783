#include "base/log_text.h"

#include "base/json_scan.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INDENT "             " /* as wide as a time and a space */

enum ink { PLAIN, DIM, BOLD, RED, GREEN, YELLOW, CYAN, BOLD_RED, BOLD_GREEN };

static const char *const codes[] = {
    [PLAIN] = "",    [DIM] = "2",   [BOLD] = "1",        [RED] = "31",          [GREEN] = "32",
    [YELLOW] = "33", [CYAN] = "36", [BOLD_RED] = "1;31", [BOLD_GREEN] = "1;32",
};

struct text {
    struct gw_str record; /* the members of the JSON object */
    bool colour;
    struct gw_buf *out;
    struct gw_buf below; /* lines that follow */
    unsigned n_members;
};

/* --- paint --- */

static void dip(struct text *text, struct gw_buf *out, enum ink ink) {
    if (text->colour && ink != PLAIN)
        gw_buf_printf(out, "\033[%sm", codes[ink]);
}

static void lift(struct text *text, struct gw_buf *out, enum ink ink) {
    if (text->colour && ink != PLAIN)
        gw_buf_append_str(out, GW_STR("\033[0m"));
}

static bool is_control(const char *at, size_t n) {
    unsigned char c = (unsigned char)at[0];
    return (n == 1 && (c < 0x20 || c == 0x7f)) ||
           (n == 2 && c == 0xc2 && (unsigned char)at[1] < 0xa0);
}

static void append_control(struct gw_buf *out, const char *at, size_t n) {
    static const char known[] = "\t\n\r", letters[] = "tnr";
    const char *found = n == 1 && *at ? strchr(known, *at) : NULL;
    if (found)
        gw_buf_printf(out, "\\%c", letters[found - known]);
    else
        gw_buf_printf(out, "\\x%02x", (unsigned char)at[n - 1]);
}

/* No byte of it is obeyed by a terminal: C0, DEL, the C1 set and what is not UTF-8 are escaped. */
static void append_visible(struct gw_buf *out, struct gw_str s) {
    for (size_t i = 0; i < s.len;) {
        size_t n = gw_utf8_sequence(s.data + i, s.len - i);
        if (n == 0 || is_control(s.data + i, n))
            append_control(out, s.data + i, n ? n : 1);
        else
            gw_buf_append(out, s.data + i, n);
        i += n ? n : 1;
    }
}

static void paint(struct text *text, enum ink ink, struct gw_str s) {
    dip(text, text->out, ink);
    append_visible(text->out, s);
    lift(text, text->out, ink);
}

static void paint_line_below(struct text *text, enum ink ink, struct gw_str line) {
    gw_buf_append_str(&text->below, GW_STR("\n" INDENT));
    dip(text, &text->below, ink);
    append_visible(&text->below, line);
    lift(text, &text->below, ink);
}

/* --- values --- */

static struct gw_str find(const struct text *text, const char *key) {
    struct gw_str value = GW_STR("");
    gw_json_find(text->record, key, &value);
    return value;
}

static bool says(struct gw_str value, const char *word) {
    return gw_json_is_text(value) &&
           gw_str_equal((struct gw_str){value.data + 1, value.len - 2}, gw_str_from(word));
}

static double number(struct gw_str value) {
    char digits[32] = "";
    memcpy(digits, value.data, value.len < sizeof digits ? value.len : sizeof digits - 1);
    return strtod(digits, NULL);
}

static bool is_word(struct gw_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] <= ' ' || s.data[i] == '"' || s.data[i] == '=')
            return false;
    return s.len > 0;
}

/* A string without need of quotes stands bare. */
static void paint_value(struct text *text, enum ink ink, struct gw_str value) {
    struct gw_buf plain = {0};
    gw_json_append_text(&plain, value);
    bool bare = gw_json_is_text(value) && is_word(gw_buf_str(&plain));
    paint(text, ink, bare ? gw_buf_str(&plain) : value);
    gw_buf_fini(&plain);
}

static void paint_text(struct text *text, enum ink ink, struct gw_str value) {
    struct gw_buf plain = {0};
    gw_json_append_text(&plain, value);
    paint(text, ink, gw_buf_str(&plain));
    gw_buf_fini(&plain);
}

/* The first line here, the others below. */
static void paint_lines(struct text *text, enum ink ink, struct gw_str value) {
    struct gw_buf plain = {0};
    gw_json_append_text(&plain, value);
    struct gw_str rest = gw_buf_str(&plain), line;
    if (gw_str_split(rest, '\n', &line, &rest))
        paint(text, ink, line);
    while (gw_str_split(rest, '\n', &line, &rest))
        paint_line_below(text, ink, line);
    gw_buf_fini(&plain);
}

/* --- the parts of a line --- */

static void append_time(struct text *text) {
    struct gw_str value = find(text, "time");
    struct tm utc = {0}, local;
    int ms = 0;
    char given[32] = "", shown[32];
    memcpy(given, value.data, value.len < sizeof given ? value.len : sizeof given - 1);
    sscanf(given, "\"%d-%d-%dT%d:%d:%d.%dZ", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour,
           &utc.tm_min, &utc.tm_sec, &ms);
    utc.tm_year -= 1900;
    utc.tm_mon--;
    time_t seconds = timegm(&utc);
    localtime_r(&seconds, &local);
    snprintf(shown, sizeof shown, "%02d:%02d:%02d.%03d", local.tm_hour % 100, local.tm_min % 100,
             local.tm_sec % 100, ms % 1000);
    paint(text, DIM, gw_str_from(shown));
}

static enum ink ink_of_level(struct gw_str level) {
    return says(level, "error")  ? RED
           : says(level, "warn") ? YELLOW
           : says(level, "info") ? CYAN
                                 : DIM;
}

static enum ink ink_of_status(int status) {
    return status >= 500 ? RED : status >= 400 ? YELLOW : status >= 300 ? CYAN : GREEN;
}

/* Right-aligned, so that messages stand below each other. */
static void append_mark(struct text *text, enum ink ink, struct gw_str mark) {
    char shown[16];
    snprintf(shown, sizeof shown, " %5.*s ", GW_STR_ARG(mark));
    paint(text, ink, gw_str_from(shown));
}

static void append_duration(struct text *text, enum ink ink, double ms) {
    char shown[32];
    if (ms < 1000)
        snprintf(shown, sizeof shown, "  %.1f ms", ms);
    else
        snprintf(shown, sizeof shown, "  %.2f s", ms / 1000);
    paint(text, ink, gw_str_from(shown));
}

static bool is_one_of(struct gw_str key, const char *const *words) {
    for (; *words; words++)
        if (gw_str_equal(key, gw_str_from(*words)))
            return true;
    return false;
}

/* What helps a search, not the eye. */
static const char *const noisy[] = {"correlation_id", "client", "route", "where", "generation",
                                    "bytes",          "host",   "port",  NULL};

/* A frame of the prelude, of C, or "(...tail calls...)": not the operator's. */
static bool is_ours(struct gw_str frame) {
    return gw_str_starts_with(frame, GW_STR("gateway")) ||
           gw_str_starts_with(frame, GW_STR("[C]")) || gw_str_starts_with(frame, GW_STR("(..."));
}

static void append_traceback(struct text *text, struct gw_str value) {
    struct gw_buf plain = {0};
    gw_json_append_text(&plain, value);
    struct gw_str rest = gw_buf_str(&plain), line;
    while (gw_str_split(rest, '\n', &line, &rest)) {
        struct gw_str frame = gw_str_trim(line);
        if (line.len != frame.len) /* not its heading, which repeats the message */
            paint_line_below(text, is_ours(frame) ? DIM : PLAIN, frame);
    }
    gw_buf_fini(&plain);
}

static void append_member(struct text *text, const struct gw_json_item *item, enum ink ink) {
    gw_buf_append_str(text->out, text->n_members++ ? GW_STR(" ") : GW_STR("  "));
    dip(text, text->out, DIM);
    append_visible(text->out, item->key);
    gw_buf_append_char(text->out, '=');
    lift(text, text->out, DIM);
    paint_value(text, ink, item->value);
}

/* Those that are noisy, or those that are not; what a script gave as `fields` as if they were
 * members. */
static void append_some(struct text *text, struct gw_str members, const char *const *but,
                        bool want_noisy) {
    struct gw_json_item item;
    while (gw_json_next(&members, &item)) {
        if (is_one_of(item.key, but))
            continue;
        if (gw_str_equal(item.key, GW_STR("fields")) && item.value.data[0] == '{')
            append_some(text, gw_json_inside(item.value), (const char *const[]){NULL}, want_noisy);
        else if (is_one_of(item.key, noisy) != want_noisy)
            continue;
        else if (gw_str_equal(item.key, GW_STR("traceback")) && gw_json_is_text(item.value))
            append_traceback(text, item.value);
        else
            append_member(text, &item, want_noisy ? DIM : PLAIN);
    }
}

/* All but those named. */
static void append_members(struct text *text, const char *const *but) {
    append_some(text, text->record, but, false);
    append_some(text, text->record, but, true);
}

/* --- the kinds of lines --- */

/* "inventory 200", "pricing timeout x3" */
static void append_call(struct text *text, struct gw_str call) {
    struct gw_str backend = GW_STR(""), status = GW_STR("0"), failure = GW_STR(""), attempts;
    gw_json_find(call, "backend", &backend);
    gw_json_find(call, "status", &status);
    bool failed = gw_json_find(call, "failure", &failure);
    paint_text(text, PLAIN, backend);
    gw_buf_append_char(text->out, ' ');
    paint_text(text, failed ? RED : GREEN, failed && !says(failure, "status") ? failure : status);
    if (gw_json_find(call, "attempts", &attempts) && number(attempts) > 1) {
        paint(text, YELLOW, GW_STR(" x"));
        paint(text, YELLOW, attempts);
    }
}

static void append_calls(struct text *text) {
    struct gw_str calls = gw_json_inside(find(text, "calls"));
    struct gw_json_item call;
    for (bool first = true; gw_json_next(&calls, &call); first = false) {
        gw_buf_append_str(text->out, first ? GW_STR("  ") : GW_STR(", "));
        append_call(text, gw_json_inside(call.value));
    }
}

/* The correlation id only where it will be looked for. */
static void append_request(struct text *text) {
    static const char *const said[] = {"time",   "level",       "message", "method", "path",
                                       "status", "duration_ms", "calls",   "bytes",  "client",
                                       "route",  NULL,          NULL};
    const char *but[sizeof said / sizeof said[0]];
    struct gw_str status = find(text, "status");
    int code = (int)number(status);
    memcpy(but, said, sizeof said);
    if (code < 500)
        but[sizeof said / sizeof said[0] - 2] = "correlation_id";
    append_mark(text, ink_of_status(code), status);
    paint_text(text, BOLD, find(text, "method"));
    gw_buf_append_char(text->out, ' ');
    paint_text(text, PLAIN, find(text, "path"));
    append_duration(text, DIM, number(find(text, "duration_ms")));
    append_calls(text);
    append_members(text, but);
}

/* The place in front of an error, as compilers have it: "routes/home.lua:8: ". */
static void append_place(struct text *text, enum ink ink) {
    struct gw_str file = find(text, "file"), line = find(text, "line");
    if (file.len == 0)
        return;
    paint_text(text, ink, file);
    paint(text, ink, GW_STR(":"));
    if (line.len) {
        paint_text(text, ink, line);
        paint(text, ink, GW_STR(":"));
    }
    gw_buf_append_char(text->out, ' ');
}

/* Who has saved a file looks for these two. */
static void append_reload(struct text *text, bool ok) {
    static const char *const said[] = {"time", "level", "message", "file", "line", "error", NULL};
    enum ink ink = ok ? BOLD_GREEN : BOLD_RED;
    append_mark(text, ok ? GREEN : RED, ok ? GW_STR("live") : GW_STR("error"));
    paint_text(text, ink, find(text, "message"));
    if (find(text, "error").len) {
        paint(text, ink, GW_STR(": "));
        append_place(text, BOLD);
        paint_lines(text, PLAIN, find(text, "error"));
    }
    append_members(text, said);
}

static void append_plain(struct text *text) {
    const char *but[] = {"time", "level", "message", NULL, NULL};
    struct gw_str level = find(text, "level"), message = find(text, "message");
    struct gw_str where = find(text, "where");
    if (where.len && gw_str_starts_with(message, (struct gw_str){where.data, where.len - 1}))
        but[3] = "where";
    struct gw_buf word = {0};
    gw_json_append_text(&word, level);
    append_mark(text, ink_of_level(level), gw_buf_str(&word));
    gw_buf_fini(&word);
    paint_lines(text, says(level, "error") ? BOLD : PLAIN, message);
    append_members(text, but);
}

void gw_log_text(struct gw_str record, bool colour, struct gw_buf *out) {
    struct text text = {.record = gw_json_inside(record), .colour = colour, .out = out};
    struct gw_str message = find(&text, "message");
    append_time(&text);
    if (says(message, "request") && find(&text, "status").len)
        append_request(&text);
    else if (says(message, "scripts reloaded") || says(message, "scripts not reloaded"))
        append_reload(&text, says(message, "scripts reloaded"));
    else
        append_plain(&text);
    gw_buf_append_str(out, gw_buf_str(&text.below));
    gw_buf_append_char(out, '\n');
    gw_buf_fini(&text.below);
}
