/* What the journal says, and keeps, when the disk fails: what was told to be durable must be there,
 * and all must go on by itself when the disk does. */
#include "faulty_disk.h"
#include "journal_fixture.h"

#include "base/log.h"

#define SIZE 20000 /* of a record: some pages */

static char path[PATH_SIZE + 64];

/* All that is read after this is in the file. */
static struct gw_store *look_into_file(void) {
    close_journal();
    struct gw_store *store = open_store();
    begin(store);
    return store;
}

static void look_away(struct gw_store *store) {
    store->functions->rollback(store);
    gw_store_close(store);
    open_journal(&(struct gw_store_limits){0});
}

/* --- it fails, and works again --- */

struct failing {
    enum disk_fault fault;
    const char *says;
};

static void assert_fault(const char *part) {
    const char *fault = gw_journal_fault(journal);
    assert_non_null(fault);
    if (!strstr(fault, part))
        fail_msg("\"%s\" has no \"%s\"", fault, part);
}

/* By itself, with nobody asking for anything; or at once, if somebody does. */
static void comes_back(bool by_itself) {
    set_disk(DISK_IS_WELL, 0);
    if (by_itself)
        RUN_UNTIL(!gw_journal_fault(journal));
    assert_true(put_one(7, SIZE));
    assert_null(gw_journal_fault(journal));
}

static void bears_it(const struct failing *failing, int after) {
    bool kept[8];
    assert_true(put_one(0, SIZE));
    set_disk(failing->fault, after);
    for (int n = 1; n < 7; n++)
        kept[n] = put_one(n, SIZE);
    assert_false(kept[6]);
    assert_fault(failing->says);
    comes_back(after == 0);
    struct gw_store *store = look_into_file();
    assert_true(has_saga(store, 0) && has_saga(store, 7));
    for (int n = 1; n < 7; n++)
        assert_true(has_saga(store, n) || !kept[n]);
    look_away(store);
}

/* After each number of operations of the disk, so that all that can fail does. */
static void bears(void **state, const struct failing *failing, int max_after) {
    for (int after = 0; after <= max_after; after++) {
        bears_it(failing, after);
        if (after < max_after) {
            tear_down(state);
            set_up(state);
        }
    }
}

static void a_full_disk(void **state) {
    bears(state, &(struct failing){DISK_IS_FULL, "the disk is full"}, 12);
}

static void short_writes(void **state) {
    bears(state, &(struct failing){DISK_WRITES_SHORT, "the disk is full"}, 12);
}

static void failing_writes(void **state) {
    bears(state, &(struct failing){DISK_FAILS, "disk I/O error"}, 12);
}

static void failing_syncs(void **state) {
    bears(state, &(struct failing){DISK_CANNOT_SYNC, "disk I/O error"}, 3);
}

static void a_disk_that_is_gone(void **state) {
    bears(state, &(struct failing){DISK_IS_GONE, "moongate.db"}, 12);
}

/* --- what still works, and what is never half there --- */

static bool find_first(struct gw_journal_op *op, struct gw_store *store) {
    (void)op;
    return has_saga(store, 0);
}

static void a_full_disk_can_be_read(void **state) {
    (void)state;
    struct put look = {.op = {.run = find_first, .done = put_done}};
    assert_true(put_one(0, SIZE));
    set_disk(DISK_IS_FULL, 0);
    assert_false(put_one(1, SIZE));
    gw_journal_submit(port, &look.op);
    RUN_UNTIL(look.has_ended);
    assert_true(look.ok);
    assert_fault("the disk is full"); /* to read is no sign of health */
    set_disk(DISK_IS_WELL, 0);
}

static void a_small_one_passes_where_a_large_one_cannot(void **state) {
    (void)state;
    struct put first = {0}, large = {.n_bytes = 4000000}, small = {.n_bytes = 10};
    sem_t started, gate;
    assert_true(put_one(0, 0));
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    first.started = &started;
    first.go_on = &gate;
    submit(&first, 1);
    sem_wait(&started);
    submit(&large, 2);
    submit(&small, 3);
    set_disk(DISK_IS_FULL, 40); /* pages */
    sem_post(&gate);
    RUN_UNTIL(small.has_ended);
    set_disk(DISK_IS_WELL, 0);
    assert_true(first.ok);
    assert_false(large.ok);
    struct gw_store *store = look_into_file();
    assert_false(has_saga(store, 2));
    assert_true(has_saga(store, 3) || !small.ok);
    look_away(store);
}

struct look {
    struct put put;
    bool found;
};

static bool run_look(struct gw_journal_op *op, struct gw_store *store) {
    struct look *look = (struct look *)op;
    look->found = has_saga(store, look->put.n);
    return true;
}

static bool can_be_found(int n) {
    struct look look = {.put = {.op = {.run = run_look, .done = put_done}, .n = n}};
    gw_journal_submit(port, &look.put.op);
    RUN_UNTIL(look.put.has_ended);
    assert_true(look.put.ok);
    return look.found;
}

/* The end of a transaction fails, then the disk works, then the power is cut before anything else
 * is written: what the store said meanwhile must have been the truth. */
static void after_a_failed_sync_it_says_what_is_there(void **state) {
    (void)state;
    uint64_t random = 5;
    close_journal();
    record_disk(path);
    open_journal(&(struct gw_store_limits){0});
    assert_true(put_one(1, SIZE));
    set_disk(DISK_CANNOT_SYNC, 0);
    assert_false(put_one(2, SIZE));
    set_disk(DISK_IS_WELL, 0);
    bool found = can_be_found(2);
    assert_true(can_be_found(1));
    set_disk(DISK_IS_GONE, 0);
    close_journal();
    restore_disk(path, &random);
    set_disk(DISK_IS_WELL, 0);
    open_journal(&(struct gw_store_limits){0});
    assert_true(can_be_found(1));
    assert_int_equal(can_be_found(2), found);
}

