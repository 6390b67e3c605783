/* A worker's sagas: the list, what an earlier process left, what other threads ask for. */
#include "engine/saga_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define AT_ONCE        32          /* recovered sagas in their first round */
#define RECOVER_FOR_MS (30 * 1000) /* then the gateway is ready all the same */

const struct gw_saga_timing gw_saga_timing = {
    .pauses = {100, 500},
    .park_least = 1000,
    .park_most = 3600 * 1000,
    .rewrite = 1000,
};

/* --- one in the list --- */

static void on_timer(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    gw_saga_on_timer(user);
}

struct gw_saga *gw_saga_new(struct gw_sagas *sagas, const struct gw_saga_record *record) {
    struct gw_saga *saga = gw_calloc(1, sizeof *saga);
    saga->sagas = sagas;
    gw_saga_record_copy(&saga->record, record);
    if (record->reason.len)
        gw_buf_append_str(&saga->reason, record->reason);
    saga->record.reason = gw_buf_str(&saga->reason);
    TAILQ_INIT(&saga->waits);
    evtimer_assign(&saga->timer, sagas->base, on_timer, saga);
    TAILQ_INSERT_TAIL(&sagas->all, saga, link);
    gw_metric_add(gw_count.sagas_open, 1);
    return saga;
}

void gw_saga_let_go_of_trace(struct gw_saga *saga) {
    gw_trace_let_go(saga->trace);
    saga->trace = NULL;
}

static void free_saga(struct gw_saga *saga) {
    gw_saga_let_go_of_trace(saga);
    TAILQ_REMOVE(&saga->sagas->all, saga, link);
    gw_metric_add(gw_count.sagas_open, -1);
    event_del(&saga->timer);
    for (unsigned i = 0; i < saga->n_steps; i++)
        gw_saga_step_free(saga->steps[i]);
    free(saga->steps);
    gw_key_bond_free(saga->bond);
    gw_buf_fini(&saga->record.memory);
    gw_buf_fini(&saga->reason);
    gw_buf_fini(&saga->result);
    gw_buf_fini(&saga->fields);
    free(saga);
}

void gw_saga_free_if_over(struct gw_saga *saga) {
    if (saga->phase == GW_SAGA_OVER && !saga->has_owner && !saga->write && !saga->read &&
        gw_saga_is_clean(saga))
        free_saga(saga);
}

/* --- what the journal did not take --- */

static void read_what_was_left(struct gw_sagas *sagas, struct gw_journal_port *port);

static void on_rewrite(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct gw_sagas *sagas = user;
    struct gw_saga *saga = TAILQ_FIRST(&sagas->all);
    if (sagas->recovery)
        read_what_was_left(sagas, sagas->port);
    for (; saga; saga = TAILQ_NEXT(saga, link)) {
        if (saga->phase == GW_SAGA_IN_QUESTION)
            gw_saga_ask_again(saga);
        else if (saga->phase != GW_SAGA_AT_WORK)
            gw_saga_start_write(saga);
    }
}

void gw_sagas_rewrite_later(struct gw_sagas *sagas) {
    int64_t ms = sagas->timing->rewrite;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (!evtimer_pending(&sagas->rewrite_timer, NULL))
        event_add(&sagas->rewrite_timer, &after);
}

/* --- what an earlier process left --- */

struct gw_recovery {
    struct gw_journal_op op;
    struct gw_sagas *sagas;
    bool is_under_way;
    struct gw_saga_record *records; /* owned; the newest first */
    size_t n, room;
};

static void forget_records(struct gw_recovery *recovery) {
    for (size_t i = 0; i < recovery->n; i++)
        gw_buf_fini(&recovery->records[i].memory);
    recovery->n = 0;
}

static void free_recovery(struct gw_sagas *sagas) {
    if (!sagas->recovery)
        return;
    forget_records(sagas->recovery);
    free(sagas->recovery->records);
    free(sagas->recovery);
    sagas->recovery = NULL;
}

