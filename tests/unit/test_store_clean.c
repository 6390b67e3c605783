#include "engine/store_internal.h"
#include "store_fixture.h"

#include "base/clock.h"

static struct gw_store *store;

static int set_up(void **state) {
    int status = make_folder(state);
    store = open_store();
    begin(store);
    return status;
}

static int tear_down(void **state) {
    store->functions->rollback(store);
    gw_store_close(store);
    return remove_folder(state);
}

/* Until there is no more to do; returns the number of steps. */
static int clean(const struct gw_store_limits *limits, int64_t now_ms) {
    bool more = true;
    int n = 0;
    for (; more; n++)
        assert_true(store->functions->clean(store, limits, now_ms, &more));
    return n;
}

static int64_t count(const char *table) {
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    struct gw_sql statement = gw_sql(gw_sqlite_of(store), sql);
    int64_t n = gw_sql_next(&statement) ? gw_sql_int(&statement, 0) : -1;
    assert_true(gw_sql_end(&statement));
    gw_sql_forget_all(gw_sqlite_of(store)); /* its text was ours */
    return n;
}

static void put_job(int n, enum gw_stored_job_state state, int64_t finished_ms, size_t n_bytes) {
    char id[24];
    char *result = calloc(1, n_bytes + 1);
    snprintf(id, sizeof id, "job-%d", n);
    struct gw_job_record job = {.id = gw_str_from(id),
                                .state = state,
                                .result = {result, n_bytes},
                                .finished_ms = finished_ms};
    assert_true(store->functions->put_job(store, &job));
    free(result);
}

static void put_key(int n, const char *owner, int64_t created_ms, size_t n_bytes) {
    char name[24];
    char *body = calloc(1, n_bytes + 1);
    snprintf(name, sizeof name, "key-%d", n);
    struct gw_key_record key = {.scope = GW_STR("s"),
                                .key = gw_str_from(name),
                                .owner = gw_str_from(owner),
                                .body = {body, n_bytes},
                                .created_ms = created_ms};
    assert_true(store->functions->put_key(store, &key));
    free(body);
}

static bool has_key(int n) {
    char name[24];
    bool found;
    struct gw_key_record key;
    snprintf(name, sizeof name, "key-%d", n);
    assert_true(store->functions->find_key(store, GW_STR("s"), gw_str_from(name), &found, &key));
    gw_buf_fini(&key.memory);
    return found;
}

/* --- age --- */

static void finished_sagas_go_by_age(void **state) {
    (void)state;
    for (int n = 0; n <= 4; n++) {
        put_saga(store, n, (enum gw_saga_state)n, 100);
        put_saga(store, 10 + n, (enum gw_saga_state)n, 101);
    }
    clean(&(struct gw_store_limits){.sagas = {.keep_ms = 50}}, 151);
    for (int n = 0; n <= 4; n++) {
        assert_int_equal(has_saga(store, n), n == GW_SAGA_OPEN || n == GW_SAGA_COMPENSATING);
        assert_true(has_saga(store, 10 + n));
    }
}

static void steps_go_with_their_saga(void **state) {
    (void)state;
    for (int64_t n = 1; n <= 2; n++) {
        put_saga(store, (int)n, n == 1 ? GW_SAGA_UNDONE : GW_SAGA_OPEN, 0);
        for (unsigned i = 1; i <= 3; i++)
            assert_true(
                store->functions->put_step(store, &(struct gw_step_record){.saga = n, .n = i}));
    }
    clean(&(struct gw_store_limits){.sagas = {.keep_ms = 50}}, 151);
    assert_int_equal(count("steps"), 3);
    assert_true(has_saga(store, 2));
}

static void jobs_go_by_age(void **state) {
    (void)state;
    for (int n = 0; n <= 4; n++)
        put_job(n, (enum gw_stored_job_state)n, 100, 1);
    clean(&(struct gw_store_limits){.jobs = {.keep_ms = 50}}, 150);
    assert_int_equal(count("jobs"), 5);
    clean(&(struct gw_store_limits){.jobs = {.keep_ms = 50}}, 151);
    assert_int_equal(count("jobs"), 2);
}

static void keys_in_work_stay_while_their_process_lives(void **state) {
    (void)state;
    int64_t now_ms = gw_clock_wall_ms() + 1000;
    put_key(1, "", now_ms, 1);
    put_key(2, "us", now_ms, 1);
    put_key(3, "", now_ms - 10000000, 1);
    put_key(4, "them", now_ms - 10000000, 1);
    put_key(5, "them", now_ms - 5000, 1); /* it may be asked for again */
    clean(&(struct gw_store_limits){.keys = {.keep_ms = 10000}}, now_ms);
    assert_true(has_key(1) && has_key(2) && has_key(5));
    assert_false(has_key(3) || has_key(4));
    clean(&(struct gw_store_limits){.keys = {.keep_ms = 10000}}, now_ms + 10001);
    assert_true(has_key(2));
    assert_false(has_key(1) || has_key(5));
}

/* --- number --- */

static void the_oldest_above_the_number_go(void **state) {
    (void)state;
    for (int n = 0; n < 30; n++) {
        put_saga(store, n, n % 3 ? GW_SAGA_COMMITTED : GW_SAGA_OPEN, 100 - n);
        put_job(n, n % 3 ? GW_STORED_JOB_DONE : GW_STORED_JOB_QUEUED, n, 1);
        put_key(n, n % 3 ? "" : "us", n, 1);
    }
    struct gw_store_limit five = {.max_count = 5};
    clean(&(struct gw_store_limits){.sagas = five, .jobs = five, .keys = five}, 1000);
    assert_int_equal(count("sagas"), 15);
    assert_int_equal(count("jobs"), 15);
    assert_int_equal(count("keys"), 15);
    assert_true(has_saga(store, 1)); /* by when it was finished, not by its number */
    assert_false(has_saga(store, 29));
    assert_true(has_key(29));
    assert_false(has_key(1));
}