/* --- the log beside the database --- */

#define FEW_PAGES 50

static long log_pages(void) {
    struct stat about;
    return stat(in_wal(path), &about) == 0 ? about.st_size / 4096 : 0;
}

static void open_with_small_log(void) {
    close_journal();
    max_logged = FEW_PAGES;
    open_journal(&(struct gw_store_limits){0});
    max_logged = 0;
}

static void the_log_stays_small(void **state) {
    (void)state;
    open_with_small_log();
    for (int n = 0; n < 300; n++)
        assert_true(put_one(n, SIZE));
    assert_true(log_pages() < FEW_PAGES * 2);
}

/* Somebody who reads for long, with a shell or for a backup, holds the log; then it is emptied. */
static void the_log_shrinks_when_a_reader_is_gone(void **state) {
    (void)state;
    sqlite3 *reader;
    open_with_small_log();
    assert_true(put_one(0, SIZE));
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    sqlite3_exec(reader, "BEGIN; SELECT * FROM sagas", NULL, NULL, NULL);
    for (int n = 1; n < 200; n++)
        assert_true(put_one(n, SIZE));
    assert_true(log_pages() > FEW_PAGES * 10);
    sqlite3_close(reader);
    for (int n = 200; n < 230; n++)
        assert_true(put_one(n, 10));
    close_journal();
    assert_int_equal(log_pages(), 0);
    open_journal(&(struct gw_store_limits){0});
}

static void a_log_that_cannot_be_emptied_stops_the_writing(void **state) {
    (void)state;
    int n = 0;
    open_with_small_log();
    set_disk(DISK_HAS_BAD_PART, 0);
    while (put_one(n, SIZE))
        assert_true(++n < 1000);
    assert_true(n > 10);
    assert_true(log_pages() < FEW_PAGES * 20);
    assert_fault("disk I/O error");
    set_disk(DISK_IS_WELL, 0);
    assert_true(put_one(n++, SIZE)); /* at once */
    struct gw_store *store = look_into_file();
    for (int i = 0; i < n; i++)
        assert_true(has_saga(store, i));
    look_away(store);
}

/* --- the power is cut --- */

#define CUTS     80
#define MAX_PUTS 20000

static bool kept[MAX_PUTS];

/* Some are told no, in between, since a sync fails. */
static bool put_or_fail(int n, uint64_t *random) {
    bool syncs = next_random(random) % 20;
    if (!syncs)
        set_disk(DISK_CANNOT_SYNC, 0);
    kept[n] = put_one(n, 300 + next_random(random) % 10000);
    if (!syncs)
        set_disk(DISK_IS_WELL, 0);
    return kept[n] || !syncs;
}

/* Puts for a while, then until the disk is gone; returns the number of those that were put. */
static int put_until_cut(int n, uint64_t *random) {
    record_disk(path);
    open_journal(&(struct gw_store_limits){0});
    for (uint64_t left = next_random(random) % 60; left; left--)
        if (!put_or_fail(n++, random))
            fail_msg("%d failed for no reason", n);
    set_disk(DISK_IS_GONE, (int)(next_random(random) % 50)); /* writes, syncs and reads */
    while (put_one(n, SIZE / 4))
        kept[n++] = true;
    close_journal();
    return n;
}

static int assert_all_kept(int n) {
    struct gw_store *store = open_store();
    int n_kept = 0;
    begin(store);
    for (int i = 0; i < n; n_kept += kept[i++])
        if (kept[i] && !has_saga(store, i))
            fail_msg("saga %d of %d is lost", i, n);
    store->functions->rollback(store);
    gw_store_close(store);
    return n_kept;
}

static void what_was_told_to_be_durable_survives_a_power_cut(void **state) {
    (void)state;
    uint64_t random = 42;
    int n = 0, n_kept = 0;
    close_journal();
    max_logged = 40; /* so that it is cut while the log is written to the database, too */
    for (int cut = 0; cut < CUTS; cut++) {
        n = put_until_cut(n, &random);
        restore_disk(path, &random);
        set_disk(DISK_IS_WELL, 0);
        n_kept = assert_all_kept(n);
    }
    print_message("# %d of %d kept, %d cuts\n", n_kept, n, CUTS);
    assert_true(n_kept > n / 2);
    max_logged = 0;
    open_journal(&(struct gw_store_limits){0});
}

static int set_up_path(void **state) {
    set_disk(DISK_IS_WELL, 0);
    int status = set_up(state);
    snprintf(path, sizeof path, "%s", in_folder("moongate.db"));
    return status;
}

int main(void) {
    gw_log_set_level(GW_LOG_ERROR + 1); /* each failure is meant */
    use_faulty_disk();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_path, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk),
        TEST(short_writes),
        TEST(failing_writes),
        TEST(failing_syncs),
        TEST(a_disk_that_is_gone),
        TEST(a_full_disk_can_be_read),
        TEST(a_small_one_passes_where_a_large_one_cannot),
        TEST(after_a_failed_sync_it_says_what_is_there),
        TEST(the_log_stays_small),
        TEST(the_log_shrinks_when_a_reader_is_gone),
        TEST(a_log_that_cannot_be_emptied_stops_the_writing),
        TEST(what_was_told_to_be_durable_survives_a_power_cut),
    };
    return cmocka_run_group_tests_name("journal_disk", tests, NULL, NULL);
}
