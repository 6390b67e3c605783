/* Sagas over a journal whose disk does as the test says, and one scripted backend. */
#ifndef SAGA_FIXTURE_H
#define SAGA_FIXTURE_H

#include "backend_fixture.h"

#include "engine/saga.h"
#include "engine/saga_desk.h"

#include <pthread.h>

/* --- the disk --- */

enum disk { DISK_WORKS, DISK_REFUSES, DISK_WRITES_AND_SAYS_NO };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool is_held;    /* a transaction does not end until it is let go */
    bool is_waiting; /* one has come to its end */
    enum disk then;  /* what the disk does to ... */
    int from, n;     /* ... these transactions: from 1, counted by `count` */
    int count;
    bool is_dead;     /* and cannot even be read */
    bool is_cleaning; /* the journal's own transactions are not the test's; its thread's */
    const struct gw_store_functions *real;
    struct gw_store_functions functions;
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static inline bool disk_begin(struct gw_store *store) {
    pthread_mutex_lock(&disk.mutex);
    bool is_dead = disk.is_dead;
    pthread_mutex_unlock(&disk.mutex);
    return !is_dead && disk.real->begin(store);
}

static inline enum disk disk_wait(void) {
    pthread_mutex_lock(&disk.mutex);
    disk.count++;
    disk.is_waiting = true;
    while (disk.is_held)
        pthread_cond_wait(&disk.change, &disk.mutex);
    disk.is_waiting = false;
    bool is_struck = disk.count >= disk.from && disk.count < disk.from + disk.n;
    enum disk what = is_struck ? disk.then : DISK_WORKS;
    pthread_mutex_unlock(&disk.mutex);
    return what;
}

static inline bool disk_clean(struct gw_store *store, const struct gw_store_limits *limits,
                              int64_t now_ms, bool *more) {
    disk.is_cleaning = true;
    return disk.real->clean(store, limits, now_ms, more);
}

static inline bool disk_commit(struct gw_store *store) {
    if (disk.is_cleaning) {
        disk.is_cleaning = false;
        return disk.real->commit(store);
    }
    enum disk what = disk_wait();
    if (what == DISK_REFUSES) {
        disk.real->rollback(store);
        return false;
    }
    return disk.real->commit(store) && what == DISK_WORKS;
}

static inline bool disk_check(struct gw_store *store) {
    pthread_mutex_lock(&disk.mutex);
    bool is_dead = disk.is_dead;
    pthread_mutex_unlock(&disk.mutex);
    return !is_dead && disk.real->check(store);
}

static inline void disk_set(bool *flag, bool value) {
    pthread_mutex_lock(&disk.mutex);
    *flag = value;
    pthread_cond_broadcast(&disk.change);
    pthread_mutex_unlock(&disk.mutex);
}

/* The next `n` transactions but `skipped`. */
static inline void disk_strikes(enum disk what, int skipped, int n) {
    pthread_mutex_lock(&disk.mutex);
    disk.then = what;
    disk.from = disk.count + 1 + skipped;
    disk.n = n;
    pthread_mutex_unlock(&disk.mutex);
}

static inline bool disk_is_waiting(void) {
    pthread_mutex_lock(&disk.mutex);
    bool is_waiting = disk.is_waiting;
    pthread_mutex_unlock(&disk.mutex);
    return is_waiting;
}

static inline struct gw_store *disk_open(void) {
    struct gw_buf error = {0};
    struct gw_store *store = gw_store_sqlite_open(NULL, &error);
    assert_non_null(store);
    disk.real = store->functions;
    disk.functions = *disk.real;
    disk.functions.begin = disk_begin;
    disk.functions.commit = disk_commit;
    disk.functions.check = disk_check;
    disk.functions.clean = disk_clean;
    store->functions = &disk.functions;
    disk.is_held = disk.is_dead = false;
    disk.then = DISK_WORKS;
    return store;
}

/* --- the world --- */

static const struct gw_saga_timing quick = {
    .pauses = {1, 2}, .park_least = 20, .park_most = 40, .rewrite = 10};

struct saga_world {
    struct world *backends; /* `pricing` */
    struct gw_journal *journal;
    struct gw_sagas_shared shared;
    struct gw_sagas *sagas;
    struct gw_saga_timing timing;
};

/* What the backend was asked for, in order: "/undo/2 /undo/1 ". */
static char asked[4096];
static int n_failing; /* so many requests are answered with 500 first */

static inline void note_request(const char *request) {
    const char *path = strchr(request, ' ') + 1;
    strncat(asked, path, strcspn(path, " ") + 1);
}