static void no_limit_is_none(void **state) {
    (void)state;
    for (int n = 0; n < 10; n++)
        put_saga(store, n, GW_SAGA_COMMITTED, 0);
    assert_int_equal(clean(&(struct gw_store_limits){0}, INT64_MAX), 1);
    assert_int_equal(count("sagas"), 10);
}

static void a_step_is_bounded(void **state) {
    (void)state;
    bool more;
    struct gw_store_limits limits = {.sagas = {.keep_ms = 1}};
    for (int n = 0; n < 1200; n++)
        put_saga(store, n, GW_SAGA_COMMITTED, 0);
    assert_true(store->functions->clean(store, &limits, 10, &more));
    assert_true(more);
    assert_int_equal(count("sagas"), 950);
    assert_int_equal(clean(&limits, 10), 4);
    assert_int_equal(count("sagas"), 0);
}

static void many_too_many_go_in_steps(void **state) {
    (void)state;
    struct gw_store_limits limits = {.sagas = {.max_count = 100}};
    for (int n = 0; n < 1200; n++)
        put_saga(store, n, GW_SAGA_COMMITTED, n);
    assert_int_equal(clean(&limits, 10), 5);
    assert_int_equal(count("sagas"), 100);
    assert_true(has_saga(store, 1100));
    assert_int_equal(clean(&limits, 10), 1);
    assert_int_equal(count("sagas"), 100);
}

/* --- room --- */

static void bytes_are_limited(void **state) {
    (void)state;
    for (int n = 0; n < 2000; n++) {
        put_key(n, n % 2 ? "" : "us", n, 5000);
        put_saga(store, n, GW_SAGA_COMMITTED, n);
    }
    clean(&(struct gw_store_limits){.max_bytes = 9000000}, 10000);
    assert_int_equal(count("sagas"), 2000);
    assert_int_equal(count("keys"), 1500);
    assert_false(has_key(1));
    assert_true(has_key(1999));
    clean(&(struct gw_store_limits){.max_bytes = 1}, 10000); /* what may not go stays */
    assert_int_equal(count("sagas"), 0);
    assert_int_equal(count("keys"), 1000);
}

static void room_is_given_back_to_the_disk(void **state) {
    (void)state;
    struct stat before, after;
    for (int n = 0; n < 3000; n++)
        put_job(n, GW_STORED_JOB_DONE, 0, 8000);
    commit(store);
    gw_store_close(store);
    assert_int_equal(stat(in_folder("moongate.db"), &before), 0);
    store = open_store();
    begin(store);
    assert_true(clean(&(struct gw_store_limits){.jobs = {.keep_ms = 1}}, 1000) > 6);
    commit(store);
    gw_store_close(store);
    assert_int_equal(stat(in_folder("moongate.db"), &after), 0);
    assert_true(before.st_size > 24000000);
    assert_true(after.st_size < 6000000);
    store = open_store();
    begin(store);
}

/* --- how it is found --- */

static void assert_plan(const char *query, const char *part) {
    char sql[256];
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", query);
    struct gw_sql statement = gw_sql(gw_sqlite_of(store), sql);
    assert_true(gw_sql_next(&statement));
    struct gw_str plan = gw_sql_bytes(&statement, 3);
    if (!memmem(plan.data, plan.len, part, strlen(part)))
        fail_msg("%s: %.*s", query, GW_STR_ARG(plan));
    assert_false(gw_sql_next(&statement)); /* in particular no sorting */
    assert_true(gw_sql_end(&statement));
    gw_sql_forget_all(gw_sqlite_of(store));
}

static void what_is_asked_often_has_an_index(void **state) {
    (void)state;
    assert_plan("SELECT * FROM sagas WHERE state IN (0, 2) ORDER BY number DESC",
                "USING INDEX sagas_unfinished");
    assert_plan("SELECT * FROM jobs WHERE state IN (0, 1) ORDER BY number DESC",
                "USING INDEX jobs_unfinished");
    assert_plan("SELECT count(changed_ms) FROM sagas WHERE state IN (1, 3, 4)",
                "USING COVERING INDEX sagas_finished");
    assert_plan("SELECT number FROM keys WHERE owner = '' AND created_ms < 9 ORDER BY created_ms",
                "USING COVERING INDEX keys_answered");
    assert_plan("SELECT number FROM keys WHERE owner <> '' AND created_ms < 9 ORDER BY created_ms",
                "USING COVERING INDEX keys_in_work");
    assert_plan("SELECT * FROM sagas WHERE kind = 'a' AND id = 'b'", "sqlite_autoindex_sagas_1");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finished_sagas_go_by_age),
        TEST(steps_go_with_their_saga),
        TEST(jobs_go_by_age),
        TEST(keys_in_work_stay_while_their_process_lives),
        TEST(the_oldest_above_the_number_go),
        TEST(no_limit_is_none),
        TEST(a_step_is_bounded),
        TEST(many_too_many_go_in_steps),
        TEST(bytes_are_limited),
        TEST(room_is_given_back_to_the_disk),
        TEST(what_is_asked_often_has_an_index),
    };
    return cmocka_run_group_tests_name("store_clean", tests, NULL, NULL);
}
