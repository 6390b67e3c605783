#include "lua/generations.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fault.h"
#include "lua/archive.h"
#include "policy/metric_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No ordinary flow is in work for so long: a job has 600 s. What is still there is cancelled where
 * it stands in the way of further generations. */
#define OLD_MS (660 * 1000)

#define SHORT_SUM 12 /* digits, for people */

static const char *text_of(struct gw_buf *buf) {
    gw_buf_append_char(buf, '\0');
    buf->len--;
    return buf->data;
}

/* --- The log --- */

static void log_live(const struct gw_record *record, int64_t started_us) {
    if (record->number == 1 || !gw_log_enabled(GW_LOG_INFO)) /* the first is told with the port */
        return;
    struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "scripts reloaded");
    gw_log_int(line, "generation", record->number);
    gw_log_str(line, "sha256", (struct gw_str){record->sources->sha256, SHORT_SUM});
    gw_log_int(line, "routes", record->n_routes);
    gw_log_str(line, "origin", gw_str_from(record->origin));
    gw_log_ms(line, "duration_ms", gw_clock_us() - started_us);
    gw_log_end(line);
}

/* The first fault, and how many there are; all of them are in /admin/status. */
static void log_faults(const struct gw_generations *g, const char *message, const char *origin,
                       struct gw_str errors) {
    if (!gw_log_enabled(GW_LOG_ERROR))
        return;
    struct gw_fault first = {0}, fault;
    unsigned n = 0;
    for (; gw_fault_next(&errors, &fault); n++)
        if (n == 0)
            first = fault;
    struct gw_buf *line = gw_log_begin(GW_LOG_ERROR, message);
    gw_log_str(line, "origin", gw_str_from(origin));
    if (first.file.len) {
        gw_log_str(line, "file", first.file);
        gw_log_int(line, "line", first.line);
    }
    gw_log_safe(line, "error", first.message);
    gw_log_int(line, "errors", n);
    if (g->live)
        gw_log_int(line, "generation", g->live->number); /* goes on */
    gw_log_end(line);
}

/* --- What is known of the folder --- */

static void set_sum(char sum[GW_SHA256_TEXT_SIZE], const struct gw_sources *sources) {
    memcpy(sum, sources ? sources->sha256 : "", sources ? GW_SHA256_TEXT_SIZE : 1);
}

static struct gw_sources *read_folder(struct gw_generations *g, struct gw_buf *errors) {
    struct gw_sources *sources = gw_sources_read(g->settings->scripts_dir, errors);
    set_sum(g->disk, sources);
    return sources;
}

static void clear_failure(struct gw_generations *g) {
    g->failure.is_set = false;
    gw_buf_clear(&g->failure.errors);
    gw_sources_free(g->failure.sources);
    g->failure.sources = NULL;
}

/* `errors` is what has gone wrong with the folder as it is now. */
static void set_failure(struct gw_generations *g, struct gw_str errors,
                        struct gw_sources *take_sources) {
    if (!g->failure.is_set)
        g->failure.since_ms = gw_clock_wall_ms();
    g->failure.is_set = true;
    memcpy(g->failure.sha256, g->disk, sizeof g->disk);
    gw_buf_clear(&g->failure.errors);
    gw_buf_append_str(&g->failure.errors, errors);
    gw_sources_free(g->failure.sources);
    g->failure.sources = take_sources;
}

static bool is_known_failure(const struct gw_generations *g, struct gw_str errors) {
    return g->failure.is_set && strcmp(g->failure.sha256, g->disk) == 0 &&
           (*g->disk || gw_str_equal(errors, gw_buf_str(&g->failure.errors)));
}

/* --- Going live --- */

static void retire_live(struct gw_generations *g) {
    if (!g->live)
        return;
    g->live->retired_ms = gw_clock_ms();
    g->retired[g->n_retired++] = g->live;
}

/* A folder that cannot be written to is no reason not to serve. */
static void save(struct gw_generations *g) {
    struct gw_buf error = {0};
    const struct gw_sources *sources = g->live->sources;
    if (!g->settings->data_dir || strcmp(g->saved, sources->sha256) == 0)
        return;
    if (gw_archive_save(g->settings->data_dir, sources, &error))
        set_sum(g->saved, sources);
    else
        gw_log(GW_LOG_WARN, "the last good scripts cannot be kept: %s", text_of(&error));
    gw_buf_fini(&error);
}

