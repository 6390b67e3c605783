#include "engine/journal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/metric_core.h"

#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_BATCH     1000
#define PATIENCE      3     /* failures of the disk in a row, then the batch is given up */
#define CHECK_MS      1000  /* while there is a fault */
#define CLEAN_MS      60000 /* after something was done */
#define CLEAN_IDLE_MS (60 * CLEAN_MS) /* what is there grows old by itself */

STAILQ_HEAD(op_list, gw_journal_op);

struct fault {
    struct fault *next;
    char text[];
};

struct gw_journal {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the next group and the ports' lists of what has ended */
    pthread_cond_t work;
    struct op_list queue;
    bool is_ending;
    struct gw_journal_counts counts;

    _Atomic(const char *) fault; /* one of `faults`, or NULL */

    struct {
        struct gw_metric commit, queued, operations, transactions, failures, ok;
    } metrics;

    /* The thread's own. */
    struct gw_store *store; /* owned */
    struct gw_store_limits limits;
    struct fault *faults; /* owned: all there ever were, since somebody may still read them */
    int64_t check_ms;     /* while there is a fault: when to look whether it is over */
    int64_t clean_ms;     /* when to forget what is old */
    uint64_t n_begun;     /* transactions */
};

struct gw_journal_port {
    struct gw_journal *journal;
    struct event *event;  /* owned */
    int fd;               /* an eventfd: `ended` was empty and is no more */
    unsigned under_way;   /* the loop's: handed over, `done` not yet called */
    struct op_list ended; /* guarded by the journal's mutex */
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* --- faults --- */

/* The texts are few (see store_sql.c), so none is thrown away. */
static const char *keep_text(struct gw_journal *journal, const char *text) {
    for (struct fault *fault = journal->faults; fault; fault = fault->next)
        if (strcmp(fault->text, text) == 0)
            return fault->text;
    size_t size = strlen(text) + 1;
    struct fault *fault = gw_alloc(sizeof *fault + size);
    memcpy(fault->text, text, size);
    fault->next = journal->faults;
    journal->faults = fault;
    return fault->text;
}

static bool is_faulty(struct gw_journal *journal) {
    return atomic_load(&journal->fault) != NULL;
}

static void note_fault(struct gw_journal *journal) {
    const char *why = gw_store_error(journal->store);
    const char *text = keep_text(journal, *why ? why : "an operation failed");
    if (atomic_exchange(&journal->fault, text) != text)
        gw_log(GW_LOG_ERROR, "%s: %s", journal->store->name, text);
    gw_metric_set(journal->metrics.ok, 0);
    journal->check_ms = gw_clock_ms() + CHECK_MS;
}

static void check(struct gw_journal *journal) {
    if (!journal->store->functions->check(journal->store)) {
        note_fault(journal);
        return;
    }
    atomic_store(&journal->fault, NULL);
    gw_metric_set(journal->metrics.ok, 1);
    gw_log(GW_LOG_INFO, "%s: it can be written again", journal->store->name);
}

/* --- a batch --- */

static bool begin(struct gw_journal *journal) {
    journal->n_begun++;
    gw_metric_add(journal->metrics.transactions, 1);
    return journal->store->functions->begin(journal->store);
}

static bool run_all(struct gw_journal *journal, struct op_list *batch) {
    struct gw_store *store = journal->store;
    if (!begin(journal))
        return false;
    for (struct gw_journal_op *op = STAILQ_FIRST(batch); op; op = STAILQ_NEXT(op, link)) {
        if (!op->run(op, store)) {
            store->functions->rollback(store);
            return false;
        }
    }
    return store->functions->commit(store);
}

/* *is_disk: it was not the operation that failed, but what is around it. */
static bool run_alone(struct gw_journal *journal, struct gw_journal_op *op, bool *is_disk) {
    struct gw_store *store = journal->store;
    *is_disk = true;
    if (!begin(journal))
        return false;
    if (op->run(op, store))
        return store->functions->commit(store);
    *is_disk = false;
    store->functions->rollback(store);
    return false;
}

/* Returns how many failed. */
static unsigned run_each(struct gw_journal *journal, struct op_list *batch) {
    unsigned n_failed = 0, in_a_row = 0;
    for (struct gw_journal_op *op = STAILQ_FIRST(batch); op; op = STAILQ_NEXT(op, link)) {
        bool is_disk = true;
        op->ok = in_a_row < PATIENCE && run_alone(journal, op, &is_disk);
        in_a_row = !op->ok && is_disk ? in_a_row + 1 : 0;
        if (op->ok)
            continue;
        n_failed++;
        note_fault(journal);
    }
    return n_failed;
}

static void end_all(struct op_list *batch, bool ok) {
    for (struct gw_journal_op *op = STAILQ_FIRST(batch); op; op = STAILQ_NEXT(op, link))
        op->ok = ok;
}

static bool is_single(const struct op_list *batch) {
    return !STAILQ_NEXT(STAILQ_FIRST(batch), link);
}

static unsigned run_batch(struct gw_journal *journal, struct op_list *batch) {
    bool ok = run_all(journal, batch);
    end_all(batch, ok);
    if (ok)
        return 0;
    if (!is_single(batch))
        return run_each(journal, batch);
    note_fault(journal);
    return 1;
}

/* One wake-up for a port, however many of its operations have ended: only the first finds its list
 * empty. Under the mutex, since the port may be gone as soon as its last operation has been told.
 */
static void tell(struct gw_journal *journal, struct op_list *batch, unsigned n_failed) {
    struct gw_journal_op *op;
    pthread_mutex_lock(&journal->mutex);
    gw_metric_add(journal->metrics.failures, n_failed);
    journal->counts.failures += n_failed;
    journal->counts.transactions = journal->n_begun;
    while ((op = STAILQ_FIRST(batch))) {
        struct gw_journal_port *port = op->port;
        STAILQ_REMOVE_HEAD(batch, link);
        if (STAILQ_EMPTY(&port->ended))
            eventfd_write(port->fd, 1);
        STAILQ_INSERT_TAIL(&port->ended, op, link);
        gw_metric_add(journal->metrics.operations, 1);
        journal->counts.operations++;
    }
    pthread_mutex_unlock(&journal->mutex);
}

static void serve(struct gw_journal *journal, struct op_list *batch) {
    int64_t started_us = gw_clock_us();
    unsigned n_failed = run_batch(journal, batch);
    gw_metric_observe_us(journal->metrics.commit, gw_clock_us() - started_us);
    if (n_failed == 0 && is_faulty(journal))
        check(journal); /* what went well may have been reading */
    journal->clean_ms = least(journal->clean_ms, gw_clock_ms() + CLEAN_MS);
    tell(journal, batch, n_failed);
}

/* --- what is to be done now and then --- */

static bool clean_a_step(struct gw_journal *journal, bool *more) {
    struct gw_store *store = journal->store;
    *more = false;
    if (!begin(journal))
        return false;
    if (store->functions->clean(store, &journal->limits, gw_clock_wall_ms(), more))
        return store->functions->commit(store);
    store->functions->rollback(store);
    return false;
}

/* While there is more to do it takes turns with those who wait: at most half of the time. */
static void clean(struct gw_journal *journal) {
    int64_t started_ms = gw_clock_ms();
    bool more;
    if (!clean_a_step(journal, &more))
        note_fault(journal);
    int64_t now_ms = gw_clock_ms();
    journal->clean_ms = now_ms + (more ? now_ms - started_ms : CLEAN_IDLE_MS);
}

static int64_t next_ms(struct gw_journal *journal) {
    return is_faulty(journal) ? journal->check_ms : journal->clean_ms;
}

static void look_after(struct gw_journal *journal) {
    if (gw_clock_ms() < next_ms(journal))
        return;
    if (is_faulty(journal))
        check(journal);
    else
        clean(journal);
}

/* --- the thread --- */

static void wait_for_work(struct gw_journal *journal, int64_t until_ms) {
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    while (STAILQ_EMPTY(&journal->queue) && !journal->is_ending && gw_clock_ms() < until_ms)
        pthread_cond_timedwait(&journal->work, &journal->mutex, &until);
}

/* Waits, but not longer than until there is something else to do. False: it is over. */
static bool take(struct gw_journal *journal, struct op_list *batch) {
    struct gw_journal_op *op;
    int64_t until_ms = next_ms(journal);
    STAILQ_INIT(batch);
    pthread_mutex_lock(&journal->mutex);
    wait_for_work(journal, until_ms);
    for (unsigned n = 0; n < MAX_BATCH && (op = STAILQ_FIRST(&journal->queue)); n++) {
        STAILQ_REMOVE_HEAD(&journal->queue, link);
        STAILQ_INSERT_TAIL(batch, op, link);
        gw_metric_add(journal->metrics.queued, -1);
        journal->counts.queued--;
    }
    bool is_over = journal->is_ending && STAILQ_EMPTY(batch);
    pthread_mutex_unlock(&journal->mutex);
    return !is_over;
}

static void *run(void *user) {
    struct gw_journal *journal = user;
    struct op_list batch;
    while (take(journal, &batch)) {
        if (!STAILQ_EMPTY(&batch))
            serve(journal, &batch);
        look_after(journal);
    }
    gw_metric_end_thread();
    gw_log_end_thread();
    return NULL;
}

static void find_metrics(struct gw_journal *journal) {
    const char *store = journal->store->name;
    journal->metrics.commit = gw_core_metric(GW_CORE_JOURNAL_COMMIT, store, NULL, NULL);
    journal->metrics.queued = gw_core_metric(GW_CORE_JOURNAL_QUEUE, store, NULL, NULL);
    journal->metrics.operations = gw_core_metric(GW_CORE_JOURNAL_OPERATIONS, store, NULL, NULL);
    journal->metrics.transactions = gw_core_metric(GW_CORE_JOURNAL_TRANSACTIONS, store, NULL, NULL);
    journal->metrics.failures = gw_core_metric(GW_CORE_JOURNAL_FAILURES, store, NULL, NULL);
    journal->metrics.ok = gw_core_metric(GW_CORE_JOURNAL_OK, store, NULL, NULL);
    gw_metric_set(journal->metrics.ok, 1);
}

/* Signals are for the control thread. */
static void start_thread(struct gw_journal *journal) {
    sigset_t all, before;
    char name[16]; /* what the system takes */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&journal->thread, NULL, run, journal) != 0)
        abort(); /* at the start only, as for workers */
    snprintf(name, sizeof name, "%s", journal->store->name);
    pthread_setname_np(journal->thread, name);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- the journal --- */