static inline void undoes(struct peer_conn *conn, const char *request) {
    note_request(request);
    if (n_failing > 0 && n_failing--)
        peer_say(conn, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    else
        peer_answers(conn, request);
}

static inline void saga_open_sagas(struct saga_world *w) {
    struct world *b = w->backends;
    w->sagas = gw_sagas_new(b->base, b->caller, b->backends, w->journal, &w->shared, &w->timing);
}

static inline int saga_begin(void **state) {
    struct saga_world *w = calloc(1, sizeof *w);
    void *backends;
    begin(&backends);
    w->backends = backends;
    w->backends->peer->script = undoes;
    struct gw_backend_options options = options_for(w->backends->url);
    options.breaker.threshold = 1000000;
    define(w->backends, &options);
    w->timing = quick;
    w->journal = gw_journal_new(disk_open(), &(struct gw_store_limits){0});
    saga_open_sagas(w);
    asked[0] = '\0';
    n_failing = 0;
    *state = w;
    return 0;
}

static inline int saga_end(void **state) {
    struct saga_world *w = *state;
    void *backends = w->backends;
    disk_set(&disk.is_held, false);
    gw_sagas_free(w->sagas);
    gw_journal_free(w->journal);
    end(&backends);
    free(w);
    return 0;
}

/* As if the process had ended and another one begun: with the same journal. */
static inline void begin_again(struct saga_world *w) {
    gw_sagas_stop(w->sagas);
    gw_sagas_free(w->sagas);
    memset(&w->shared, 0, sizeof w->shared);
    saga_open_sagas(w);
    gw_sagas_recover(w->sagas);
}

/* --- a saga --- */

struct told {
    struct gw_saga_wait wait;
    int times;
    enum gw_saga_answer answer;
};

static inline void tell(struct gw_saga_wait *wait, enum gw_saga_answer answer) {
    struct told *told = (struct told *)wait;
    told->times++;
    told->answer = answer;
}

static inline void told_init(struct told *told) {
    *told = (struct told){.wait.done = tell};
}

#define RUN_UNTIL_TOLD(w, told) RUN_UNTIL((w)->backends->base, (told)->times > 0)

static inline struct gw_saga *open_saga(struct saga_world *w, const char *id) {
    return gw_saga_open(w->sagas, GW_STR("order"), gw_str_from(id), GW_STR("c-1"));
}

static inline unsigned add_step(struct gw_saga *saga) {
    char undo_path[32];
    snprintf(undo_path, sizeof undo_path, "/undo/%u", gw_saga_count(saga) + 1);
    struct gw_stored_request act = {
        .backend = GW_STR("pricing"), .method = GW_STR("POST"), .path = GW_STR("/do")};
    struct gw_stored_request undo = act;
    undo.path = gw_str_from(undo_path);
    undo.fields = GW_STR("x-undo: yes\n");
    undo.body = GW_STR("{}");
    undo.has_body = true;
    return gw_saga_add(saga, &act, &undo);
}

/* A step that was written, sent and answered. Returns what became of the writing. */
static inline enum gw_saga_answer step(struct saga_world *w, struct gw_saga *saga) {
    struct told told;
    told_init(&told);
    unsigned n = add_step(saga);
    if (!gw_saga_write(saga, n, &told.wait))
        return GW_SAGA_NOT_WRITTEN;
    assert_int_equal(told.times, 0);
    RUN_UNTIL_TOLD(w, &told);
    if (told.answer == GW_SAGA_WRITTEN)
        gw_saga_outcome(saga, n, GW_STEP_DONE);
    return told.answer;
}

static inline enum gw_saga_answer commit(struct saga_world *w, struct gw_saga *saga) {
    struct told told;
    told_init(&told);
    if (!gw_saga_commit(saga, GW_STR("{\"total\":1}"), &told.wait))
        return GW_SAGA_NOT_WRITTEN;
    RUN_UNTIL_TOLD(w, &told);
    return told.answer;
}

static inline void undo(struct saga_world *w, struct gw_saga *saga) {
    struct told told;
    told_init(&told);
    if (!gw_saga_undo(saga, GW_STR("not today"), &told.wait))
        return;
    RUN_UNTIL_TOLD(w, &told);
    assert_int_equal(told.answer, GW_SAGA_ENDED);
}

/* --- what the journal says --- */

/* "undone" or "none", with the number of steps, the last of which is shown. */
struct seen {
    bool is_there;
    enum gw_desk_answer answer;
    char state[16], reason[64], result[32], error[80];
    unsigned n_steps, attempts, n_done;
    int64_t number;
    enum gw_step_outcome outcome;
    enum gw_undo_state undo_state;
};

static inline void copy_text(char *to, size_t size, struct gw_str from) {
    snprintf(to, size, "%.*s", GW_STR_ARG(from));
}

static inline void see(void *user, enum gw_desk_answer answer, const struct gw_saga_view *view) {
    struct seen *seen = user;
    seen->is_there = true;
    seen->answer = answer;
    strcpy(seen->state, "none");
    if (!view)
        return;
    strcpy(seen->state, gw_saga_state_name(view->saga.state));
    copy_text(seen->reason, sizeof seen->reason, view->saga.reason);
    copy_text(seen->result, sizeof seen->result, view->saga.result);
    seen->number = view->saga.number;
    seen->n_steps = view->n_steps;
    for (unsigned i = 0; i < view->n_steps; i++) {
        const struct gw_step_record *record = &view->steps[i];
        seen->outcome = record->outcome;
        seen->undo_state = record->undo_state;
        seen->attempts = record->undo_attempts;
        seen->n_done += record->undo_state == GW_UNDO_DONE;
        copy_text(seen->error, sizeof seen->error, record->undo_error);
    }
}

static inline struct seen look(struct saga_world *w, const char *id) {
    struct seen seen = {0};
    gw_desk_find(gw_sagas_port(w->sagas), GW_STR("order"), gw_str_from(id), see, &seen);
    RUN_UNTIL(w->backends->base, seen.is_there);
    return seen;
}

static inline void assert_seen(struct saga_world *w, const char *id, const char *state) {
    assert_string_equal(look(w, id).state, state);
}

static inline bool is_in(struct saga_world *w, const char *id, const char *state) {
    return strcmp(look(w, id).state, state) == 0;
}

#endif
