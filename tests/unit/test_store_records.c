#include "store_fixture.h"

#define NASTY GW_STR("a\0b\xff\xfe \xc3\xa4\xe2\x82\xac'\";--\n")

static struct gw_store *store;
static int seen;

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

/* What is read after this was in the file. */
static void reopen(void) {
    commit(store);
    gw_store_close(store);
    store = open_store();
    begin(store);
}

/* --- sagas --- */

static struct gw_saga_record a_saga(void) {
    return (struct gw_saga_record){.kind = GW_STR("order"),
                                   .id = NASTY,
                                   .state = GW_SAGA_COMPENSATING,
                                   .correlation_id = GW_STR("c-1"),
                                   .reason = NASTY,
                                   .result = GW_STR("{\"ok\":true}"),
                                   .created_ms = INT64_MAX,
                                   .changed_ms = INT64_MIN};
}

static void assert_saga(const struct gw_saga_record *wanted) {
    struct gw_saga_record found;
    bool is_there;
    assert_true(store->functions->find_saga(store, wanted->kind, wanted->id, &is_there, &found));
    assert_true(is_there);
    assert_int_equal(found.number, wanted->number);
    assert_str(found.kind, wanted->kind);
    assert_str(found.id, wanted->id);
    assert_int_equal(found.state, wanted->state);
    assert_str(found.correlation_id, wanted->correlation_id);
    assert_str(found.reason, wanted->reason);
    assert_str(found.result, wanted->result);
    assert_int_equal(found.created_ms, wanted->created_ms);
    assert_int_equal(found.changed_ms, wanted->changed_ms);
    gw_buf_fini(&found.memory);
}

static void a_saga_comes_back_as_it_was(void **state) {
    (void)state;
    struct gw_saga_record saga = a_saga();
    assert_true(store->functions->put_saga(store, &saga));
    assert_true(saga.number > 0);
    reopen();
    assert_saga(&saga);
}

static void an_empty_saga_is_one_too(void **state) {
    (void)state;
    struct gw_saga_record saga = {.id = GW_STR("1")};
    assert_true(store->functions->put_saga(store, &saga));
    assert_saga(&saga);
}

static void a_changed_saga_keeps_its_number(void **state) {
    (void)state;
    struct gw_saga_record saga = a_saga(), other = a_saga();
    assert_true(store->functions->put_saga(store, &saga));
    other.kind = GW_STR("other");
    assert_true(store->functions->put_saga(store, &other));
    assert_int_not_equal(saga.number, other.number);
    int64_t number = saga.number;
    saga.number = 0;
    saga.state = GW_SAGA_RESOLVED;
    saga.reason = GW_STR("by hand");
    assert_true(store->functions->put_saga(store, &saga));
    assert_int_equal(saga.number, number);
    assert_saga(&saga);
    assert_saga(&other);
}

static void what_is_not_there_is_no_failure(void **state) {
    (void)state;
    bool found = true;
    struct gw_saga_record saga;
    struct gw_key_record key;
    struct gw_job_record job;
    assert_true(store->functions->find_saga(store, GW_STR("a"), GW_STR("b"), &found, &saga));
    assert_false(found);
    gw_buf_fini(&saga.memory);
    assert_true(store->functions->find_key(store, GW_STR("a"), GW_STR("b"), &found, &key));
    assert_false(found);
    assert_true(store->functions->find_job(store, GW_STR("a"), &found, &job));
    assert_false(found);
    assert_true(store->functions->forget_key(store, GW_STR("a"), GW_STR("b")));
}

static bool expect_in_order(void *user, const struct gw_saga_record *saga) {
    const char *const *ids = user;
    assert_str(saga->id, gw_str_from(ids[seen++]));
    return ids[seen] != NULL;
}

static void sagas_are_found_newest_first(void **state) {
    (void)state;
    for (int n = 0; n <= 4; n++) /* one of each state; 0 and 2 are unfinished */
        put_saga(store, n, (enum gw_saga_state)n, 0);
    seen = 0;
    assert_true(store->functions->find_sagas(
        store, false, 0, expect_in_order,
        (const char *[]){"id-4", "id-3", "id-2", "id-1", "id-0", "none"}));
    assert_int_equal(seen, 5);
    seen = 0;
    assert_true(store->functions->find_sagas(store, true, 0, expect_in_order,
                                             (const char *[]){"id-2", "id-0", "none"}));
    assert_int_equal(seen, 2);
    seen = 0;
    assert_true(store->functions->find_sagas(store, true, 1, expect_in_order,
                                             (const char *[]){"id-2", "none"}));
    assert_int_equal(seen, 1);
    seen = 0; /* the visitor stops it */
    assert_true(store->functions->find_sagas(store, false, 0, expect_in_order,
                                             (const char *[]){"id-4", "id-3", NULL}));
    assert_int_equal(seen, 2);
}

