#include "engine/store_internal.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define NOBODY 65534

static void shell(const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder("moongate.db"), &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
    sqlite3_close(db);
}

static void write_file(const char *name, const char *text, size_t n, off_t at) {
    int file = open(in_folder(name), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(pwrite(file, text, n, at), n);
    close(file);
}

static int64_t pragma(struct gw_store *store, const char *text) {
    return gw_sql_number(gw_sqlite_of(store), text);
}

/* --- the file --- */

static void it_is_set_up_to_be_durable(void **state) {
    (void)state;
    struct gw_store *store = open_store();
    begin(store);
    put_saga(store, 1, GW_SAGA_OPEN, 0);
    commit(store);
    assert_int_equal(pragma(store, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(store, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(store, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(access(in_folder("moongate.db-wal"), F_OK), 0);
    gw_store_close(store);
    assert_int_not_equal(access(in_folder("moongate.db-wal"), F_OK), 0); /* written to the file */
}

static void assert_private(const char *name) {
    struct stat about;
    assert_int_equal(stat(in_folder(name), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void nobody_else_can_read_it(void **state) {
    (void)state;
    mode_t before = umask(0);
    struct gw_store *store = open_store();
    begin(store);
    put_saga(store, 1, GW_SAGA_OPEN, 0);
    commit(store);
    assert_private("moongate.db");
    assert_private("moongate.db-wal");
    assert_private("moongate.db-shm");
    assert_private("moongate.lock");
    gw_store_close(store);
    umask(before);
}

static void in_memory_it_is_gone_at_the_end(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gw_buf error = {0};
        struct gw_store *store = gw_store_sqlite_open(NULL, &error);
        assert_non_null(store);
        begin(store);
        assert_false(has_saga(store, 1));
        put_saga(store, 1, GW_SAGA_OPEN, 0);
        assert_true(has_saga(store, 1));
        commit(store);
        assert_true(store->functions->check(store));
        gw_store_close(store);
    }
}

/* --- the lock --- */

static void the_second_of_a_folder_is_refused(void **state) {
    (void)state;
    char wanted[80];
    struct gw_store *store = open_store();
    snprintf(wanted, sizeof wanted, "another gateway uses this folder (process %d)", (int)getpid());
    assert_refused(folder, wanted);
    gw_store_close(store);
    store = open_store();
    gw_store_close(store);
}

/* Says a byte when it has the store, and keeps it until it is killed. */
static pid_t hold_store(void) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        open_store();
        byte = write(ready[1], "", 1) == 1;
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void a_lock_dies_with_its_process(void **state) {
    (void)state;
    char wanted[80];
    pid_t pid = hold_store();
    snprintf(wanted, sizeof wanted, "(process %d)", (int)pid);
    assert_refused(folder, wanted);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    gw_store_close(open_store());
}

/* --- what cannot be used --- */

static void a_missing_folder_is_refused(void **state) {
    (void)state;
    assert_refused("/nowhere/at/all", "/nowhere/at/all: no such folder");
}

static void a_file_is_no_folder(void **state) {
    (void)state;
    char path[PATH_SIZE + 64];
    write_file("file", "x", 1, 0);
    snprintf(path, sizeof path, "%s", in_folder("file"));
    assert_refused(path, "it is not a folder");
}

/* For root nothing is read-only. */
static void as_nobody(void (*check)(void)) {
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(NOBODY), 0);
    check();
    if (is_root)
        assert_int_equal(seteuid(0), 0);
}

static void assert_cannot_be_written(void) {
    assert_refused(folder, "moongate.lock: cannot be written: Permission denied");
}

static void a_read_only_folder_is_refused(void **state) {
    (void)state;
    chmod(folder, 0555);
    as_nobody(assert_cannot_be_written);
}

static void assert_file_cannot_be_written(void) {
    assert_refused(folder, "moongate.db: Permission denied");
}

static void a_read_only_file_is_refused(void **state) {
    (void)state;
    gw_store_close(open_store());
    chmod(folder, 0777);
    chmod(in_folder("moongate.lock"), 0666);
    chmod(in_folder("moongate.db"), 0444);
    as_nobody(assert_file_cannot_be_written);
}

static void a_file_of_something_else_is_refused(void **state) {
    (void)state;
    char text[8192];
    memset(text, 'x', sizeof text);
    write_file("moongate.db", text, sizeof text, 0);
    assert_refused(folder, "moongate.db: the file is damaged, or no database");
}

static void a_database_of_another_program_is_refused(void **state) {
    (void)state;
    shell("CREATE TABLE sagas (x)");
    assert_refused(folder, "it is a database of another program");
}

static void fill(struct gw_store *store, int n) {
    begin(store);
    for (int i = 0; i < n; i++)
        put_saga(store, i, GW_SAGA_COMMITTED, i);
    commit(store);
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    struct gw_store *store = open_store();
    char rubbish[4096];
    memset(rubbish, 0xa5, sizeof rubbish);
    fill(store, 5000);
    gw_store_close(store);
    for (int page = 20; page < 40; page++)
        write_file("moongate.db", rubbish, sizeof rubbish, page * 4096L);
    assert_refused(folder, "the file is damaged");
}

static void a_file_cut_short_is_refused(void **state) {
    (void)state;
    struct gw_store *store = open_store();
    fill(store, 5000);
    gw_store_close(store);
    assert_int_equal(truncate(in_folder("moongate.db"), 40 * 4096L), 0);
    assert_refused(folder, "the file is damaged");
}

/* --- the schema --- */

static void one_that_waits_works_once_its_folder_is_there(void **state) {
    (void)state;
    struct gw_buf error = {0};
    char later[PATH_SIZE + 64];
    snprintf(later, sizeof later, "%s", in_folder("later"));
    struct gw_store *store = gw_store_sqlite_open_or_wait(later, &error);
    assert_non_null(store);
    assert_non_null(strstr(error.data, "no such folder"));
    assert_false(store->functions->begin(store));
    assert_non_null(strstr(gw_store_error(store), "no such folder"));
    assert_false(store->functions->check(store));
    assert_int_equal(mkdir(later, 0700), 0);
    assert_true(store->functions->check(store));
    begin(store);
    put_saga(store, 1, GW_SAGA_OPEN, 0);
    commit(store);
    assert_refused(later, "another gateway uses this folder");
    assert_null(gw_store_sqlite_open_or_wait(later, &error));
    gw_store_close(store);
    gw_buf_fini(&error);
    remove(in_folder("later/moongate.db"));
    remove(in_folder("later/moongate.lock"));
    assert_int_equal(rmdir(later), 0);
}

static void a_newer_schema_is_refused(void **state) {
    (void)state;
    gw_store_close(open_store());
    shell("PRAGMA user_version = 99");
    assert_refused(folder,
                   "it was written by a newer Moongate (schema 99, this one knows up to 1)");
    shell("PRAGMA user_version = 1");
    gw_store_close(open_store());
}

static struct gw_sqlite in_memory(void) {
    struct gw_sqlite sqlite = {.lock = -1};
    assert_int_equal(sqlite3_open(":memory:", &sqlite.db), SQLITE_OK);
    return sqlite;
}

static void end(struct gw_sqlite *sqlite) {
    gw_sql_forget_all(sqlite);
    sqlite3_close(sqlite->db);
}

static void each_script_runs_once_and_in_order(void **state) {
    (void)state;
    static const char *const scripts[] = {"CREATE TABLE a (x); INSERT INTO a VALUES (1);",
                                          "UPDATE a SET x = x + 10;", "UPDATE a SET x = x * 2;"};
    struct gw_sqlite sqlite = in_memory();
    for (unsigned n = 1; n <= 3; n++) {
        assert_true(gw_store_migrate(&sqlite, scripts, n));
        assert_int_equal(gw_sql_number(&sqlite, "PRAGMA user_version"), n);
    }
    assert_true(gw_store_migrate(&sqlite, scripts, 3));
    assert_int_equal(gw_sql_number(&sqlite, "SELECT x FROM a"), 22);
    end(&sqlite);
}

static void a_script_that_fails_leaves_no_trace(void **state) {
    (void)state;
    static const char *const scripts[] = {"CREATE TABLE a (x);",
                                          "CREATE TABLE b (x); INSERT INTO c VALUES (1);"};
    struct gw_sqlite sqlite = in_memory();
    assert_false(gw_store_migrate(&sqlite, scripts, 2));
    assert_non_null(strstr(sqlite.error, "no such table: c"));
    sqlite.failed = false;
    assert_int_equal(gw_sql_number(&sqlite, "PRAGMA user_version"), 1);
    assert_int_equal(gw_sql_number(&sqlite, "SELECT count(*) FROM sqlite_schema"), 1);
    end(&sqlite);
}

/* --- killed while it is made --- */

static void make_and_die(int n_us) {
    pid_t pid = fork();
    if (pid == 0) {
        struct gw_buf error = {0};
        gw_store_sqlite_open(folder, &error);
        for (;;)
            pause();
    }
    usleep((useconds_t)n_us); /* no wait for something: this is the moment of death */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void a_file_half_made_is_made(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        make_and_die(i * 200);
        struct gw_store *store = open_store();
        assert_int_equal(pragma(store, "PRAGMA auto_vacuum"), 2);
        fill(store, 3);
        gw_store_close(store);
        assert_int_equal(unlink(in_folder("moongate.db")), 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(it_is_set_up_to_be_durable),
        TEST(nobody_else_can_read_it),
        TEST(in_memory_it_is_gone_at_the_end),
        TEST(the_second_of_a_folder_is_refused),
        TEST(a_lock_dies_with_its_process),
        TEST(a_missing_folder_is_refused),
        TEST(a_file_is_no_folder),
        TEST(a_read_only_folder_is_refused),
        TEST(a_read_only_file_is_refused),
        TEST(a_file_of_something_else_is_refused),
        TEST(a_database_of_another_program_is_refused),
        TEST(a_damaged_file_is_refused),
        TEST(a_file_cut_short_is_refused),
        TEST(a_newer_schema_is_refused),
        TEST(one_that_waits_works_once_its_folder_is_there),
        TEST(each_script_runs_once_and_in_order),
        TEST(a_script_that_fails_leaves_no_trace),
        TEST(a_file_half_made_is_made),
    };
    return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
