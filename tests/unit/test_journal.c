#include "faulty_disk.h"
#include "journal_fixture.h"

#include <pthread.h>

#define CROWD 200

/* Whether the saga is there when the journal is closed; opens it again. */
static bool is_kept(int n) {
    close_journal();
    struct gw_store *store = open_store();
    begin(store);
    bool found = has_saga(store, n);
    store->functions->rollback(store);
    gw_store_close(store);
    open_journal(&(struct gw_store_limits){0});
    return found;
}

/* --- one --- */

static void what_is_done_is_kept(void **state) {
    (void)state;
    struct put put = {0};
    submit(&put, 1);
    assert_false(put.has_ended);
    RUN_UNTIL(put.has_ended);
    assert_true(put.ok);
    assert_int_equal(put.n_runs, 1);
    assert_true(is_kept(1));
    assert_false(is_kept(2));
}

struct chain {
    struct put put;
    int left;
};

static void go_on(struct gw_journal_op *op, bool ok) {
    struct chain *chain = (struct chain *)op;
    assert_true(ok);
    chain->put.n++;
    if (--chain->left)
        gw_journal_submit(port, op);
    else
        chain->put.has_ended = true;
}

static void the_end_of_one_may_begin_another(void **state) {
    (void)state;
    struct chain chain = {.put.op = {.run = run_put, .done = go_on}, .left = 5};
    gw_journal_submit(port, &chain.put.op);
    RUN_UNTIL(chain.put.has_ended);
    assert_true(is_kept(4));
}

/* --- many --- */

static sem_t started, gate;

/* Holds the journal's thread in an operation, so that what comes now waits. */
static void hold(struct put *first) {
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    first->started = &started;
    first->go_on = &gate;
    submit(first, 10000);
    sem_wait(&started);
}

static void let_go(void) {
    sem_post(&gate);
}

static void all_that_wait_share_a_transaction(void **state) {
    (void)state;
    static struct put first, puts[CROWD];
    memset(puts, 0, sizeof puts);
    memset(&first, 0, sizeof first);
    hold(&first);
    uint64_t before = gw_journal_count(journal).transactions;
    unsigned syncs = atomic_load(&disk_syncs);
    for (int i = 0; i < CROWD; i++)
        submit(&puts[i], i);
    assert_int_equal(gw_journal_count(journal).queued, CROWD);
    let_go();
    RUN_UNTIL(n_ended == CROWD + 1);
    struct gw_journal_counts counts = gw_journal_count(journal);
    assert_int_equal(counts.operations, CROWD + 1);
    assert_int_equal(counts.failures, 0);
    assert_int_equal(counts.queued, 0);
    assert_true(counts.transactions - before <= 3);
    assert_true(atomic_load(&disk_syncs) - syncs <= 6);
    for (int i = 0; i < CROWD; i++) {
        assert_true(puts[i].ok);
        assert_int_equal(puts[i].place, i + 2); /* in the order in which they came */
    }
}

static void one_that_fails_takes_no_other_with_it(void **state) {
    (void)state;
    static struct put first, puts[CROWD];
    memset(puts, 0, sizeof puts);
    memset(&first, 0, sizeof first);
    hold(&first);
    puts[7].refuses = puts[100].refuses = true;
    for (int i = 0; i < CROWD; i++)
        submit(&puts[i], i);
    let_go();
    RUN_UNTIL(n_ended == CROWD + 1);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(puts[i].ok, !puts[i].refuses);
        assert_int_equal(puts[i].place, i + 2);
        assert_true(puts[i].n_runs <= 2);
    }
    assert_int_equal(gw_journal_count(journal).failures, 2);
    assert_non_null(gw_journal_fault(journal));
    RUN_UNTIL(!gw_journal_fault(journal)); /* without anybody's doing */
    assert_true(is_kept(6) && is_kept(CROWD - 1));
    assert_false(is_kept(7) || is_kept(100));
}

static bool ignore_failure(struct gw_journal_op *op, struct gw_store *store) {
    (void)op;
    store->functions->put_step(store, &(struct gw_step_record){.saga = 4711, .n = 1});
    put_saga(store, 1, GW_SAGA_OPEN, 0);
    return true;
}

static void one_that_does_not_see_its_failure_fails(void **state) {
    (void)state;
    struct put put = {.op = {.run = ignore_failure, .done = put_done}};
    gw_journal_submit(port, &put.op);
    RUN_UNTIL(put.has_ended);
    assert_false(put.ok);
    assert_false(is_kept(1));
}

/* --- ports --- */

static void a_port_waits_for_what_is_under_way(void **state) {
    (void)state;
    static struct put first, puts[CROWD];
    memset(puts, 0, sizeof puts);
    memset(&first, 0, sizeof first);
    hold(&first);
    for (int i = 0; i < CROWD; i++)
        submit(&puts[i], i);
    let_go();
    gw_journal_port_free(port);
    assert_int_equal(n_ended, CROWD + 1);
    port = gw_journal_port_new(journal, base);
    assert_true(is_kept(CROWD - 1));
}