struct gw_journal *gw_journal_new(struct gw_store *take_store,
                                  const struct gw_store_limits *limits) {
    struct gw_journal *journal = gw_calloc(1, sizeof *journal);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&journal->mutex, NULL);
    STAILQ_INIT(&journal->queue);
    atomic_init(&journal->fault, NULL);
    journal->store = take_store;
    journal->limits = *limits;
    find_metrics(journal);
    start_thread(journal);
    return journal;
}

void gw_journal_free(struct gw_journal *journal) {
    if (!journal)
        return;
    pthread_mutex_lock(&journal->mutex);
    journal->is_ending = true;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->mutex);
    pthread_join(journal->thread, NULL);
    gw_store_close(journal->store);
    for (struct fault *fault = journal->faults, *next; fault; fault = next) {
        next = fault->next;
        free(fault);
    }
    pthread_cond_destroy(&journal->work);
    pthread_mutex_destroy(&journal->mutex);
    free(journal);
}

const char *gw_journal_fault(struct gw_journal *journal) {
    return atomic_load(&journal->fault);
}

struct gw_journal_counts gw_journal_count(struct gw_journal *journal) {
    pthread_mutex_lock(&journal->mutex);
    struct gw_journal_counts counts = journal->counts;
    pthread_mutex_unlock(&journal->mutex);
    return counts;
}

