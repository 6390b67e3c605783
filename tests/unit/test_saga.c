/* The life of a saga: what is durable when, and what becomes of it when things happen at the worst
 * moment. The undoing of what is parked, or of an earlier process, is in test_saga_recovery.c. */
#include "saga_fixture.h"

/* --- in order --- */

static void an_intent_is_durable_before_it_may_be_sent(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    disk_set(&disk.is_held, true);
    assert_true(gw_saga_write(saga, add_step(saga), &told.wait));
    RUN_UNTIL(w->backends->base, disk_is_waiting());
    RUN_TURNS(w->backends->base, 3);
    assert_int_equal(told.times, 0);
    disk_set(&disk.is_held, false);
    RUN_UNTIL_TOLD(w, &told);
    assert_int_equal(told.answer, GW_SAGA_WRITTEN);
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "open");
    assert_int_equal(seen.n_steps, 1);
    assert_int_equal(seen.outcome, GW_STEP_INTENDED);
    gw_saga_leave(saga);
}

static void three_steps_cost_four_transactions(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    int before = disk.count;
    for (int i = 0; i < 3; i++)
        assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    assert_int_equal(commit(w, saga), GW_SAGA_WRITTEN);
    assert_int_equal(disk.count - before, 4);
    gw_saga_leave(saga);
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "committed");
    assert_string_equal(seen.result, "{\"total\":1}");
    assert_int_equal(seen.outcome, GW_STEP_DONE);
    assert_int_equal(seen.n_steps, 3);
    assert_string_equal(asked, "");
}

static void what_is_undone_is_undone_newest_first(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    for (int i = 0; i < 3; i++)
        step(w, saga);
    undo(w, saga);
    assert_string_equal(asked, "/undo/3 /undo/2 /undo/1 ");
    assert_non_null(strstr(w->backends->peer->last, "POST /undo/1 HTTP/1.1\r\n"));
    assert_non_null(strcasestr(w->backends->peer->last, "\r\nx-correlation-id: c-1\r\n"));
    assert_non_null(strcasestr(w->backends->peer->last, "\r\nx-undo: yes\r\n"));
    assert_non_null(strstr(w->backends->peer->last, "\r\n\r\n{}"));
    gw_saga_leave(saga);
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "undone");
    assert_string_equal(seen.reason, "not today");
    assert_int_equal(seen.n_done, 3);
}

static void what_had_no_effect_is_not_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    step(w, saga);
    step(w, saga);
    gw_saga_outcome(saga, 1, GW_STEP_HAD_NO_EFFECT);
    undo(w, saga);
    assert_string_equal(asked, "/undo/2 ");
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "undone");
}

static void one_without_effects_is_over_at_once(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    step(w, saga);
    gw_saga_outcome(saga, 1, GW_STEP_HAD_NO_EFFECT);
    undo(w, saga);
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "undone");
    assert_string_equal(asked, "");
}

static void one_without_steps_is_not_written_unless_it_is_committed(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga;
    struct gw_saga_wait wait;
    saga = open_saga(w, "o-1");
    assert_false(gw_saga_undo(saga, GW_STR("no"), &wait));
    gw_saga_leave(saga);
    gw_saga_leave(open_saga(w, "o-1"));
    assert_seen(w, "o-1", "none");
    saga = open_saga(w, "o-2");
    assert_int_equal(commit(w, saga), GW_SAGA_WRITTEN);
    gw_saga_leave(saga);
    assert_seen(w, "o-2", "committed");
}

static void a_step_without_an_undo_is_written_with_the_next(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct gw_stored_request act = {
        .backend = GW_STR("pricing"), .method = GW_STR("GET"), .path = GW_STR("/look")};
    gw_saga_add(saga, &act, NULL);
    step(w, saga);
    assert_int_equal(look(w, "o-1").n_steps, 2);
    undo(w, saga);
    assert_string_equal(asked, "/undo/2 ");
    gw_saga_leave(saga);
}