#define PORTS      4
#define OPERATIONS 300

static _Atomic int n_told;

struct client {
    pthread_t thread;
    int number;
    struct chain chains[8];
    struct gw_journal_port *port;
    int left;
};

static struct client clients[PORTS];

static void client_done(struct gw_journal_op *op, bool ok) {
    struct chain *chain = (struct chain *)op;
    struct client *client = &clients[chain->left];
    assert_true(ok);
    atomic_fetch_add(&n_told, 1);
    chain->put.n += 8;
    if (--client->left >= 8)
        gw_journal_submit(client->port, op);
}

static void *be_client(void *user) {
    struct client *client = user;
    struct event_base *own = event_base_new();
    client->port = gw_journal_port_new(journal, own);
    client->left = OPERATIONS;
    for (int i = 0; i < 8; i++) {
        client->chains[i] = (struct chain){.left = client->number};
        client->chains[i].put.n = client->number * 100000 + i;
        client->chains[i].put.op = (struct gw_journal_op){.run = run_put, .done = client_done};
        gw_journal_submit(client->port, &client->chains[i].put.op);
    }
    while (client->left >= 8)
        event_base_loop(own, EVLOOP_ONCE);
    gw_journal_port_free(client->port); /* eight or less are under way */
    event_base_free(own);
    return NULL;
}

static void each_port_is_told_of_its_own(void **state) {
    (void)state;
    atomic_store(&n_told, 0);
    memset(clients, 0, sizeof clients);
    for (int i = 0; i < PORTS; i++) {
        clients[i].number = i;
        pthread_create(&clients[i].thread, NULL, be_client, &clients[i]);
    }
    for (int i = 0; i < PORTS; i++)
        pthread_join(clients[i].thread, NULL);
    assert_int_equal(atomic_load(&n_told), PORTS * OPERATIONS);
    assert_int_equal(gw_journal_count(journal).operations, PORTS * OPERATIONS);
}

/* --- what it does by itself --- */

static bool count_sagas(void *user, const struct gw_saga_record *saga) {
    (void)saga;
    ++*(int *)user;
    return true;
}

struct look {
    struct put put;
    int n_sagas;
};

static bool run_look(struct gw_journal_op *op, struct gw_store *store) {
    struct look *look = (struct look *)op;
    look->n_sagas = 0;
    return store->functions->find_sagas(store, false, 0, count_sagas, &look->n_sagas);
}

static int sagas_now(void) {
    struct look look = {.put.op = {.run = run_look, .done = put_done}};
    gw_journal_submit(port, &look.put.op);
    RUN_UNTIL(look.put.has_ended);
    assert_true(look.put.ok);
    return look.n_sagas;
}

static void it_forgets_what_is_old(void **state) {
    (void)state;
    close_journal();
    struct gw_store *store = open_store();
    begin(store);
    for (int n = 0; n < 3000; n++) /* some steps */
        put_saga(store, n, n % 1000 ? GW_SAGA_COMMITTED : GW_SAGA_OPEN, n);
    commit(store);
    gw_store_close(store);
    open_journal(&(struct gw_store_limits){.sagas = {.keep_ms = 1000}});
    RUN_UNTIL(sagas_now() == 3);
}

/* How often the journal's thread has gone to sleep. */
static long switches_of(const char *task) {
    char path[300], line[128];
    long n = 0;
    bool is_it = false;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        is_it |= strcmp(line, "Name:\tjournal\n") == 0;
        sscanf(line, "voluntary_ctxt_switches: %ld", &n);
    }
    if (file)
        fclose(file);
    return is_it ? n : 0;
}

static long switches(void) {
    long n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks));)
        n += switches_of(task->d_name);
    closedir(tasks);
    return n;
}

static bool does_nothing_for_a_while(void) {
    struct timeval a_while = {0, 200000};
    long before = switches();
    event_base_loopexit(base, &a_while);
    event_base_dispatch(base);
    return switches() == before;
}

static void it_sleeps_when_there_is_nothing_to_do(void **state) {
    (void)state;
    assert_true(put_one(1, 0));
    RUN_UNTIL(switches() > 0);
    RUN_UNTIL(does_nothing_for_a_while());
}

int main(void) {
    use_faulty_disk();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_done_is_kept),
        TEST(the_end_of_one_may_begin_another),
        TEST(all_that_wait_share_a_transaction),
        TEST(one_that_fails_takes_no_other_with_it),
        TEST(one_that_does_not_see_its_failure_fails),
        TEST(a_port_waits_for_what_is_under_way),
        TEST(each_port_is_told_of_its_own),
        TEST(it_forgets_what_is_old),
        TEST(it_sleeps_when_there_is_nothing_to_do),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
