#include "saga_fixture.h"

#include "engine/jobs.h"

/* --- two workers on one loop, whose work is what the test says --- */

#define MAX_STARTED 64
#define PAUSE_MS    20

static const struct gw_job_limits usual = {.max_unfinished = 10,
                                           .at_once = 2,
                                           .attempts = 3,
                                           .max_result = 10,
                                           .pause_ms = PAUSE_MS,
                                           .rewrite_ms = 5};

static struct event_base *base;
static struct gw_journal *journal;
static struct gw_jobs *jobs;
static struct gw_job_runner *runners[2];
static struct gw_job_limits limits;

static struct started {
    int runner;
    struct gw_job *job; /* NULL: it has ended */
    int n_cancelled;
} started[MAX_STARTED];
static int n_started;

static void *begin_job(void *user, struct gw_job *job) {
    struct started *one = &started[n_started++];
    *one = (struct started){.runner = user == &runners[1], .job = job};
    return one;
}

static void stop_job(void *running) {
    struct started *one = running;
    one->n_cancelled++;
}

static void open_runners(void) {
    jobs = gw_jobs_new(&limits);
    for (int i = 0; i < 2; i++)
        runners[i] = gw_job_runner_new(
            jobs, base, journal,
            &(struct gw_job_work){.start = begin_job, .cancel = stop_job, .user = &runners[i]});
}

static void close_runners(void) {
    for (int i = 0; i < 2; i++)
        gw_job_runner_free(runners[i]);
    gw_jobs_free(jobs);
}

static int jobs_begin(void **state) {
    (void)state;
    base = event_base_new();
    journal = gw_journal_new(disk_open(), &(struct gw_store_limits){0});
    limits = usual;
    n_started = 0;
    open_runners();
    return 0;
}

static int jobs_end(void **state) {
    (void)state;
    disk_set(&disk.is_held, false);
    close_runners();
    gw_journal_free(journal);
    event_base_free(base);
    return 0;
}

/* As after a crash: what runs is not heard of again. */
static void next_process(void) {
    close_runners();
    n_started = 0;
    open_runners();
    gw_job_runner_recover(runners[0]);
}

static void set_limits(struct gw_job_limits to) {
    close_runners();
    limits = to;
    open_runners();
}

/* --- asking --- */

struct asked {
    bool is_answered;
    struct gw_job_reply reply;
};

static void answer(void *user, struct gw_job_reply *reply) {
    struct asked *one = user;
    one->is_answered = true;
    one->reply = *reply;
    *reply = (struct gw_job_reply){0};
}

#define ASK(one, question)                   \
    do {                                     \
        *(one) = (struct asked){0};          \
        assert_non_null(question);           \
        RUN_UNTIL(base, (one)->is_answered); \
    } while (0)

static enum gw_job_answer enqueue_as(const char *kind, char id[GW_ID_SIZE]) {
    struct asked one;
    ASK(&one,
        gw_job_enqueue(runners[0], gw_str_from(kind), GW_STR("{}"), GW_STR("c-1"), answer, &one));
    if (one.reply.answer == GW_JOB_OK)
        snprintf(id, GW_ID_SIZE, "%.*s", GW_STR_ARG(one.reply.jobs[0].id));
    gw_job_reply_fini(&one.reply);
    return one.reply.answer;
}

static void enqueue(char id[GW_ID_SIZE]) {
    assert_int_equal(enqueue_as("report", id), GW_JOB_OK);
}

/* "done 1 [1]": state, attempts, and the result or the reason. By memory, or by the journal. */
static const char *state_of(const char *id) {
    static char text[256];
    struct asked one = {0};
    struct gw_job_record job;
    if (gw_job_peek(runners[1], gw_str_from(id), &job)) {
        one.reply.jobs = malloc(sizeof job);
        one.reply.jobs[0] = job;
        one.reply.n_jobs = 1;
    } else {
        ASK(&one, gw_job_find(runners[1], gw_str_from(id), true, answer, &one));
    }
    if (one.reply.answer == GW_JOB_OK) {
        const struct gw_job_record *found = &one.reply.jobs[0];
        bool is_done = found->state == GW_STORED_JOB_DONE;
        struct gw_str said = is_done ? gw_buf_str(&one.reply.result) : found->result;
        snprintf(text, sizeof text, "%s %u %.*s", gw_job_state_name(found->state), found->attempts,
                 GW_STR_ARG(said));
    } else {
        strcpy(text, one.reply.answer == GW_JOB_NOT_FOUND ? "none" : "fault");
    }
    gw_job_reply_fini(&one.reply);
    return text;
}

