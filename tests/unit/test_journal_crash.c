/* kill -9: a process writes as fast as it can and says what it was told is durable; whenever it is
 * killed, the next one finds all of that. */
#include "journal_fixture.h"
#include "random.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS     60
#define AT_A_TIME 20
#define BUDGET_MS 6000 /* on a slow disk it is fewer kills */
#define MAX_PUTS  1000000

static int told; /* the pipe to the parent */

/* --- the one that is killed --- */

static struct put writers[AT_A_TIME];
static int next;

static void say_and_go_on(struct gw_journal_op *op, bool ok) {
    struct put *put = (struct put *)op;
    if (!ok || write(told, &put->n, sizeof put->n) != sizeof put->n)
        _exit(1);
    put->n = next++;
    put->n_bytes = (size_t)(put->n * 7919 % 3000);
    gw_journal_submit(port, op);
}

static void be_killed(int from) {
    max_logged = 100; /* it is killed while it writes the log to the database, too */
    next = from;
    open_journal(&(struct gw_store_limits){.sagas = {.max_count = 1}}); /* none is finished */
    for (int i = 0; i < AT_A_TIME; i++) {
        writers[i].n = next++;
        writers[i].op = (struct gw_journal_op){.run = run_put, .done = say_and_go_on};
        gw_journal_submit(port, &writers[i].op);
    }
    event_base_dispatch(base);
    _exit(1);
}

/* --- the one that kills --- */

static bool kept[MAX_PUTS];

/* Lets it live for a while after its first words, and returns the number above all it has said. */
static int live_and_die(int from, int64_t n_us) {
    int ends[2], n, above = from;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        told = ends[1];
        be_killed(from);
    }
    close(ends[1]);
    int64_t until_us = 0;
    while (read(ends[0], &n, sizeof n) == sizeof n) {
        kept[n] = true;
        above = n >= above ? n + 1 : above;
        until_us = until_us ? until_us : gw_clock_us() + n_us;
        if (gw_clock_us() >= until_us) /* what is still in the pipe is read after its death */
            kill(pid, SIGKILL);
    }
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return above;
}

static int assert_all_kept(int n) {
    struct gw_store *store = open_store(); /* which checks the file, too */
    int n_kept = 0;
    begin(store);
    for (int i = 0; i < n; n_kept += kept[i++])
        if (kept[i] && !has_saga(store, i))
            fail_msg("saga %d of %d is lost", i, n);
    store->functions->rollback(store);
    gw_store_close(store);
    return n_kept;
}

static void what_was_told_to_be_durable_survives(void **state) {
    (void)state;
    uint64_t random = (uint64_t)getpid();
    int64_t until_ms = gw_clock_ms() + BUDGET_MS;
    int n = 0, n_kept = 0, n_kills = 0;
    while (n_kills < KILLS && n < MAX_PUTS / 2 && gw_clock_ms() < until_ms) {
        n = live_and_die(n, (int64_t)(next_random(&random) % 40000)) + AT_A_TIME;
        n_kept = assert_all_kept(n);
        n_kills++;
    }
    print_message("# %d kept, %d kills\n", n_kept, n_kills);
    assert_true(n_kills >= 5 && n_kept > n_kills);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_told_to_be_durable_survives, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests_name("journal_crash", tests, NULL, NULL);
}
