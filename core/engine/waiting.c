/* The line before a backend that has as many calls as it may, or to which the worker has as many
 * connections as it may. Places are handed out by the bulkhead, to whoever of all workers waits
 * longest; connections are the worker's own, and a timer looks for them, since those of another
 * backend with the same host end without a word here.
 *
 * A call in line has not begun: its breaker has not been asked, and nothing has been written of how
 * long it will be waited for. If the breaker opens meanwhile, those in line hear it at once. */
#include "engine/backend_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "http/timer.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_look(evutil_socket_t fd, short what, void *user);

static struct gw_line *find(const struct gw_caller *caller, const struct gw_backend *backend) {
    struct gw_line *line = caller->lines;
    while (line && line->backend != backend)
        line = line->next;
    return line;
}

static struct gw_line *find_or_make(struct gw_caller *caller, struct gw_backend *backend) {
    struct gw_line *line = find(caller, backend);
    if (line)
        return line;
    line = gw_calloc(1, sizeof *line);
    line->backend = backend;
    TAILQ_INIT(&line->calls);
    evtimer_assign(&line->timer, caller->base, on_look, line);
    line->next = caller->lines;
    return caller->lines = line;
}

static void look_now(struct gw_line *line) {
    if (line && !TAILQ_EMPTY(&line->calls))
        event_active(&line->timer, EV_TIMEOUT, 1);
}

/* --- Places --- */

/* Whoever is in line comes before whoever comes now. A place that is had stays had while the call
 * waits for a connection. */
bool gw_line_has_place(struct gw_backend_call *call) {
    struct gw_line *line = find(call->caller, call->backend);
    if (line && !TAILQ_EMPTY(&line->calls))
        return false;
    if (call->needs_place && !(call->has_place = gw_bulkhead_try_enter(&call->backend->bulkhead)))
        return false;
    return gw_hosts_have_room(call, call->started_us / 1000);
}

/* At the end of this turn: one of them may be cancelled within it. */
void gw_line_moves(struct gw_caller *caller, struct gw_backend *backend) {
    look_now(find(caller, backend));
}

void gw_line_give_place_back(struct gw_backend_call *call) {
    if (call->has_place)
        gw_bulkhead_leave(&call->backend->bulkhead);
    call->has_place = false;
}

/* Under the bulkhead's mutex, perhaps by another worker. */
static void on_granted(void *user) {
    const struct gw_caller *caller = user;
    eventfd_write(caller->granted_fd, 1);
}

static void on_granted_event(evutil_socket_t fd, short what, void *user) {
    (void)what;
    const struct gw_caller *caller = user;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    for (struct gw_line *line = caller->lines; line; line = line->next)
        look_now(line);
}

/* --- The line --- */

/* Who waits for a connection only is not among those that the backend's options let wait. */
bool gw_line_join(struct gw_backend_call *call) {
    call->waiter.granted = on_granted;
    call->waiter.user = call->caller;
    if (call->needs_place && !call->has_place &&
        !gw_bulkhead_try_wait(&call->backend->bulkhead, &call->waiter))
        return false;
    struct gw_line *line = find_or_make(call->caller, call->backend);
    call->phase = GW_BACKEND_IN_LINE;
    gw_note_waiting(call, GW_SPAN_LINE);
    TAILQ_INSERT_TAIL(&line->calls, call, waiting);
    gw_metric_add(call->backend->meter->waiting, 1);
    gw_timer_set(&line->timer, GW_LOOK_MS);
    return true;
}

static void remove_from(struct gw_line *line, struct gw_backend_call *call) {
    TAILQ_REMOVE(&line->calls, call, waiting);
    gw_metric_add(line->backend->meter->waiting, -1);
    if (call->needs_place && !call->has_place)
        call->has_place = gw_bulkhead_stop_waiting(&line->backend->bulkhead, &call->waiter);
}

void gw_line_leave(struct gw_backend_call *call) {
    remove_from(find(call->caller, call->backend), call);
}

static void give_up_late_ones(struct gw_line *line, int64_t now_ms) {
    struct gw_backend_call *call, *next;
    for (call = TAILQ_FIRST(&line->calls); call; call = next) {
        next = TAILQ_NEXT(call, waiting);
        if (call->until_ms > now_ms)
            continue;
        remove_from(line, call);
        gw_backend_answer(call, call->deadline_first ? GW_FAILURE_DEADLINE : GW_FAILURE_TIMEOUT,
                          "the backend had too many calls for too long");
    }
}

static void turn_all_away(struct gw_line *line, int64_t retry_after_ms) {
    struct gw_backend_call *first;
    while ((first = TAILQ_FIRST(&line->calls))) {
        remove_from(line, first);
        gw_backend_answer_open(first, retry_after_ms);
    }
}

static bool may_begin(const struct gw_backend_call *call, int64_t now_ms) {
    bool has_place = !call->needs_place || call->has_place || atomic_load(&call->waiter.has_place);
    return has_place && gw_hosts_have_room(call, now_ms);
}

/* Those who begin may come back, to the end of the line; so this ends. */
static void let_in(struct gw_line *line, int64_t now_ms) {
    struct gw_backend_call *first;
    while ((first = TAILQ_FIRST(&line->calls)) && may_begin(first, now_ms)) {
        remove_from(line, first);
        gw_backend_begin(first);
    }
}

static void on_look(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_line *line = user;
    int64_t now_ms = gw_clock_ms(), retry_after_ms;
    give_up_late_ones(line, now_ms);
    if (gw_breaker_lets_in(line->backend->breaker, now_ms, &retry_after_ms))
        let_in(line, now_ms);
    else
        turn_all_away(line, retry_after_ms);
    if (!TAILQ_EMPTY(&line->calls))
        gw_timer_set(&line->timer, GW_LOOK_MS);
}

/* --- A worker's lines --- */

void gw_lines_init(struct gw_caller *caller) {
    caller->granted_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event_assign(&caller->granted, caller->base, caller->granted_fd, EV_READ | EV_PERSIST,
                 on_granted_event, caller);
    event_add(&caller->granted, NULL);
}

void gw_lines_fini(struct gw_caller *caller) {
    event_del(&caller->granted);
    close(caller->granted_fd);
    while (caller->lines) {
        struct gw_line *line = caller->lines;
        caller->lines = line->next;
        event_del(&line->timer);
        free(line);
    }
}