static bool is_job_in(const char *id, const char *wanted) {
    return strcmp(state_of(id), wanted) == 0;
}

#define AWAIT_STATE(id, wanted) RUN_UNTIL(base, is_job_in(id, wanted))
#define AWAIT_STARTED(n)        RUN_UNTIL(base, n_started >= (n))

static enum gw_job_answer remove_job(const char *id) {
    struct asked one;
    ASK(&one, gw_job_remove(runners[1], gw_str_from(id), answer, &one));
    gw_job_reply_fini(&one.reply);
    return one.reply.answer;
}

static void end_job(int n, enum gw_job_outcome outcome, const char *text) {
    struct gw_buf said = {0};
    struct gw_job *job = started[n].job;
    gw_buf_append_str(&said, gw_str_from(text));
    started[n].job = NULL;
    gw_job_end(job, outcome, &said);
}

/* --- the life of one --- */

static void a_job_goes_from_queued_to_done(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    assert_true(is_job_in(id, "queued 0 "));
    AWAIT_STARTED(1);
    struct gw_job *job = started[0].job;
    assert_true(gw_str_equal(gw_job_id(job), gw_str_from(id)));
    assert_true(gw_str_equal(gw_job_kind(job), GW_STR("report")));
    assert_true(gw_str_equal(gw_job_args(job), GW_STR("{}")));
    assert_true(gw_str_equal(gw_job_correlation_id(job), GW_STR("c-1")));
    assert_true(is_job_in(id, "running 1 "));

    struct gw_job_record seen;
    gw_job_progress(job, 40);
    assert_true(gw_job_peek(runners[1], gw_str_from(id), &seen));
    assert_int_equal(seen.progress, 40);
    gw_buf_fini(&seen.memory);

    end_job(0, GW_JOB_DONE, "[1]");
    assert_true(is_job_in(id, "running 1 ")); /* until it is durable */
    AWAIT_STATE(id, "done 1 [1]");
}

static void one_that_is_unknown_is_not_found(void **state) {
    (void)state;
    assert_true(is_job_in("nobody", "none"));
    assert_int_equal(remove_job("nobody"), GW_JOB_NOT_FOUND);
}

static void each_worker_has_as_many_as_the_other(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    enqueue(id);
    AWAIT_STARTED(2);
    assert_int_not_equal(started[0].runner, started[1].runner);
}

static void the_others_wait_until_one_is_over(void **state) {
    (void)state;
    char ids[4][GW_ID_SIZE];
    for (int i = 0; i < 4; i++)
        enqueue(ids[i]);
    AWAIT_STARTED(2);
    assert_true(is_job_in(ids[2], "queued 0 "));
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STARTED(3);
    assert_true(is_job_in(ids[2], "running 1 ")); /* in the order they came */
    assert_true(is_job_in(ids[3], "queued 0 "));
}

static void there_are_so_many_and_no_more(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    for (unsigned i = 0; i < usual.max_unfinished; i++)
        enqueue(id);
    assert_null(
        gw_job_enqueue(runners[0], GW_STR("report"), GW_STR("{}"), GW_STR("c"), answer, NULL));
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STARTED(3);
    enqueue(id);
}

static void who_does_not_wait_gets_his_job_all_the_same(void **state) {
    (void)state;
    struct asked one = {0};
    gw_job_query_cancel(
        gw_job_enqueue(runners[0], GW_STR("k"), GW_STR("{}"), GW_STR("c"), answer, &one));
    AWAIT_STARTED(1);
    assert_false(one.is_answered);
}

/* --- attempts --- */

