#include "engine/jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#define KEEP_MS   1000
#define MAX_BYTES 10000

static char first[GW_ID_SIZE], second[GW_ID_SIZE], third[GW_ID_SIZE];

static void a_job_goes_from_queued_to_done(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(2, MAX_BYTES, KEEP_MS);
    struct gw_job job;
    assert_true(gw_jobs_add(jobs, "report", 5, first));
    assert_true(gw_jobs_get(jobs, first, 5, &job));
    assert_string_equal(job.kind, "report");
    assert_string_equal(gw_job_status_name(job.status), "queued");
    gw_job_fini(&job);

    gw_jobs_progress(jobs, first, 40);
    assert_true(gw_jobs_get(jobs, first, 6, &job));
    assert_string_equal(gw_job_status_name(job.status), "running");
    assert_int_equal(job.progress, 40);
    gw_job_fini(&job);

    gw_jobs_finish(jobs, first, true, GW_STR("[1]"), 7);
    assert_true(gw_jobs_get(jobs, first, 8, &job));
    assert_string_equal(gw_job_status_name(job.status), "done");
    assert_int_equal(job.progress, 100);
    assert_int_equal(job.finished_ms, 7);
    assert_true(gw_str_equal(gw_buf_str(&job.result), GW_STR("[1]")));
    gw_job_fini(&job);
    gw_jobs_free(jobs);
}

static void the_first_end_counts(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(2, MAX_BYTES, KEEP_MS);
    struct gw_job job;
    assert_true(gw_jobs_add(jobs, "report", 5, first));
    gw_jobs_finish(jobs, first, false, GW_STR("broken"), 7);
    gw_jobs_finish(jobs, first, true, GW_STR("[]"), 8);
    gw_jobs_progress(jobs, first, 50);
    assert_true(gw_jobs_get(jobs, first, 9, &job));
    assert_string_equal(gw_job_status_name(job.status), "failed");
    assert_true(gw_str_equal(gw_buf_str(&job.result), GW_STR("broken")));
    gw_job_fini(&job);
    gw_jobs_free(jobs);
}

static bool is_there(struct gw_jobs *jobs, const char *id, int64_t now_ms) {
    struct gw_job job;
    if (!gw_jobs_get(jobs, id, now_ms, &job))
        return false;
    gw_job_fini(&job);
    return true;
}

static void only_finished_jobs_are_forgotten(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(2, MAX_BYTES, KEEP_MS);
    assert_true(gw_jobs_add(jobs, "report", 0, first));
    assert_true(gw_jobs_add(jobs, "report", 0, second));
    gw_jobs_finish(jobs, first, true, GW_STR("1"), 10);
    assert_true(is_there(jobs, first, 10 + KEEP_MS - 1));
    assert_false(is_there(jobs, first, 10 + KEEP_MS));
    assert_true(is_there(jobs, second, 100 * KEEP_MS));
    gw_jobs_free(jobs);
}

static void the_oldest_finished_one_makes_room(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(2, MAX_BYTES, KEEP_MS);
    assert_true(gw_jobs_add(jobs, "report", 0, first));
    assert_true(gw_jobs_add(jobs, "report", 0, second));
    assert_false(gw_jobs_add(jobs, "report", 0, third));
    gw_jobs_finish(jobs, second, true, GW_STR("1"), 10);
    gw_jobs_finish(jobs, first, true, GW_STR("1"), 11);
    assert_true(gw_jobs_add(jobs, "report", 12, third));
    assert_true(is_there(jobs, first, 12));
    assert_false(is_there(jobs, second, 12));
    gw_jobs_free(jobs);
}

static void results_take_so_much_and_no_more(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(9, 3, KEEP_MS);
    struct gw_job job;
    assert_true(gw_jobs_add(jobs, "report", 0, first));
    assert_true(gw_jobs_add(jobs, "report", 0, second));
    gw_jobs_finish(jobs, first, true, GW_STR("12"), 10);
    gw_jobs_finish(jobs, second, true, GW_STR("34"), 11);
    assert_false(is_there(jobs, first, 11));
    assert_true(is_there(jobs, second, 11));
    assert_true(gw_jobs_add(jobs, "report", 12, third));
    gw_jobs_finish(jobs, third, true, GW_STR("5678"), 12);
    assert_true(gw_jobs_get(jobs, third, 12, &job));
    assert_string_equal(gw_job_status_name(job.status), "failed");
    gw_job_fini(&job);
    gw_jobs_free(jobs);
}

static void an_unknown_id_changes_nothing(void **state) {
    (void)state;
    struct gw_jobs *jobs = gw_jobs_new(1, MAX_BYTES, KEEP_MS);
    struct gw_job job;
    gw_jobs_progress(jobs, "nobody", 1);
    gw_jobs_finish(jobs, "nobody", true, GW_STR("1"), 1);
    assert_false(gw_jobs_get(jobs, "nobody", 1, &job));
    gw_jobs_free(jobs);
}

/* --- several workers --- */

#define THREADS 4
#define ROUNDS  200

static void *work(void *user) {
    struct gw_jobs *jobs = user;
    char id[GW_ID_SIZE];
    struct gw_job job;
    for (int i = 1; i <= ROUNDS; i++) { /* at 0 a job would count as not finished */
        if (!gw_jobs_add(jobs, "report", i, id))
            continue;
        gw_jobs_progress(jobs, id, 50);
        gw_jobs_finish(jobs, id, true, GW_STR("1"), i);
        if (gw_jobs_get(jobs, id, i, &job))
            gw_job_fini(&job);
    }
    return NULL;
}

static void workers_share_the_list(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    struct gw_jobs *jobs = gw_jobs_new(THREADS * ROUNDS, MAX_BYTES, ROUNDS);
    struct gw_job job;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, jobs), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* All of theirs are old by now and make room; one more is too many. */
    for (int i = 0; i < THREADS * ROUNDS; i++)
        assert_true(gw_jobs_add(jobs, "report", 10 * ROUNDS, first));
    assert_false(gw_jobs_add(jobs, "report", 10 * ROUNDS, second));
    assert_true(gw_jobs_get(jobs, first, 10 * ROUNDS, &job));
    gw_job_fini(&job);
    gw_jobs_free(jobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_goes_from_queued_to_done),
        cmocka_unit_test(the_first_end_counts),
        cmocka_unit_test(only_finished_jobs_are_forgotten),
        cmocka_unit_test(the_oldest_finished_one_makes_room),
        cmocka_unit_test(results_take_so_much_and_no_more),
        cmocka_unit_test(an_unknown_id_changes_nothing),
        cmocka_unit_test(workers_share_the_list),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