static void two_at_once_do_not_mix(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *a = open_saga(w, "a"), *b = open_saga(w, "b");
    struct told told_a, told_b;
    told_init(&told_a);
    told_init(&told_b);
    gw_saga_write(a, add_step(a), &told_a.wait);
    gw_saga_write(b, add_step(b), &told_b.wait);
    RUN_UNTIL_TOLD(w, &told_a);
    RUN_UNTIL_TOLD(w, &told_b);
    step(w, b);
    assert_int_equal(commit(w, a), GW_SAGA_WRITTEN);
    undo(w, b);
    gw_saga_leave(a);
    gw_saga_leave(b);
    assert_seen(w, "a", "committed");
    assert_seen(w, "b", "undone");
    assert_string_equal(asked, "/undo/2 /undo/1 ");
}

static void steps_at_once_of_one_saga_are_all_written(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told[5];
    for (int i = 0; i < 5; i++) {
        told_init(&told[i]);
        assert_true(gw_saga_write(saga, add_step(saga), &told[i].wait));
    }
    for (int i = 0; i < 5; i++) {
        RUN_UNTIL_TOLD(w, &told[i]);
        assert_int_equal(told[i].answer, GW_SAGA_WRITTEN);
    }
    assert_int_equal(look(w, "o-1").n_steps, 5);
    undo(w, saga);
    gw_saga_leave(saga);
}

/* --- names --- */

static void a_name_is_taken_while_it_is_open_and_once_it_is_committed(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *first = open_saga(w, "o-1"), *second = open_saga(w, "o-1");
    step(w, first);
    assert_int_equal(step(w, second), GW_SAGA_TAKEN);
    assert_int_equal(step(w, second), GW_SAGA_NOT_WRITTEN);
    gw_saga_leave(second);
    assert_int_equal(commit(w, first), GW_SAGA_WRITTEN);
    gw_saga_leave(first);
    struct gw_saga *third = open_saga(w, "o-1");
    assert_int_equal(commit(w, third), GW_SAGA_TAKEN);
    gw_saga_leave(third);
    assert_seen(w, "o-1", "committed");
    assert_string_equal(asked, "");
}

static void a_name_is_free_again_once_it_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *first = open_saga(w, "o-1"), *second;
    for (int i = 0; i < 3; i++)
        step(w, first);
    undo(w, first);
    gw_saga_leave(first);
    second = open_saga(w, "o-1");
    assert_int_equal(step(w, second), GW_SAGA_WRITTEN);
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "open");
    assert_string_equal(seen.reason, "");
    assert_int_equal(seen.n_steps, 1);
    asked[0] = '\0';
    undo(w, second);
    assert_string_equal(asked, "/undo/1 ");
    gw_saga_leave(second);
}

/* --- given up at the worst moment --- */

static void given_up_while_the_intent_is_written(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    step(w, saga);
    disk_set(&disk.is_held, true);
    gw_saga_write(saga, add_step(saga), &told.wait);
    RUN_UNTIL(w->backends->base, disk_is_waiting());
    gw_saga_wait_cancel(&told.wait);
    gw_saga_leave(saga);
    RUN_UNTIL(w->backends->base, strcmp(asked, "/undo/1 ") == 0); /* which waits for no disk */
    disk_set(&disk.is_held, false);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_int_equal(told.times, 0);
    struct seen seen = look(w, "o-1");
    assert_int_equal(seen.outcome, GW_STEP_HAD_NO_EFFECT);
    assert_int_equal(seen.undo_state, GW_UNDO_NONE);
    assert_string_equal(asked, "/undo/1 ");
}

static void given_up_while_the_step_is_under_way(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    gw_saga_write(saga, add_step(saga), &told.wait);
    RUN_UNTIL_TOLD(w, &told);
    gw_saga_leave(saga);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_string_equal(asked, "/undo/1 ");
    assert_string_equal(look(w, "o-1").reason, "it was left without a commit");
}