/* --- ports --- */

static void deliver(struct gw_journal_port *port) {
    struct op_list ended = STAILQ_HEAD_INITIALIZER(ended);
    struct gw_journal_op *op;
    eventfd_t ignored;
    pthread_mutex_lock(&port->journal->mutex);
    eventfd_read(port->fd, &ignored);
    STAILQ_CONCAT(&ended, &port->ended);
    pthread_mutex_unlock(&port->journal->mutex);
    while ((op = STAILQ_FIRST(&ended))) {
        STAILQ_REMOVE_HEAD(&ended, link);
        port->under_way--;
        op->done(op, op->ok);
    }
}

static void on_ended(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    deliver(user);
}

struct gw_journal_port *gw_journal_port_new(struct gw_journal *journal, struct event_base *base) {
    struct gw_journal_port *port = gw_calloc(1, sizeof *port);
    port->journal = journal;
    STAILQ_INIT(&port->ended);
    port->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    port->event = event_new(base, port->fd, EV_READ | EV_PERSIST, on_ended, port);
    event_add(port->event, NULL);
    return port;
}

void gw_journal_port_free(struct gw_journal_port *port) {
    if (!port)
        return;
    while (port->under_way) {
        struct pollfd ended = {.fd = port->fd, .events = POLLIN};
        poll(&ended, 1, -1);
        deliver(port);
    }
    event_free(port->event);
    close(port->fd);
    free(port);
}

void gw_journal_submit(struct gw_journal_port *port, struct gw_journal_op *op) {
    struct gw_journal *journal = port->journal;
    op->port = port;
    port->under_way++;
    pthread_mutex_lock(&journal->mutex);
    STAILQ_INSERT_TAIL(&journal->queue, op, link);
    gw_metric_add(journal->metrics.queued, 1);
    journal->counts.queued++;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->mutex);
}