static void a_failure_for_now_is_tried_three_times(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    for (int i = 0; i < 3; i++) {
        AWAIT_STARTED(i + 1);
        end_job(i, GW_JOB_FAILED_FOR_NOW, "down");
        if (i == 0)
            assert_true(is_job_in(id, "queued 1 down"));
    }
    AWAIT_STATE(id, "failed 3 down");
    assert_int_equal(n_started, 3);
}

static void a_failure_is_the_end(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_FAILED, "a bug");
    AWAIT_STATE(id, "failed 1 a bug");
}

static void a_pause_leaves_room_for_others(void **state) {
    (void)state;
    char id[GW_ID_SIZE], other[GW_ID_SIZE];
    struct gw_job_limits one = usual;
    one.at_once = 1;
    one.pause_ms = 3600 * 1000;
    set_limits(one);
    enqueue(id);
    AWAIT_STARTED(1);
    enqueue(other);
    end_job(0, GW_JOB_FAILED_FOR_NOW, "down");
    AWAIT_STARTED(2);
    assert_true(is_job_in(other, "running 1 "));
}

static void an_interruption_is_no_attempt(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_INTERRUPTED, "");
    AWAIT_STARTED(2);
    assert_true(is_job_in(id, "running 1 "));
    end_job(1, GW_JOB_DONE, "1");
    AWAIT_STATE(id, "done 1 1");
}

static void a_result_that_is_too_large_is_a_failure(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "\"12345678\"1");
    AWAIT_STATE(id, "failed 1 the result is too large to be kept: 11 bytes, the limit is 10");
}

/* --- removing --- */

static void one_that_waits_is_cancelled(void **state) {
    (void)state;
    char ids[3][GW_ID_SIZE];
    for (int i = 0; i < 3; i++)
        enqueue(ids[i]);
    AWAIT_STARTED(2);
    assert_int_equal(remove_job(ids[2]), GW_JOB_OK);
    assert_true(is_job_in(ids[2], "cancelled 0 "));
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(ids[0], "done 1 1");
    assert_int_equal(n_started, 2);
}

