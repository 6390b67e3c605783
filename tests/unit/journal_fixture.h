/* A journal in a folder, with one port on a loop; and operations that put a saga with a number. */
#ifndef TESTS_UNIT_JOURNAL_FIXTURE_H
#define TESTS_UNIT_JOURNAL_FIXTURE_H

#include "base/clock.h"
#include "engine/journal.h"
#include "engine/store_internal.h"
#include "store_fixture.h"

#include <event2/event.h>
#include <semaphore.h>

#define PATIENCE_MS 10000

static struct event_base *base;
static struct gw_journal *journal;
static struct gw_journal_port *port;
static struct event *tick; /* so that a condition is looked at, whatever happens */
static int max_logged;     /* see store_internal.h; 0: as it is */

struct put {
    struct gw_journal_op op;
    int n;
    size_t n_bytes; /* of a text that goes with it */
    bool refuses;   /* `run` says no, after it has put */
    sem_t *started; /* said by `run`; then it waits for `go_on` */
    sem_t *go_on;
    int n_runs;
    bool has_ended, ok;
    int place; /* among those that have ended, from 1 */
};

static int n_ended; /* on this thread's loop */

static inline bool run_put(struct gw_journal_op *op, struct gw_store *store) {
    struct put *put = (struct put *)op;
    put->n_runs++;
    if (put->started) {
        sem_post(put->started);
        sem_wait(put->go_on);
        put->started = NULL;
    }
    char id[24];
    char *text = calloc(1, put->n_bytes + 1);
    snprintf(id, sizeof id, "id-%d", put->n);
    struct gw_saga_record saga = {
        .kind = GW_STR("order"), .id = gw_str_from(id), .reason = {text, put->n_bytes}};
    bool ok = store->functions->put_saga(store, &saga);
    free(text);
    return ok && !put->refuses;
}

static inline void put_done(struct gw_journal_op *op, bool ok) {
    struct put *put = (struct put *)op;
    put->has_ended = true;
    put->ok = ok;
    put->place = ++n_ended;
}

static inline void submit(struct put *put, int n) {
    put->n = n;
    put->op.run = run_put;
    put->op.done = put_done;
    gw_journal_submit(port, &put->op);
}

#define RUN_UNTIL(condition)                                 \
    do {                                                     \
        int64_t late_ms = gw_clock_ms() + PATIENCE_MS;       \
        while (!(condition)) {                               \
            event_base_loop(base, EVLOOP_ONCE);              \
            if (gw_clock_ms() > late_ms)                     \
                fail_msg("waited too long for " #condition); \
        }                                                    \
    } while (0)

static inline bool put_one(int n, size_t n_bytes) {
    struct put put = {.n_bytes = n_bytes};
    submit(&put, n);
    RUN_UNTIL(put.has_ended);
    return put.ok;
}

static void on_tick(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what, (void)user;
}

static inline void open_journal(const struct gw_store_limits *limits) {
    struct gw_store *store = open_store();
    if (max_logged)
        gw_sqlite_of(store)->max_logged = max_logged;
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &(struct timeval){0, 5000});
    journal = gw_journal_new(store, limits);
    port = gw_journal_port_new(journal, base);
    n_ended = 0;
}

static inline void close_journal(void) {
    gw_journal_port_free(port);
    gw_journal_free(journal);
    event_free(tick);
    event_base_free(base);
}

static inline int set_up(void **state) {
    int status = make_folder(state);
    open_journal(&(struct gw_store_limits){0});
    return status;
}

static inline int tear_down(void **state) {
    close_journal();
    return remove_folder(state);
}

#endif
