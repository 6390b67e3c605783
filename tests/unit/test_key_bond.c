/* Keys and the sagas of their requests: one truth, in one transaction. */
#include "key_fixture.h"

static struct gw_saga *open_bound(struct saga_world *w, const char *id,
                                  const struct gw_key_claim *claimed) {
    struct gw_saga *saga = open_saga(w, id);
    gw_saga_take_key(saga, gw_key_bond_new(claimed));
    return saga;
}

/* Whether the journal has a record of it, whatever it says. */
struct count {
    struct gw_journal_op op;
    unsigned n;
    bool is_done;
};

static void count_key(void *user, int64_t number, struct gw_str scope, struct gw_str key) {
    (void)number, (void)scope, (void)key;
    ((struct count *)user)->n++;
}

static bool run_count(struct gw_journal_op *op, struct gw_store *store) {
    struct count *count = (struct count *)op;
    count->n = 0;
    return store->functions->list_keys(store, 0, 1000, count_key, count);
}

static void count_done(struct gw_journal_op *op, bool ok) {
    assert_true(ok);
    ((struct count *)op)->is_done = true;
}

static unsigned count_keys(struct saga_world *w) {
    struct count count = {.op = {.run = run_count, .done = count_done}};
    gw_journal_submit(gw_sagas_port(w->sagas), &count.op);
    RUN_UNTIL(w->backends->base, count.is_done);
    return count.n;
}

static void the_key_costs_no_transaction(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    settle(w);
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    int before = disk.count;
    for (int i = 0; i < 3; i++)
        assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    assert_int_equal(commit(w, saga), GW_SAGA_WRITTEN);
    assert_int_equal(disk.count - before, 4);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

static void the_commit_decides_and_the_handler_says_more(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    commit(w, saga);
    gw_saga_leave(saga);
    gw_key_decide(claimed);
    assert_true(gw_key_is_decided(claimed));
    gw_key_keep(claimed, 200, GW_STR("x-c: d\r\n"), GW_STR("more"), NULL, NULL);
    gw_key_release(claimed);
    assert_answered(w, "k", 200, "x-c: d\r\n", "more");
}

static void a_result_that_is_too_large_is_not_kept(void **state) {
    struct saga_world *w = *state;
    char result[MAX_BYTES + 1];
    struct told told;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    memset(result, '1', sizeof result);
    told_init(&told);
    assert_true(gw_saga_commit(saga, (struct gw_str){result, sizeof result}, &told.wait));
    RUN_UNTIL_TOLD(w, &told);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_NOT_KEPT);
}

static void what_is_undone_frees_it(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    assert_int_equal(count_keys(w), 1);
    undo(w, saga);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_int_equal(count_keys(w), 0);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_FREE);
}

static void what_is_still_being_undone_holds_it(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    step(w, saga);
    n_failing = 100;
    undo(w, saga);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_IN_WORK);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_OTHER);
    n_failing = 0;
    gw_sagas_look_at(w->sagas, look(w, "o-1").number);
    RUN_UNTIL(w->backends->base, ask(w, "k", "h") == GW_KEY_FREE);
    assert_seen(w, "o-1", "undone");
}

static void what_a_dead_process_began_holds_it_until_it_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    gw_sagas_stop(w->sagas);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    new_process(w);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_IN_WORK);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_OTHER);
    gw_sagas_recover(w->sagas);
    RUN_UNTIL(w->backends->base, ask(w, "k", "h") == GW_KEY_FREE);
    assert_seen(w, "o-1", "undone");
}

static void what_a_dead_process_committed_is_answered(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    commit(w, saga);
    gw_sagas_stop(w->sagas);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    new_process(w);
    gw_sagas_recover(w->sagas);
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

static void what_cannot_begin_leaves_it_free(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    settle(w);
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    disk_strikes(DISK_REFUSES, 0, 1);
    assert_int_equal(step(w, saga), GW_SAGA_NOT_WRITTEN);
    undo(w, saga);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_FREE);
}

/* The disk has it and says no: the saga finds out, and so does the key. */
static void what_was_committed_in_doubt_is_one_truth(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    disk_strikes(DISK_WRITES_AND_SAYS_NO, 0, 1);
    assert_int_equal(commit(w, saga), GW_SAGA_WRITTEN);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

/* --- two sagas of one request --- */

static void the_second_holds_it_when_the_first_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *first = open_bound(w, "o-1", claimed);
    step(w, first);
    struct gw_saga *second = open_bound(w, "o-2", claimed);
    step(w, second);
    undo(w, first);
    gw_saga_leave(first);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_int_equal(count_keys(w), 1);
    commit(w, second);
    gw_saga_leave(second);
    gw_key_release(claimed);
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

static void the_first_that_commits_is_not_forgotten_for_the_second(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    struct gw_saga *first = open_bound(w, "o-1", claimed);
    struct gw_saga *second = open_bound(w, "o-2", claimed);
    step(w, first);
    commit(w, first);
    step(w, second);
    undo(w, second);
    gw_saga_leave(first);
    gw_saga_leave(second);
    gw_key_release(claimed);
    RUN_UNTIL(w->backends->base, is_in(w, "o-2", "undone"));
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

/* A name that was undone may be tried anew: the key goes with it all the same. */
static void a_saga_that_is_tried_anew_takes_it_along(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    step(w, saga);
    undo(w, saga);
    gw_saga_leave(saga);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    struct gw_key_claim *claimed = claim(w, "k", "h");
    saga = open_bound(w, "o-1", claimed);
    step(w, saga);
    assert_int_equal(count_keys(w), 1);
    commit(w, saga);
    gw_saga_leave(saga);
    gw_key_release(claimed);
    assert_answered(w, "k", 201, "content-type: application/json\r\n", "{\"total\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, key_begin, key_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_key_costs_no_transaction),
        TEST(the_commit_decides_and_the_handler_says_more),
        TEST(a_result_that_is_too_large_is_not_kept),
        TEST(what_is_undone_frees_it),
        TEST(what_is_still_being_undone_holds_it),
        TEST(what_a_dead_process_began_holds_it_until_it_is_undone),
        TEST(what_a_dead_process_committed_is_answered),
        TEST(what_cannot_begin_leaves_it_free),
        TEST(what_was_committed_in_doubt_is_one_truth),
        TEST(the_second_holds_it_when_the_first_is_undone),
        TEST(the_first_that_commits_is_not_forgotten_for_the_second),
        TEST(a_saga_that_is_tried_anew_takes_it_along),
    };
    return cmocka_run_group_tests_name("key_bond", tests, NULL, NULL);
}