static void one_that_runs_is_told_once_and_stays_cancelled(void **state) {
    (void)state;
    char id[GW_ID_SIZE], next[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    assert_int_equal(remove_job(id), GW_JOB_OK);
    assert_true(is_job_in(id, "cancelled 1 "));
    RUN_UNTIL(base, started[0].n_cancelled);
    enqueue(next);
    AWAIT_STARTED(2);
    end_job(0, GW_JOB_DONE, "1");
    assert_true(is_job_in(id, "cancelled 1 "));
    end_job(1, GW_JOB_DONE, "1");
    AWAIT_STATE(next, "done 1 1");
    assert_int_equal(started[0].n_cancelled, 1);
}

static void one_that_pauses_is_cancelled(void **state) {
    (void)state;
    char id[GW_ID_SIZE], next[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_FAILED_FOR_NOW, "down");
    assert_int_equal(remove_job(id), GW_JOB_OK);
    enqueue(next);
    AWAIT_STARTED(2);
    assert_true(is_job_in(next, "running 1 "));
    assert_true(is_job_in(id, "cancelled 1 "));
}

static void one_that_is_over_is_forgotten(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(id, "done 1 1");
    assert_int_equal(remove_job(id), GW_JOB_OK);
    assert_true(is_job_in(id, "none"));
}

/* --- lists --- */

static void a_list_has_the_newest_first_and_what_memory_knows(void **state) {
    (void)state;
    char ids[3][GW_ID_SIZE], other[GW_ID_SIZE];
    struct asked one;
    enqueue(ids[0]);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(ids[0], "done 1 1");
    enqueue_as("other", other);
    enqueue(ids[1]);
    enqueue(ids[2]);
    AWAIT_STARTED(3);
    gw_job_progress(started[2].job, 70);
    ASK(&one,
        gw_job_list(runners[0], &(struct gw_job_filter){GW_STR("report"), GW_JOB_ANY_STATE, 10},
                    answer, &one));
    assert_int_equal(one.reply.n_jobs, 3);
    for (int i = 0; i < 3; i++)
        assert_true(gw_str_equal(one.reply.jobs[i].id, gw_str_from(ids[2 - i])));
    assert_int_equal(one.reply.jobs[0].state, GW_STORED_JOB_QUEUED);
    assert_int_equal(one.reply.jobs[1].progress, 70);
    assert_int_equal(one.reply.jobs[2].state, GW_STORED_JOB_DONE);
    gw_job_reply_fini(&one.reply);
    ASK(&one,
        gw_job_list(runners[0], &(struct gw_job_filter){GW_STR("report"), GW_JOB_ANY_STATE, 1},
                    answer, &one));
    assert_int_equal(one.reply.n_jobs, 1);
    gw_job_reply_fini(&one.reply);
}

static unsigned count_of(const char *kind, int state, unsigned max) {
    struct asked one;
    struct gw_job_filter filter = {gw_str_from(kind), state, max};
    ASK(&one, gw_job_list(runners[0], &filter, answer, &one));
    unsigned n = one.reply.n_jobs;
    for (unsigned i = 0; i < n; i++)
        assert_true(state == GW_JOB_ANY_STATE || (int)one.reply.jobs[i].state == state);
    gw_job_reply_fini(&one.reply);
    return n;
}

/* One that waits for its next attempt runs, says the journal; but it does not. */
static void a_list_may_be_of_one_state(void **state) {
    (void)state;
    char done[GW_ID_SIZE], paused[GW_ID_SIZE], ids[4][GW_ID_SIZE];
    struct gw_job_limits patient = usual;
    patient.pause_ms = 3600 * 1000;
    set_limits(patient);
    enqueue(done);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(done, "done 1 1");
    enqueue_as("other", paused);
    AWAIT_STARTED(2);
    end_job(1, GW_JOB_FAILED_FOR_NOW, "not now");
    AWAIT_STATE(paused, "queued 1 not now");
    for (int i = 0; i < 4; i++)
        enqueue(ids[i]);
    AWAIT_STARTED(4);
    assert_int_equal(count_of("", GW_JOB_ANY_STATE, 10), 6);
    assert_int_equal(count_of("report", GW_JOB_ANY_STATE, 10), 5);
    assert_int_equal(count_of("", GW_STORED_JOB_RUNNING, 10), 2);
    assert_int_equal(count_of("", GW_STORED_JOB_RUNNING, 1), 1);
    assert_int_equal(count_of("", GW_STORED_JOB_QUEUED, 10), 3);
    assert_int_equal(count_of("other", GW_STORED_JOB_QUEUED, 10), 1);
    assert_int_equal(count_of("", GW_STORED_JOB_DONE, 10), 1);
    assert_int_equal(count_of("", GW_STORED_JOB_FAILED, 10), 0);
    struct gw_job_counts counts = gw_jobs_count(jobs);
    assert_int_equal(counts.running, 2);
    assert_int_equal(counts.waiting, 3);
}

/* --- cancelling, not forgetting --- */

static enum gw_job_answer cancel_job(const char *id, enum gw_stored_job_state expected) {
    struct asked one;
    ASK(&one, gw_job_cancel(runners[1], gw_str_from(id), answer, &one));
    enum gw_job_answer said = one.reply.answer;
    assert_true(said == GW_JOB_NOT_FOUND || one.reply.jobs[0].state == expected);
    gw_job_reply_fini(&one.reply);
    return said;
}

static void what_is_over_is_not_cancelled(void **state) {
    (void)state;
    char done[GW_ID_SIZE], running[GW_ID_SIZE];
    enqueue(done);
    AWAIT_STARTED(1);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(done, "done 1 1");
    assert_int_equal(cancel_job(done, GW_STORED_JOB_DONE), GW_JOB_OVER);
    assert_string_equal(state_of(done), "done 1 1");
    enqueue(running);
    AWAIT_STARTED(2);
    assert_int_equal(cancel_job(running, GW_STORED_JOB_CANCELLED), GW_JOB_OK);
    assert_int_equal(cancel_job(running, GW_STORED_JOB_CANCELLED), GW_JOB_OK);
    RUN_UNTIL(base, started[1].n_cancelled == 1);
    end_job(1, GW_JOB_INTERRUPTED, "");
    AWAIT_STATE(running, "cancelled 1 ");
    assert_int_equal(cancel_job("none", GW_STORED_JOB_CANCELLED), GW_JOB_NOT_FOUND);
}

/* --- another process --- */

static void what_was_left_is_run_by_the_next_process(void **state) {
    (void)state;
    char ids[3][GW_ID_SIZE];
    for (int i = 0; i < 3; i++)
        enqueue(ids[i]);
    AWAIT_STARTED(2);
    next_process();
    AWAIT_STARTED(2);
    assert_true(is_job_in(ids[0], "running 2 ")); /* the oldest first */
    assert_true(is_job_in(ids[1], "running 2 "));
    assert_true(is_job_in(ids[2], "queued 0 "));
}

static void the_process_dies_three_times_and_no_more(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    next_process();
    AWAIT_STARTED(1);
    next_process();
    AWAIT_STARTED(1);
    assert_true(is_job_in(id, "running 3 "));
    next_process();
    AWAIT_STATE(id, "failed 3 the gateway ended while it was at it, in the last of 3 attempts");
    assert_int_equal(n_started, 0);
}

static void who_drains_takes_no_more(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    gw_job_runner_drain(runners[0]);
    enqueue(id);
    AWAIT_STARTED(1);
    assert_int_equal(started[0].runner, 1);
    gw_job_runner_drain(runners[1]);
    enqueue(id);
    end_job(0, GW_JOB_INTERRUPTED, "");
    assert_true(is_job_in(id, "queued 0 "));
    next_process();
    AWAIT_STARTED(2);
    assert_true(is_job_in(id, "running 1 "));
}

/* --- a disk that fails --- */

static void fail_disk(enum disk how) {
    disk_strikes(how, 0, 1 << 20);
}

static void heal_disk(void) {
    disk_strikes(DISK_WORKS, 0, 0);
}

static void what_cannot_be_kept_is_not_begun(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    fail_disk(DISK_REFUSES);
    for (unsigned i = 0; i < 2 * usual.max_unfinished; i++)
        assert_int_equal(enqueue_as("report", id), GW_JOB_FAULT);
    heal_disk();
    enqueue(id);
    AWAIT_STARTED(1);
    assert_int_equal(n_started, 1);
}

static void what_is_not_written_as_running_does_not_run(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    disk_strikes(DISK_REFUSES, 1, 6); /* all but the enqueuing */
    enqueue(id);
    AWAIT_STARTED(1);
    assert_true(is_job_in(id, "running 1 "));
}

static void an_end_is_written_until_it_is(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    disk_strikes(DISK_REFUSES, 0, 6);
    end_job(0, GW_JOB_DONE, "1");
    assert_true(is_job_in(id, "running 1 "));
    AWAIT_STATE(id, "done 1 1");
}

static void an_end_that_was_written_after_all_is_one(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    disk_strikes(DISK_WRITES_AND_SAYS_NO, 0, 2);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(id, "done 1 1");
}

static void what_is_not_cancelled_goes_on(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    fail_disk(DISK_REFUSES);
    assert_int_equal(remove_job(id), GW_JOB_FAULT);
    heal_disk();
    assert_true(is_job_in(id, "running 1 "));
    assert_int_equal(started[0].n_cancelled, 0);
    end_job(0, GW_JOB_DONE, "1");
    AWAIT_STATE(id, "done 1 1");
}

static void what_was_left_is_read_when_the_disk_can(void **state) {
    (void)state;
    char id[GW_ID_SIZE];
    enqueue(id);
    AWAIT_STARTED(1);
    close_runners();
    n_started = 0;
    open_runners();
    disk_set(&disk.is_dead, true);
    gw_job_runner_recover(runners[0]);
    assert_int_equal(n_started, 0);
    disk_set(&disk.is_dead, false);
    AWAIT_STARTED(1);
    assert_true(is_job_in(id, "running 2 "));
}

/* --- workers as threads --- */

#define PER_THREAD 40

struct worker {
    pthread_t thread;
    struct event_base *base;
    struct gw_job_runner *runner;
    struct gw_job *waiting[PER_THREAD * 2];
    unsigned n_waiting;
    struct event *turn;
};

static atomic_int n_ended;

static void *start_later(void *user, struct gw_job *job) {
    struct worker *worker = user;
    worker->waiting[worker->n_waiting++] = job;
    event_active(worker->turn, 0, 0);
    return worker;
}

static void cancel_nothing(void *running) {
    (void)running;
}

static void end_all(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    struct worker *worker = user;
    for (unsigned i = 0; i < worker->n_waiting; i++) {
        struct gw_buf text = {0};
        gw_buf_append_str(&text, GW_STR("1"));
        gw_job_progress(worker->waiting[i], 50);
        gw_job_end(worker->waiting[i], GW_JOB_DONE, &text);
        atomic_fetch_add(&n_ended, 1);
    }
    worker->n_waiting = 0;
}

static void nobody_listens(void *user, struct gw_job_reply *reply) {
    (void)user;
    for (unsigned i = 0; i < reply->n_jobs; i++)
        assert_true(reply->jobs[i].id.len > 0);
}

static void *work(void *user) {
    struct worker *worker = user;
    for (int i = 0; i < PER_THREAD; i++) {
        assert_non_null(gw_job_enqueue(worker->runner, GW_STR("report"), GW_STR("{}"), GW_STR("c"),
                                       nobody_listens, NULL));
        gw_job_list(worker->runner, &(struct gw_job_filter){GW_STR("report"), GW_JOB_ANY_STATE, 5},
                    nobody_listens, NULL);
        event_base_loop(worker->base, EVLOOP_NONBLOCK);
    }
    RUN_UNTIL(worker->base, atomic_load(&n_ended) == 2 * PER_THREAD);
    return NULL;
}

static void workers_share_the_list(void **state) {
    (void)state;
    struct worker workers[2] = {{0}};
    struct gw_job_limits wide = usual;
    wide.max_unfinished = 2 * PER_THREAD;
    wide.at_once = 3;
    set_limits(wide);
    gw_job_runner_drain(runners[0]);
    gw_job_runner_drain(runners[1]);
    atomic_store(&n_ended, 0);
    for (int i = 0; i < 2; i++) {
        struct worker *worker = &workers[i];
        worker->base = event_base_new();
        worker->turn = event_new(worker->base, -1, 0, end_all, worker);
        worker->runner = gw_job_runner_new(
            jobs, worker->base, journal,
            &(struct gw_job_work){.start = start_later, .cancel = cancel_nothing, .user = worker});
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < 2; i++) {
        gw_job_runner_free(workers[i].runner);
        event_free(workers[i].turn);
        event_base_free(workers[i].base);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jobs_begin, jobs_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_job_goes_from_queued_to_done),
        TEST(one_that_is_unknown_is_not_found),
        TEST(each_worker_has_as_many_as_the_other),
        TEST(the_others_wait_until_one_is_over),
        TEST(there_are_so_many_and_no_more),
        TEST(who_does_not_wait_gets_his_job_all_the_same),
        TEST(a_failure_for_now_is_tried_three_times),
        TEST(a_failure_is_the_end),
        TEST(a_pause_leaves_room_for_others),
        TEST(an_interruption_is_no_attempt),
        TEST(a_result_that_is_too_large_is_a_failure),
        TEST(one_that_waits_is_cancelled),
        TEST(one_that_runs_is_told_once_and_stays_cancelled),
        TEST(one_that_pauses_is_cancelled),
        TEST(one_that_is_over_is_forgotten),
        TEST(a_list_has_the_newest_first_and_what_memory_knows),
        TEST(a_list_may_be_of_one_state),
        TEST(what_is_over_is_not_cancelled),
        TEST(what_was_left_is_run_by_the_next_process),
        TEST(the_process_dies_three_times_and_no_more),
        TEST(who_drains_takes_no_more),
        TEST(what_cannot_be_kept_is_not_begun),
        TEST(what_is_not_written_as_running_does_not_run),
        TEST(an_end_is_written_until_it_is),
        TEST(an_end_that_was_written_after_all_is_one),
        TEST(what_is_not_cancelled_goes_on),
        TEST(what_was_left_is_read_when_the_disk_can),
        TEST(workers_share_the_list),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