static bool keep_record(void *user, const struct gw_saga_record *record) {
    struct gw_recovery *recovery = user;
    if (recovery->n == recovery->room) {
        recovery->room = recovery->room ? recovery->room * 2 : 16;
        recovery->records =
            gw_realloc(recovery->records, recovery->room * sizeof *recovery->records);
    }
    gw_saga_record_copy(&recovery->records[recovery->n++], record);
    return true;
}

static bool run_recovery(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_recovery *recovery = (struct gw_recovery *)op;
    forget_records(recovery);
    return store->functions->find_sagas(store, true, 0, keep_record, recovery);
}

static void work_on(struct gw_sagas *sagas) {
    struct gw_saga *saga;
    while (sagas->n_recovering < AT_ONCE && (saga = TAILQ_FIRST(&sagas->queued))) {
        TAILQ_REMOVE(&sagas->queued, saga, queue_link);
        sagas->n_recovering++;
        gw_saga_load(saga);
    }
}

static void enqueue(struct gw_sagas *sagas, const struct gw_saga_record *record) {
    struct gw_saga *saga = gw_saga_new(sagas, record);
    saga->phase = GW_SAGA_QUEUED;
    saga->was_sent = saga->is_recovered = saga->is_in_first_round = true;
    sagas->n_unrecovered++;
    TAILQ_INSERT_HEAD(&sagas->queued, saga, queue_link); /* the oldest comes first */
}

static void recovery_done(struct gw_journal_op *op, bool ok) {
    struct gw_recovery *recovery = (struct gw_recovery *)op;
    struct gw_sagas *sagas = recovery->sagas;
    recovery->is_under_way = false;
    if (!ok) {
        if (!sagas->is_stopped)
            gw_sagas_rewrite_later(sagas);
        return;
    }
    for (size_t i = 0; i < recovery->n; i++)
        enqueue(sagas, &recovery->records[i]);
    free_recovery(sagas);
    if (sagas->n_unrecovered) {
        gw_log(GW_LOG_WARN, "%u sagas were left open: undoing them", sagas->n_unrecovered);
        atomic_store(&sagas->shared->recovering_until_ms, gw_clock_ms() + RECOVER_FOR_MS);
    }
    atomic_store(&sagas->shared->is_unread, false);
    if (!sagas->is_stopped)
        work_on(sagas);
}

static void read_what_was_left(struct gw_sagas *sagas, struct gw_journal_port *port) {
    struct gw_recovery *recovery = sagas->recovery;
    if (recovery->is_under_way)
        return;
    recovery->is_under_way = true;
    gw_journal_submit(port, &recovery->op);
}

void gw_sagas_recover(struct gw_sagas *sagas) {
    struct gw_recovery *recovery = gw_calloc(1, sizeof *recovery);
    recovery->op = (struct gw_journal_op){.run = run_recovery, .done = recovery_done};
    recovery->sagas = sagas;
    sagas->recovery = recovery;
    atomic_store(&sagas->shared->is_unread, true);
    struct gw_journal_port *port = gw_journal_port_new(sagas->journal, sagas->base);
    read_what_was_left(sagas, port);
    gw_journal_port_free(port); /* which waits for it, and runs no loop */
}

bool gw_sagas_are_recovered(const struct gw_sagas_shared *shared) {
    int64_t until_ms = atomic_load(&shared->recovering_until_ms);
    return !atomic_load(&shared->is_unread) && (!until_ms || gw_clock_ms() >= until_ms);
}

void gw_sagas_first_round_ended(struct gw_saga *saga) {
    struct gw_sagas *sagas = saga->sagas;
    if (!saga->is_in_first_round)
        return;
    saga->is_in_first_round = false;
    if (!saga->has_owner)
        gw_saga_let_go_of_trace(saga);
    if (!saga->is_recovered) {
        sagas->n_first_rounds--;
        return;
    }
    sagas->n_recovering--;
    if (--sagas->n_unrecovered == 0)
        atomic_store(&sagas->shared->recovering_until_ms, 0);
    if (!sagas->is_stopped)
        work_on(sagas);
}

/* --- what other threads ask for --- */