/* --- steps --- */

static struct gw_step_record a_step(int64_t saga, unsigned n) {
    return (struct gw_step_record){
        .saga = saga,
        .n = n,
        .act = {.backend = GW_STR("inventory"), .method = GW_STR("POST"), .path = GW_STR("/a?b")},
        .outcome = GW_STEP_HAD_NO_EFFECT,
        .undo = {.backend = GW_STR("inventory"),
                 .method = GW_STR("DELETE"),
                 .path = NASTY,
                 .fields = GW_STR("a: b\nc: d\n"),
                 .body = NASTY,
                 .has_body = true,
                 .timeout_ms = 77},
        .undo_state = GW_UNDO_PENDING,
        .undo_attempts = 3,
        .undo_next_ms = 99,
        .undo_error = NASTY,
    };
}

static bool expect_step(void *user, const struct gw_step_record *found) {
    const struct gw_step_record *wanted = user;
    assert_int_equal(found->saga, wanted->saga);
    assert_int_equal(found->n, ++seen);
    assert_str(found->act.backend, wanted->act.backend);
    assert_str(found->act.method, wanted->act.method);
    assert_str(found->act.path, wanted->act.path);
    assert_int_equal(found->outcome, wanted->outcome);
    assert_str(found->undo.backend, wanted->undo.backend);
    assert_str(found->undo.method, wanted->undo.method);
    assert_str(found->undo.path, wanted->undo.path);
    assert_str(found->undo.fields, wanted->undo.fields);
    assert_int_equal(found->undo.has_body, wanted->undo.has_body);
    assert_str(found->undo.body, wanted->undo.body);
    assert_int_equal(found->undo.timeout_ms, wanted->undo.timeout_ms);
    assert_int_equal(found->undo_state, wanted->undo_state);
    assert_int_equal(found->undo_attempts, wanted->undo_attempts);
    assert_int_equal(found->undo_next_ms, wanted->undo_next_ms);
    assert_str(found->undo_error, wanted->undo_error);
    return true;
}

static void assert_steps(struct gw_step_record *wanted, int n) {
    seen = 0;
    assert_true(store->functions->find_steps(store, wanted->saga, expect_step, wanted));
    assert_int_equal(seen, n);
}

static void steps_come_back_in_order(void **state) {
    (void)state;
    struct gw_saga_record saga = a_saga();
    assert_true(store->functions->put_saga(store, &saga));
    for (unsigned n = 3; n >= 1; n--) {
        struct gw_step_record step = a_step(saga.number, n);
        assert_true(store->functions->put_step(store, &step));
    }
    reopen();
    struct gw_step_record wanted = a_step(saga.number, 0);
    assert_steps(&wanted, 3);
    wanted.saga++;
    assert_steps(&wanted, 0);
}

static void a_step_is_changed_in_place(void **state) {
    (void)state;
    struct gw_saga_record saga = a_saga();
    assert_true(store->functions->put_saga(store, &saga));
    struct gw_step_record step = a_step(saga.number, 1);
    assert_true(store->functions->put_step(store, &step));
    step.undo_state = GW_UNDO_DONE;
    step.undo.has_body = false;
    step.undo.body = GW_STR("");
    assert_true(store->functions->put_step(store, &step));
    assert_steps(&step, 1);
    step.undo.has_body = true; /* of no bytes, which is not the same as none */
    assert_true(store->functions->put_step(store, &step));
    assert_steps(&step, 1);
}

static void a_step_without_a_saga_fails(void **state) {
    (void)state;
    struct gw_step_record step = a_step(4711, 1);
    assert_false(store->functions->put_step(store, &step));
    assert_non_null(strstr(gw_store_error(store), "FOREIGN KEY"));
    assert_false(store->functions->commit(store));
    begin(store);
    assert_steps(&step, 0);
}

