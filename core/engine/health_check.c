/* Active health checks: each interval one worker asks all hosts of a backend. The workers that have
 * called it each keep a timer for the next round, and the one that moves the round's time on, which
 * is atomic, does the asking. A check is a request past the breakers: it counts for nothing else.
 */
#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ANSWER (64 * 1024) /* bytes */

struct probe {
    LIST_ENTRY(probe) link; /* of the checker */
    struct gw_backend_host *host;
    struct gw_call *sent;
};

LIST_HEAD(probes, probe);

struct gw_checker {
    struct gw_checker *next; /* of the caller */
    struct gw_caller *caller;
    struct gw_backend *backend;
    struct event timer;   /* to the next round; idle while nothing is to be checked */
    struct probes probes; /* owned; in flight */
};

/* --- One answer --- */

static void log_change(const struct gw_backend_host *host, bool healthy, const char *reason) {
    enum gw_log_level level = healthy ? GW_LOG_INFO : GW_LOG_WARN;
    if (!gw_log_enabled(level))
        return;
    struct gw_buf *line = gw_log_begin(level, "health");
    gw_log_str(line, "backend", gw_str_from(host->backend->name));
    gw_log_safe(line, "host", gw_str_from(host->url));
    gw_log_str(line, "to", healthy ? GW_STR("healthy") : GW_STR("unhealthy"));
    gw_log_str(line, "reason", gw_str_from(reason));
    gw_log_end(line);
}

static bool note(struct gw_backend_host *host, bool ok) {
    pthread_mutex_lock(&host->mutex);
    bool changed = gw_health_report(&host->health, ok);
    atomic_store(&host->is_out, !gw_health_is_up(&host->health));
    pthread_mutex_unlock(&host->mutex);
    return changed;
}

/* Those who waited ever longer for it need not wait for what has happened already. */
static void expect_recovery(const struct gw_backend_host *host) {
    gw_breaker_expect_recovery(host->breaker);
    gw_breaker_expect_recovery(host->backend->breaker);
}

static void on_answer(void *user, struct gw_call_response *response) {
    struct probe *probe = user;
    bool ok = response->outcome == GW_CALL_OK && response->status < 400;
    char reason[32];
    snprintf(reason, sizeof reason, "status %u", response->status);
    if (note(probe->host, ok)) {
        log_change(probe->host, ok, response->outcome == GW_CALL_OK ? reason : response->error);
        if (ok)
            expect_recovery(probe->host);
    }
    LIST_REMOVE(probe, link);
    free(probe);
}

/* --- A round --- */

static void ask(struct gw_checker *checker, const struct gw_target *target,
                struct gw_backend_host *host) {
    char id[GW_ID_SIZE], field[GW_ID_SIZE + 24];
    gw_id_new(id);
    snprintf(field, sizeof field, "x-correlation-id: %s", id);
    struct gw_str fields[] = {gw_str_from(field)};
    struct gw_buf url = {0};
    gw_buf_printf(&url, "%s%s", host->url, target->health.path);
    gw_buf_append_char(&url, '\0');
    struct gw_call_request request = {
        .method = "GET",
        .url = url.data,
        .fields = fields,
        .n_fields = 1,
        .connect_timeout_ms = target->connect_timeout_ms,
        .timeout_ms = target->health.interval_ms,
        .max_response = MAX_ANSWER,
        .takes_no_room = true,
    };
    struct probe *probe = gw_calloc(1, sizeof *probe);
    probe->host = host;
    probe->sent = gw_client_start(checker->caller->client, &request, on_answer, probe);
    LIST_INSERT_HEAD(&checker->probes, probe, link);
    gw_buf_fini(&url);
}

/* True for one of the workers whose timers end at about the same time. */
static bool claim(struct gw_backend *backend, int64_t now_ms, int64_t interval_ms) {
    int64_t due_ms = atomic_load(&backend->next_check_ms);
    return due_ms <= now_ms &&
           atomic_compare_exchange_strong(&backend->next_check_ms, &due_ms, now_ms + interval_ms);
}

static void sleep_until_next(struct gw_checker *checker, int64_t now_ms) {
    int64_t ms = atomic_load(&checker->backend->next_check_ms) - now_ms;
    if (ms < 1)
        ms = 1;
    event_add(&checker->timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void on_round(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_checker *checker = user;
    const struct gw_target *target = atomic_load(&checker->backend->target);
    int64_t now_ms = gw_clock_ms();
    if (!target->health.path)
        return; /* the next call that finds one wakes the timer again */
    if (claim(checker->backend, now_ms, target->health.interval_ms))
        for (unsigned i = 0; i < target->n_hosts; i++)
            ask(checker, target, target->hosts[i]);
    sleep_until_next(checker, now_ms);
}

/* --- Life --- */

static struct gw_checker *make(struct gw_caller *caller, struct gw_backend *backend) {
    struct gw_checker *checker = gw_calloc(1, sizeof *checker);
    checker->caller = caller;
    checker->backend = backend;
    LIST_INIT(&checker->probes);
    evtimer_assign(&checker->timer, caller->base, on_round, checker);
    checker->next = caller->checkers;
    return caller->checkers = checker;
}

void gw_health_watch(struct gw_caller *caller, struct gw_backend *backend) {
    struct gw_checker *checker = caller->checkers;
    while (checker && checker->backend != backend)
        checker = checker->next;
    if (!checker)
        checker = make(caller, backend);
    if (!evtimer_pending(&checker->timer, NULL))
        event_active(&checker->timer, EV_TIMEOUT, 1);
}

void gw_health_forget_all(struct gw_caller *caller) {
    while (caller->checkers) {
        struct gw_checker *checker = caller->checkers;
        caller->checkers = checker->next;
        event_del(&checker->timer);
        while (!LIST_EMPTY(&checker->probes)) {
            struct probe *probe = LIST_FIRST(&checker->probes);
            gw_call_cancel(probe->sent);
            LIST_REMOVE(probe, link);
            free(probe);
        }
        free(checker);
    }
}