static void go_live(struct gw_generations *g, struct gw_generation *generation, const char *origin,
                    int64_t started_us) {
    struct gw_record record = {.number = generation->number,
                               .live_at_ms = gw_clock_wall_ms(),
                               .sources = generation->sources,
                               .n_routes = generation->states[0]->n_routes};
    snprintf(record.origin, sizeof record.origin, "%s", origin);
    gw_generation_configure(generation);
    if (g->live)
        gw_generation_replace(g->live, generation);
    retire_live(g);
    g->live = generation;
    g->last_number = generation->number;
    gw_history_add(&g->history, &record);
    g->on_live(g->user);
    log_live(&record, started_us);
    save(g);
}

/* What has been in the way for too long is cancelled; whoever asks again later finds room. */
static bool has_room(struct gw_generations *g, struct gw_buf *errors) {
    gw_generations_reap(g);
    if (g->is_closed) {
        gw_buf_append_str(errors, GW_STR("the gateway is shutting down"));
        return false;
    }
    if (g->n_retired < GW_MAX_RETIRED)
        return true;
    struct gw_generation *oldest = g->retired[0];
    gw_buf_printf(errors, "%u earlier generations still have requests in work; the oldest is %u",
                  g->n_retired, oldest->number);
    if (gw_clock_ms() - oldest->retired_ms > OLD_MS && !gw_generation_is_to_end(oldest)) {
        gw_log(GW_LOG_WARN, "cancelling what is still in work in generation %u", oldest->number);
        gw_generation_end(oldest);
        g->on_live(g->user);
    }
    return false;
}

static enum gw_reload load(struct gw_generations *g, struct gw_sources *take_sources,
                           const char *origin, struct gw_buf *errors) {
    int64_t started_us = gw_clock_us();
    struct gw_generation *generation =
        gw_generation_build(take_sources, g->last_number + 1, g->hosts, g->n_hosts, errors);
    gw_metric_add(generation ? gw_count.loads_ok : gw_count.loads_failed, 1);
    if (!generation)
        return GW_RELOAD_BROKEN;
    go_live(g, generation, origin, started_us);
    return GW_RELOAD_DONE;
}

/* --- From the folder --- */

/* Scripts that were just read, or could not be. */
static enum gw_reload load_folder(struct gw_generations *g, struct gw_sources *take_sources,
                                  const char *origin, struct gw_buf *errors) {
    struct gw_sources *kept = take_sources ? gw_sources_keep(take_sources) : NULL;
    enum gw_reload outcome =
        take_sources ? load(g, take_sources, origin, errors) : GW_RELOAD_BROKEN;
    if (!take_sources)
        gw_metric_add(gw_count.loads_failed, 1);
    if (outcome == GW_RELOAD_DONE) {
        gw_sources_free(kept);
        clear_failure(g);
        g->is_held = g->is_last_good = false;
        return outcome;
    }
    set_failure(g, gw_buf_str(errors), kept);
    if (g->live)
        log_faults(g, "scripts not reloaded", origin, gw_buf_str(errors));
    return outcome;
}

enum gw_reload gw_generations_reload(struct gw_generations *g, const char *origin,
                                     struct gw_buf *errors) {
    if (!has_room(g, errors))
        return GW_RELOAD_BUSY;
    return load_folder(g, read_folder(g, errors), origin, errors);
}

/* Somebody put back what is live, so that what was wrong is no more. */
static void forget_failure(struct gw_generations *g) {
    if (g->failure.is_set)
        gw_log(GW_LOG_INFO, "the scripts are again those of generation %u", g->live->number);
    clear_failure(g);
    g->is_held = g->is_last_good = false;
}

static bool is_news(struct gw_generations *g, struct gw_str errors) {
    if (strcmp(g->disk, g->live->sources->sha256) == 0) {
        forget_failure(g);
        return false;
    }
    return !is_known_failure(g, errors) && !(g->is_held && strcmp(g->disk, g->held) == 0);
}

enum gw_reload gw_generations_look(struct gw_generations *g) {
    struct gw_buf errors = {0};
    enum gw_reload outcome = GW_RELOAD_UNCHANGED;
    struct gw_sources *sources = read_folder(g, &errors);
    if (!is_news(g, gw_buf_str(&errors))) {
        gw_sources_free(sources);
    } else if (!has_room(g, &errors)) {
        gw_sources_free(sources);
        outcome = GW_RELOAD_BUSY;
    } else {
        outcome = load_folder(g, sources, "file change", &errors);
    }
    gw_buf_fini(&errors);
    return outcome;
}