static void a_saga_that_is_over_forgets_what_nobody_will_send(void **state) {
    (void)state;
    struct gw_saga_record saga = a_saga();
    assert_true(store->functions->put_saga(store, &saga));
    struct gw_step_record step = a_step(saga.number, 1);
    assert_true(store->functions->put_step(store, &step));
    saga.state = GW_SAGA_COMPENSATING;
    assert_true(store->functions->put_saga(store, &saga));
    assert_steps(&step, 1);
    saga.state = GW_SAGA_RESOLVED;
    assert_true(store->functions->put_saga(store, &saga));
    step.undo.fields = step.undo.body = GW_STR("");
    step.undo.has_body = false;
    assert_steps(&step, 1);
}

/* --- keys --- */

static struct gw_key_record a_key(void) {
    return (struct gw_key_record){.scope = NASTY,
                                  .key = GW_STR("k"),
                                  .hash = NASTY,
                                  .owner = GW_STR("process"),
                                  .saga_kind = GW_STR("order"),
                                  .saga_id = NASTY,
                                  .status = 201,
                                  .fields = GW_STR("location: /1\r\n"),
                                  .body = NASTY,
                                  .created_ms = 5};
}

static void assert_key(const struct gw_key_record *wanted) {
    struct gw_key_record found;
    bool is_there;
    assert_true(store->functions->find_key(store, wanted->scope, wanted->key, &is_there, &found));
    assert_true(is_there);
    assert_str(found.scope, wanted->scope);
    assert_str(found.key, wanted->key);
    assert_str(found.hash, wanted->hash);
    assert_str(found.owner, wanted->owner);
    assert_str(found.saga_kind, wanted->saga_kind);
    assert_str(found.saga_id, wanted->saga_id);
    assert_int_equal(found.status, wanted->status);
    assert_str(found.fields, wanted->fields);
    assert_str(found.body, wanted->body);
    assert_int_equal(found.created_ms, wanted->created_ms);
    gw_buf_fini(&found.memory);
}

static void a_key_comes_back_as_it_was(void **state) {
    (void)state;
    struct gw_key_record key = a_key(), other = a_key();
    assert_true(store->functions->put_key(store, &key));
    other.scope = GW_STR("another caller");
    other.owner = GW_STR("");
    assert_true(store->functions->put_key(store, &other));
    reopen();
    assert_key(&key);
    assert_key(&other);
    key.owner = GW_STR("");
    key.status = 409;
    key.body = GW_STR("changed");
    assert_true(store->functions->put_key(store, &key));
    assert_key(&key);
    assert_key(&other);
}

static void a_key_is_forgotten(void **state) {
    (void)state;
    struct gw_key_record key = a_key(), other = a_key();
    bool found;
    assert_true(store->functions->put_key(store, &key));
    other.key = GW_STR("l");
    assert_true(store->functions->put_key(store, &other));
    assert_true(store->functions->forget_key(store, key.scope, key.key));
    assert_true(store->functions->find_key(store, key.scope, key.key, &found, &key));
    assert_false(found);
    assert_key(&other);
}

static void a_huge_body_comes_back(void **state) {
    (void)state;
    struct gw_key_record key = a_key();
    size_t size = 40u << 20;
    char *body = malloc(size);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    key.body = (struct gw_str){body, size};
    assert_true(store->functions->put_key(store, &key));
    reopen();
    assert_key(&key);
    free(body);
}

/* --- jobs --- */

static struct gw_job_record a_job(const char *id, enum gw_stored_job_state state) {
    return (struct gw_job_record){.id = gw_str_from(id),
                                  .kind = NASTY,
                                  .args = GW_STR("{}"),
                                  .state = state,
                                  .attempts = 2,
                                  .progress = 40,
                                  .correlation_id = GW_STR("c"),
                                  .result = NASTY,
                                  .created_ms = 1,
                                  .changed_ms = 2,
                                  .finished_ms = 3};
}

static void assert_job(const struct gw_job_record *found, const struct gw_job_record *wanted) {
    assert_str(found->id, wanted->id);
    assert_str(found->kind, wanted->kind);
    assert_str(found->args, wanted->args);
    assert_int_equal(found->state, wanted->state);
    assert_int_equal(found->attempts, wanted->attempts);
    assert_int_equal(found->progress, wanted->progress);
    assert_str(found->correlation_id, wanted->correlation_id);
    assert_str(found->result, wanted->result);
    assert_int_equal(found->created_ms, wanted->created_ms);
    assert_int_equal(found->changed_ms, wanted->changed_ms);
    assert_int_equal(found->finished_ms, wanted->finished_ms);
}