static void given_up_while_the_commit_is_written_it_is_committed(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    step(w, saga);
    disk_set(&disk.is_held, true);
    gw_saga_commit(saga, GW_STR(""), &told.wait);
    RUN_UNTIL(w->backends->base, disk_is_waiting());
    gw_saga_leave(saga);
    disk_set(&disk.is_held, false);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "committed"));
    assert_int_equal(told.times, 0);
    assert_string_equal(asked, "");
}

static void given_up_while_it_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    step(w, saga);
    step(w, saga);
    w->backends->peer->script = says_nothing;
    assert_true(gw_saga_undo(saga, GW_STR("no"), &told.wait));
    RUN_UNTIL(w->backends->base, w->backends->peer->requests == 1);
    gw_saga_leave(saga);
    w->backends->peer->script = undoes;
    peer_hang_up_all(w->backends->peer);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_int_equal(told.times, 0);
}

static void a_step_that_waits_when_its_saga_is_undone_is_not_to_be_sent(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    step(w, saga);
    gw_saga_write(saga, add_step(saga), &told.wait);
    undo(w, saga);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.answer, GW_SAGA_ENDED);
    assert_string_equal(asked, "/undo/1 ");
    gw_saga_leave(saga);
}

/* --- a disk that fails at each write, in both ways, once or three times --- */

/* Two steps and a commit; undone where any of it could not be. Returns the last answer. */
static enum gw_saga_answer order(struct saga_world *w, const char *id) {
    struct gw_saga *saga = open_saga(w, id);
    enum gw_saga_answer answer = step(w, saga);
    if (answer == GW_SAGA_WRITTEN)
        answer = step(w, saga);
    if (answer == GW_SAGA_WRITTEN)
        answer = commit(w, saga);
    if (answer == GW_SAGA_NOT_WRITTEN)
        undo(w, saga);
    gw_saga_leave(saga);
    return answer;
}

static bool is_settled(struct saga_world *w, const char *id) {
    struct seen seen = look(w, id);
    return strcmp(seen.state, "committed") == 0 || strcmp(seen.state, "undone") == 0;
}

static void check_order(struct saga_world *w, const char *id, enum gw_saga_answer answer,
                        int skipped) {
    static const char *const undone[] = {"", "/undo/1 ", "/undo/2 /undo/1 "};
    if (skipped > 0)
        RUN_UNTIL(w->backends->base, is_settled(w, id));
    struct seen seen = look(w, id);
    bool is_committed = strcmp(seen.state, "committed") == 0;
    if (answer != GW_SAGA_IN_DOUBT)
        assert_int_equal(is_committed, answer == GW_SAGA_WRITTEN);
    assert_string_equal(asked, is_committed ? "" : undone[skipped < 2 ? skipped : 2]);
}

static void each_write_may_fail(void **state) {
    struct saga_world *w = *state;
    const enum disk ways[] = {DISK_REFUSES, DISK_WRITES_AND_SAYS_NO};
    for (int way = 0; way < 2; way++)
        for (int skipped = 0; skipped < 3; skipped++)
            for (int n = 1; n < 6; n++) {
                char id[32];
                snprintf(id, sizeof id, "o-%d-%d-%d", way, skipped, n);
                asked[0] = '\0';
                disk_strikes(ways[way], skipped, n);
                enum gw_saga_answer answer = order(w, id);
                disk_strikes(DISK_WORKS, 0, 0);
                check_order(w, id, answer, skipped);
            }
}