/* --- Back to an earlier one --- */

static const struct gw_record *find_earlier(struct gw_generations *g, unsigned number,
                                            struct gw_buf *errors) {
    const struct gw_record *record =
        number ? gw_history_find(&g->history, number) : gw_history_previous(&g->history);
    if (!record && number)
        gw_buf_printf(errors, "there is no generation %u, or not any more", number);
    else if (!record)
        gw_buf_append_str(errors, GW_STR("there is no earlier generation that differs"));
    return record;
}

/* It holds for the folder as it is at this moment. */
static void hold(struct gw_generations *g) {
    struct gw_buf ignored = {0};
    gw_sources_free(read_folder(g, &ignored));
    gw_buf_fini(&ignored);
    memcpy(g->held, g->disk, sizeof g->held);
    g->is_held = strcmp(g->disk, g->live->sources->sha256) != 0;
    g->is_last_good = false;
    if (!g->is_held)
        clear_failure(g);
}

enum gw_reload gw_generations_roll_back(struct gw_generations *g, unsigned number,
                                        struct gw_buf *errors) {
    char origin[sizeof((struct gw_record *)NULL)->origin];
    const struct gw_record *record = find_earlier(g, number, errors);
    if (!record)
        return GW_RELOAD_UNKNOWN;
    if (!has_room(g, errors))
        return GW_RELOAD_BUSY;
    snprintf(origin, sizeof origin, "rollback to %u", record->number);
    enum gw_reload outcome = load(g, gw_sources_keep(record->sources), origin, errors);
    if (outcome == GW_RELOAD_DONE)
        hold(g);
    else
        log_faults(g, "scripts not reloaded", origin, gw_buf_str(errors));
    return outcome;
}

/* --- The start --- */

static bool start_from_last_good(struct gw_generations *g, struct gw_buf *errors) {
    struct gw_buf reason = {0};
    struct gw_sources *sources = gw_archive_load(g->settings->data_dir, &reason);
    if (sources)
        set_sum(g->saved, sources);
    bool ok = sources && load(g, sources, "last good", &reason) == GW_RELOAD_DONE;
    if (ok)
        g->is_last_good = true;
    else
        gw_buf_printf(errors, "\n%s", text_of(&reason));
    gw_buf_fini(&reason);
    return ok;
}

bool gw_generations_start(struct gw_generations *g, struct gw_buf *errors) {
    if (load_folder(g, read_folder(g, errors), "start", errors) == GW_RELOAD_DONE)
        return true;
    return g->settings->last_good && start_from_last_good(g, errors);
}

void gw_generations_complain(const struct gw_generations *g) {
    if (g->is_last_good)
        log_faults(g, "the last good scripts are live: those on disk cannot be loaded", "last good",
                   gw_buf_str(&g->failure.errors));
}

/* --- Life --- */

void gw_generations_init(struct gw_generations *g, const struct gw_settings *settings,
                         const struct gw_host *hosts, unsigned n_hosts, void (*on_live)(void *user),
                         void *user) {
    *g = (struct gw_generations){
        .settings = settings, .n_hosts = n_hosts, .on_live = on_live, .user = user};
    g->hosts = gw_calloc(n_hosts, sizeof *g->hosts);
    memcpy(g->hosts, hosts, n_hosts * sizeof *hosts);
}

void gw_generations_reap(struct gw_generations *g) {
    unsigned kept = 0;
    for (unsigned i = 0; i < g->n_retired; i++) {
        if (atomic_load_explicit(&g->retired[i]->n_holders, memory_order_acquire) == 0)
            gw_generation_free(g->retired[i]);
        else
            g->retired[kept++] = g->retired[i];
    }
    g->n_retired = kept;
}

const struct gw_generation *gw_generations_find(const struct gw_generations *g, unsigned number) {
    for (unsigned i = 0; i < g->n_retired; i++)
        if (g->retired[i]->number == number)
            return g->retired[i];
    return g->live && g->live->number == number ? g->live : NULL;
}

void gw_generations_fini(struct gw_generations *g) {
    for (unsigned i = 0; i < g->n_retired; i++)
        gw_generation_free(g->retired[i]);
    gw_generation_free(g->live);
    gw_history_fini(&g->history);
    gw_buf_fini(&g->failure.errors);
    gw_sources_free(g->failure.sources);
    free(g->hosts);
}