void gw_sagas_look_at(struct gw_sagas *sagas, int64_t number) {
    pthread_mutex_lock(&sagas->mutex);
    sagas->looks = gw_realloc(sagas->looks, (sagas->n_looks + 1) * sizeof *sagas->looks);
    sagas->looks[sagas->n_looks++] = number;
    pthread_mutex_unlock(&sagas->mutex);
    eventfd_write(sagas->look_fd, 1);
}

static void look_at(struct gw_sagas *sagas, int64_t number) {
    struct gw_saga *saga = TAILQ_FIRST(&sagas->all);
    while (saga && saga->record.number != number)
        saga = TAILQ_NEXT(saga, link);
    if (saga)
        gw_saga_undo_now(saga);
}

static void on_look(evutil_socket_t fd, short what, void *user) {
    (void)what;
    struct gw_sagas *sagas = user;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    pthread_mutex_lock(&sagas->mutex);
    int64_t *looks = sagas->looks;
    unsigned n = sagas->n_looks;
    sagas->looks = NULL;
    sagas->n_looks = 0;
    pthread_mutex_unlock(&sagas->mutex);
    for (unsigned i = 0; i < n; i++)
        look_at(sagas, looks[i]);
    free(looks);
}

/* --- life --- */

struct gw_sagas *gw_sagas_new(struct event_base *base, struct gw_caller *caller,
                              struct gw_backends *backends, struct gw_journal *journal,
                              struct gw_sagas_shared *shared, const struct gw_saga_timing *timing) {
    struct gw_sagas *sagas = gw_calloc(1, sizeof *sagas);
    sagas->base = base;
    sagas->caller = caller;
    sagas->backends = backends;
    sagas->journal = journal;
    sagas->port = gw_journal_port_new(journal, base);
    sagas->shared = shared;
    sagas->timing = timing;
    TAILQ_INIT(&sagas->all);
    TAILQ_INIT(&sagas->queued);
    pthread_mutex_init(&sagas->mutex, NULL);
    evtimer_assign(&sagas->rewrite_timer, base, on_rewrite, sagas);
    sagas->look_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    event_assign(&sagas->look_event, base, sagas->look_fd, EV_READ | EV_PERSIST, on_look, sagas);
    event_add(&sagas->look_event, NULL);
    return sagas;
}

void gw_sagas_trace_by(struct gw_sagas *sagas, struct gw_tracer *tracer) {
    sagas->tracer = tracer;
}

/* One more write says what is known of each; one that is under way will have to do. Where a commit
 * is in question, the store says it. */
void gw_sagas_stop(struct gw_sagas *sagas) {
    struct gw_saga *saga = TAILQ_FIRST(&sagas->all);
    if (sagas->is_stopped)
        return;
    sagas->is_stopped = true;
    for (; saga; saga = TAILQ_NEXT(saga, link)) {
        gw_saga_stop_undo(saga);
        if (saga->record.number && saga->phase != GW_SAGA_IN_QUESTION)
            gw_saga_start_write(saga);
    }
    event_del(&sagas->rewrite_timer);
    event_del(&sagas->look_event);
}

void gw_sagas_free(struct gw_sagas *sagas) {
    if (!sagas)
        return;
    gw_sagas_stop(sagas);
    gw_journal_port_free(sagas->port);
    while (!TAILQ_EMPTY(&sagas->all))
        free_saga(TAILQ_FIRST(&sagas->all));
    free_recovery(sagas);
    pthread_mutex_destroy(&sagas->mutex);
    close(sagas->look_fd);
    free(sagas->looks);
    free(sagas);
}

bool gw_sagas_are_busy(const struct gw_sagas *sagas) {
    return sagas->n_first_rounds > 0;
}

const char *gw_sagas_fault(const struct gw_sagas *sagas) {
    const char *fault = gw_journal_fault(sagas->journal);
    bool is_unread = atomic_load(&sagas->shared->is_unread);
    return fault ? fault : is_unread ? "what is in it is not known yet" : NULL;
}

struct gw_journal_port *gw_sagas_port(struct gw_sagas *sagas) {
    return sagas->port;
}