static void a_job_comes_back_as_it_was(void **state) {
    (void)state;
    struct gw_job_record job = a_job("1", GW_STORED_JOB_RUNNING), found;
    bool is_there;
    assert_true(store->functions->put_job(store, &job));
    reopen();
    assert_true(store->functions->find_job(store, job.id, &is_there, &found));
    assert_true(is_there);
    assert_job(&found, &job);
    gw_buf_fini(&found.memory);
    job.state = GW_STORED_JOB_FAILED;
    job.result = GW_STR("no");
    assert_true(store->functions->put_job(store, &job));
    assert_true(store->functions->find_job(store, job.id, &is_there, &found));
    assert_job(&found, &job);
    gw_buf_fini(&found.memory);
}

static bool expect_job(void *user, const struct gw_job_record *job) {
    const char *const *ids = user;
    assert_str(job->id, gw_str_from(ids[seen++]));
    return ids[seen] != NULL;
}

static void jobs_are_found_newest_first(void **state) {
    (void)state;
    static const char *const ids[] = {"q", "r", "d", "f", "c"};
    for (int i = 0; i < 5; i++) {
        struct gw_job_record job = a_job(ids[i], (enum gw_stored_job_state)i);
        assert_true(store->functions->put_job(store, &job));
    }
    seen = 0;
    assert_true(store->functions->find_jobs(store, false, 4, expect_job,
                                            (const char *[]){"c", "f", "d", "r", "none"}));
    assert_int_equal(seen, 4);
    seen = 0;
    assert_true(store->functions->find_jobs(store, true, 0, expect_job,
                                            (const char *[]){"r", "q", "none"}));
    assert_int_equal(seen, 2);
}

static bool expect_no_load(void *user, const struct gw_job_record *job) {
    (void)user;
    bool is_unfinished = job->state <= GW_STORED_JOB_RUNNING;
    assert_int_equal(job->args.len > 0, is_unfinished);
    assert_int_equal(job->result.len > 0, job->state != GW_STORED_JOB_DONE);
    return true;
}

static void a_list_of_jobs_is_without_what_may_be_large(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        const char id[] = {(char)('a' + i), '\0'};
        struct gw_job_record job = a_job(id, (enum gw_stored_job_state)i);
        assert_true(store->functions->put_job(store, &job));
    }
    assert_true(store->functions->find_jobs(store, false, 0, expect_no_load, NULL));
}

static void a_job_that_is_forgotten_is_gone(void **state) {
    (void)state;
    struct gw_job_record job = a_job("1", GW_STORED_JOB_DONE), found;
    bool is_there;
    assert_true(store->functions->put_job(store, &job));
    assert_true(store->functions->forget_job(store, job.id));
    assert_true(store->functions->forget_job(store, job.id));
    assert_true(store->functions->find_job(store, job.id, &is_there, &found));
    assert_false(is_there);
}

/* --- transactions --- */

static void what_is_rolled_back_was_not_there(void **state) {
    (void)state;
    put_saga(store, 1, GW_SAGA_OPEN, 0);
    store->functions->rollback(store);
    begin(store);
    assert_false(has_saga(store, 1));
    put_saga(store, 2, GW_SAGA_OPEN, 0);
    reopen();
    assert_true(has_saga(store, 2));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_saga_comes_back_as_it_was),
        TEST(an_empty_saga_is_one_too),
        TEST(a_changed_saga_keeps_its_number),
        TEST(what_is_not_there_is_no_failure),
        TEST(sagas_are_found_newest_first),
        TEST(steps_come_back_in_order),
        TEST(a_step_is_changed_in_place),
        TEST(a_step_without_a_saga_fails),
        TEST(a_saga_that_is_over_forgets_what_nobody_will_send),
        TEST(a_key_comes_back_as_it_was),
        TEST(a_key_is_forgotten),
        TEST(a_huge_body_comes_back),
        TEST(a_job_comes_back_as_it_was),
        TEST(jobs_are_found_newest_first),
        TEST(a_list_of_jobs_is_without_what_may_be_large),
        TEST(a_job_that_is_forgotten_is_gone),
        TEST(what_is_rolled_back_was_not_there),
    };
    return cmocka_run_group_tests_name("store_records", tests, NULL, NULL);
}