static void a_commit_that_cannot_be_found_out_about_is_in_doubt(void **state) {
    struct saga_world *w = *state;
    const enum disk ways[] = {DISK_REFUSES, DISK_WRITES_AND_SAYS_NO};
    for (int way = 0; way < 2; way++) {
        const char *id = way ? "o-1" : "o-0";
        struct gw_saga *saga = open_saga(w, id);
        struct told told;
        told_init(&told);
        step(w, saga);
        disk_set(&disk.is_held, true);
        disk_strikes(ways[way], 0, 1);
        gw_saga_commit(saga, GW_STR(""), &told.wait);
        RUN_UNTIL(w->backends->base, disk_is_waiting());
        disk_set(&disk.is_dead, true);
        disk_set(&disk.is_held, false);
        RUN_UNTIL_TOLD(w, &told);
        assert_int_equal(told.answer, GW_SAGA_IN_DOUBT);
        gw_saga_leave(saga);
        RUN_TURNS(w->backends->base, 10);
        assert_string_equal(asked, "");
        disk_set(&disk.is_dead, false);
        RUN_UNTIL(w->backends->base, is_in(w, id, way ? "committed" : "undone"));
        assert_string_equal(asked, way ? "" : "/undo/1 ");
        asked[0] = '\0';
    }
}

static void after_a_failed_commit_nothing_is_undone_before_that_is_durable(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct told told;
    told_init(&told);
    step(w, saga);
    disk_strikes(DISK_REFUSES, 0, 1);
    assert_int_equal(commit(w, saga), GW_SAGA_NOT_WRITTEN);
    disk_set(&disk.is_held, true);
    assert_true(gw_saga_undo(saga, GW_STR("no"), &told.wait));
    RUN_UNTIL(w->backends->base, disk_is_waiting());
    RUN_TURNS(w->backends->base, 5);
    assert_string_equal(asked, "");
    disk_set(&disk.is_held, false);
    RUN_UNTIL_TOLD(w, &told);
    assert_string_equal(asked, "/undo/1 ");
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "undone");
}

static void a_commit_may_be_tried_again(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    step(w, saga);
    disk_strikes(DISK_REFUSES, 0, 1);
    assert_int_equal(commit(w, saga), GW_SAGA_NOT_WRITTEN);
    assert_int_equal(commit(w, saga), GW_SAGA_WRITTEN);
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "committed");
    assert_string_equal(asked, "");
}

static void a_disk_that_is_dead_does_not_stop_the_undoing(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    step(w, saga);
    disk_set(&disk.is_dead, true);
    assert_int_equal(step(w, saga), GW_SAGA_NOT_WRITTEN);
    undo(w, saga);
    gw_saga_leave(saga);
    assert_string_equal(asked, "/undo/1 ");
    assert_non_null(gw_sagas_fault(w->sagas));
    disk_set(&disk.is_dead, false);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, saga_begin, saga_end)

int main(void) {
    gw_log_set_level(GW_LOG_ERROR + 1);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(an_intent_is_durable_before_it_may_be_sent),
        TEST(three_steps_cost_four_transactions),
        TEST(what_is_undone_is_undone_newest_first),
        TEST(what_had_no_effect_is_not_undone),
        TEST(one_without_effects_is_over_at_once),
        TEST(one_without_steps_is_not_written_unless_it_is_committed),
        TEST(a_step_without_an_undo_is_written_with_the_next),
        TEST(two_at_once_do_not_mix),
        TEST(steps_at_once_of_one_saga_are_all_written),
        TEST(a_name_is_taken_while_it_is_open_and_once_it_is_committed),
        TEST(a_name_is_free_again_once_it_is_undone),
        TEST(given_up_while_the_intent_is_written),
        TEST(given_up_while_the_step_is_under_way),
        TEST(given_up_while_the_commit_is_written_it_is_committed),
        TEST(given_up_while_it_is_undone),
        TEST(a_step_that_waits_when_its_saga_is_undone_is_not_to_be_sent),
        TEST(each_write_may_fail),
        TEST(a_commit_that_cannot_be_found_out_about_is_in_doubt),
        TEST(after_a_failed_commit_nothing_is_undone_before_that_is_durable),
        TEST(a_commit_may_be_tried_again),
        TEST(a_disk_that_is_dead_does_not_stop_the_undoing),
    };
    return cmocka_run_group_tests_name("saga", tests, NULL, NULL);
}
