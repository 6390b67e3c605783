#include "policy/retry.h"

#include <string.h>
#include <time.h>

#define MAX_DATE 40 /* bytes; the longest form has 33 */

struct gw_retry_options gw_retry_defaults(void) {
    return (struct gw_retry_options){
        .attempts = 3,
        .base_ms = 25,
        .cap_ms = 250,
        .n_statuses = 3,
        .statuses = {502, 503, 504},
    };
}

/* --- The decision --- */

bool gw_retry_is_listed(const struct gw_retry_options *options, unsigned status) {
    for (unsigned i = 0; i < options->n_statuses; i++)
        if (options->statuses[i] == status)
            return true;
    return false;
}

static bool is_retryable(const struct gw_retry_options *options,
                         const struct gw_retry_question *question) {
    switch (question->cause) {
    case GW_RETRY_NEVER_LEFT:
    case GW_RETRY_TIMEOUT:
        return true;
    case GW_RETRY_STATUS:
        return gw_retry_is_listed(options, question->status);
    case GW_RETRY_OTHER:
        break;
    }
    return false;
}

static int64_t max_pause(const struct gw_retry_options *options, unsigned attempts) {
    int64_t ms = options->base_ms;
    for (unsigned i = 1; i < attempts && ms < options->cap_ms; i++)
        ms *= 2;
    return ms < options->cap_ms ? ms : options->cap_ms;
}

/* "Full jitter": evenly from none to all of it, which spreads those who failed together. */
static int64_t pause_for(const struct gw_retry_options *options,
                         const struct gw_retry_question *question) {
    uint64_t most = (uint64_t)max_pause(options, question->attempts);
    int64_t asked = question->retry_after_ms > 0 ? question->retry_after_ms : 0;
    return asked + (int64_t)(question->random % (most + 1));
}

enum gw_retry_verdict gw_retry_decide(const struct gw_retry_options *options,
                                      const struct gw_retry_question *question, int64_t *pause_ms) {
    if (question->attempts >= options->attempts)
        return GW_RETRY_EXHAUSTED;
    if (!is_retryable(options, question))
        return GW_RETRY_NOT_RETRYABLE;
    if (!question->idempotent && question->cause != GW_RETRY_NEVER_LEFT)
        return GW_RETRY_NOT_IDEMPOTENT;
    int64_t pause = pause_for(options, question);
    if (pause >= question->deadline_ms - question->now_ms)
        return GW_RETRY_TOO_LATE;
    *pause_ms = pause;
    return GW_RETRY_YES;
}

bool gw_retry_is_idempotent(const char *method) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

/* --- Retry-After --- */

/* The names of days and months are English: the process stays in the "C" locale. */
static bool parse_date(const char *text, time_t *out) {
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
        "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
        "%a %b %e %H:%M:%S %Y",      /* asctime() */
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && *end == '\0') {
            *out = timegm(&tm);
            return true;
        }
    }
    return false;
}

static int64_t until_date(struct gw_str value, int64_t wall_ms) {
    char text[MAX_DATE];
    time_t date;
    if (value.len >= sizeof text)
        return -1;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (!parse_date(text, &date))
        return -1;
    int64_t ms = (int64_t)date * 1000 - wall_ms;
    return ms > 0 ? ms : 0;
}

int64_t gw_retry_after_ms(struct gw_str value, int64_t wall_ms) {
    uint64_t seconds;
    if (gw_str_to_u64(value, INT64_MAX / 2000, &seconds))
        return (int64_t)seconds * 1000;
    return until_date(value, wall_ms);
}

int64_t gw_retry_after_in(struct gw_str fields, int64_t wall_ms) {
    struct gw_str line, name, value;
    while (gw_str_split(fields, '\n', &line, &fields)) {
        if (!gw_str_split(line, ':', &name, &value) ||
            !gw_str_equal_nocase(name, GW_STR("retry-after")))
            continue;
        if (value.len && value.data[value.len - 1] == '\r')
            value.len--;
        return gw_retry_after_ms(gw_str_trim(value), wall_ms);
    }
    return -1;
}
