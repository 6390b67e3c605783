/* What is not undone at once: parked undos, sagas of an earlier process, what operators may do. */
#include "saga_fixture.h"

static struct gw_saga *two_steps(struct saga_world *w, const char *id) {
    struct gw_saga *saga = open_saga(w, id);
    assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    return saga;
}

/* One whose undos have failed for now. */
static void leave_parked(struct saga_world *w, const char *id) {
    struct gw_saga *saga = two_steps(w, id);
    n_failing = 6;
    undo(w, saga);
    assert_int_equal(n_failing, 0);
    gw_saga_leave(saga);
    asked[0] = '\0';
}

/* --- parked --- */

static void an_undo_is_tried_three_times_and_the_others_are_not_left_out(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    n_failing = 3;
    undo(w, saga);
    assert_string_equal(asked, "/undo/2 /undo/2 /undo/2 /undo/1 ");
    const struct gw_step_record *failed = gw_saga_step(saga, 1);
    assert_int_equal(failed->undo_state, GW_UNDO_PENDING);
    assert_int_equal(failed->undo_attempts, 3);
    assert_memory_equal(failed->undo_error.data, "status 500", failed->undo_error.len);
    gw_saga_leave(saga);
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "compensating");
    assert_string_equal(seen.error, "status 500");
    assert_int_equal(seen.n_done, 1);
}

static void what_fails_is_tried_until_it_is_done(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    n_failing = 12;
    undo(w, saga);
    gw_saga_leave(saga);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_int_equal(n_failing, 0);
    assert_string_equal(look(w, "o-1").error, "");
}

static void a_second_try_is_enough(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    n_failing = 1;
    undo(w, saga);
    assert_string_equal(asked, "/undo/2 /undo/2 /undo/1 ");
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "undone");
}

static void says_gone(struct peer_conn *conn, const char *request) {
    note_request(request);
    peer_say(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static void what_is_not_there_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    w->backends->peer->script = says_gone;
    undo(w, saga);
    assert_string_equal(asked, "/undo/2 /undo/1 ");
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "undone");
}

static void a_backend_that_is_gone_is_waited_for(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    struct gw_stored_request request = {
        .backend = GW_STR("stock"), .method = GW_STR("DELETE"), .path = GW_STR("/undo/1")};
    struct told told;
    told_init(&told);
    assert_true(gw_saga_write(saga, gw_saga_add(saga, &request, &request), &told.wait));
    RUN_UNTIL_TOLD(w, &told);
    undo(w, saga);
    const struct gw_step_record *failed = gw_saga_step(saga, 0);
    assert_int_equal(failed->undo_attempts, 1);
    assert_memory_equal(failed->undo_error.data, "undefined", 9);
    gw_saga_leave(saga);
    const char *error;
    struct gw_backend_options options = options_for(w->backends->url);
    assert_non_null(gw_backends_define(w->backends->backends, "stock", &options, &error));
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_string_equal(asked, "/undo/1 ");
}

/* --- operators --- */

static void one_that_is_parked_can_be_tried_now(void **state) {
    struct saga_world *w = *state;
    struct seen seen = {0};
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    leave_parked(w, "o-1");
    gw_desk_retry(gw_sagas_port(w->sagas), GW_STR("order"), GW_STR("o-1"), see, &seen);
    RUN_UNTIL(w->backends->base, seen.is_there);
    assert_int_equal(seen.answer, GW_DESK_OK);
    assert_int_equal(seen.attempts, 3);
    gw_sagas_look_at(w->sagas, seen.number + 1); /* another one's */
    RUN_TURNS(w->backends->base, 5);
    assert_string_equal(asked, "");
    gw_sagas_look_at(w->sagas, seen.number);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
    assert_string_equal(asked, "/undo/2 /undo/1 ");
}

static struct seen resolve(struct saga_world *w, const char *id) {
    struct seen seen = {0};
    gw_desk_resolve(gw_sagas_port(w->sagas), GW_STR("order"), gw_str_from(id),
                    GW_STR("counted by hand"), see, &seen);
    RUN_UNTIL(w->backends->base, seen.is_there);
    return seen;
}

static void one_that_is_resolved_is_left_alone(void **state) {
    struct saga_world *w = *state;
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    leave_parked(w, "o-1");
    struct seen seen = resolve(w, "o-1");
    assert_int_equal(seen.answer, GW_DESK_OK);
    gw_sagas_look_at(w->sagas, seen.number);
    RUN_TURNS(w->backends->base, 20);
    assert_seen(w, "o-1", "resolved");
    assert_string_equal(look(w, "o-1").reason, "counted by hand");
    begin_again(w);
    RUN_TURNS(w->backends->base, 20);
    assert_string_equal(asked, "");
}

static void one_that_is_resolved_while_it_is_undone_stays_resolved(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    struct told told;
    told_init(&told);
    w->backends->peer->script = says_nothing;
    assert_true(gw_saga_undo(saga, GW_STR("no"), &told.wait));
    RUN_UNTIL(w->backends->base,
              w->backends->peer->requests == 1 && is_in(w, "o-1", "compensating"));
    assert_int_equal(resolve(w, "o-1").answer, GW_DESK_OK);
    w->backends->peer->script = undoes;
    peer_hang_up_all(w->backends->peer);
    RUN_UNTIL_TOLD(w, &told);
    assert_int_equal(told.answer, GW_SAGA_ENDED);
    gw_saga_leave(saga);
    assert_seen(w, "o-1", "resolved");
}

static void only_what_is_being_undone_can_be_resolved(void **state) {
    struct saga_world *w = *state;
    assert_int_equal(resolve(w, "o-1").answer, GW_DESK_NOT_FOUND);
    struct gw_saga *saga = two_steps(w, "o-1");
    assert_int_equal(resolve(w, "o-1").answer, GW_DESK_NOT_OPEN);
    commit(w, saga);
    gw_saga_leave(saga);
    assert_int_equal(resolve(w, "o-1").answer, GW_DESK_NOT_OPEN);
    assert_seen(w, "o-1", "committed");
    disk_set(&disk.is_dead, true);
    assert_int_equal(resolve(w, "o-1").answer, GW_DESK_FAULT);
}

struct listed {
    bool is_there;
    char json[2048];
};

static void note_list(void *user, enum gw_desk_answer answer, const struct gw_saga_record *sagas,
                      unsigned n) {
    struct listed *listed = user;
    struct gw_buf json = {0};
    assert_int_equal(answer, GW_DESK_OK);
    for (unsigned i = 0; i < n; i++)
        gw_saga_json(&sagas[i], &json);
    listed->is_there = true;
    copy_text(listed->json, sizeof listed->json, gw_buf_str(&json));
    gw_buf_fini(&json);
}

static struct listed list(struct saga_world *w, bool unfinished_only, int64_t max) {
    struct listed listed = {0};
    gw_desk_list(gw_sagas_port(w->sagas), unfinished_only, max, note_list, &listed);
    RUN_UNTIL(w->backends->base, listed.is_there);
    return listed;
}

static void they_are_listed_newest_first(void **state) {
    struct saga_world *w = *state;
    assert_string_equal(list(w, false, 10).json, "");
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    leave_parked(w, "o-1");
    struct gw_saga *saga = two_steps(w, "o-2");
    commit(w, saga);
    gw_saga_leave(saga);
    struct listed all = list(w, false, 10), open = list(w, true, 10), one = list(w, false, 1);
    const char *first = strstr(all.json, "\"id\":\"o-2\""), *second = strstr(all.json, "o-1");
    assert_true(first && second && first < second);
    assert_non_null(strstr(open.json, "\"state\":\"compensating\""));
    assert_null(strstr(open.json, "o-2"));
    assert_null(strstr(one.json, "o-1"));
}

static void a_question_may_be_dropped(void **state) {
    struct saga_world *w = *state;
    struct seen seen = {0};
    struct gw_desk_query *query =
        gw_desk_find(gw_sagas_port(w->sagas), GW_STR("order"), GW_STR("o-1"), see, &seen);
    gw_desk_cancel(query);
    look(w, "o-2");
    assert_false(seen.is_there);
}

static void note_json(void *user, enum gw_desk_answer answer, const struct gw_saga_view *view) {
    struct listed *listed = user;
    struct gw_buf json = {0};
    assert_int_equal(answer, GW_DESK_OK);
    gw_saga_view_json(view, &json);
    listed->is_there = true;
    copy_text(listed->json, sizeof listed->json, gw_buf_str(&json));
    gw_buf_fini(&json);
}

static void one_is_shown_with_its_steps(void **state) {
    struct saga_world *w = *state;
    struct listed shown = {0};
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    leave_parked(w, "o-1");
    gw_desk_find(gw_sagas_port(w->sagas), GW_STR(""), GW_STR("o-1"), note_json, &shown);
    RUN_UNTIL(w->backends->base, shown.is_there);
    assert_non_null(strstr(shown.json, "\"undo\":{\"backend\":\"pricing\",\"method\":\"POST\","
                                       "\"path\":\"/undo/1\",\"body\":\"{}\"}"));
    assert_non_null(strstr(shown.json, "\"undo_state\":\"pending\",\"undo_attempts\":3,"
                                       "\"undo_error\":\"status 500\",\"undo_next_at\":\""));
    assert_non_null(strstr(shown.json, "\"outcome\":\"done\""));
    assert_null(strstr(shown.json, "x-undo"));
}

/* --- an earlier process --- */

static void what_was_open_is_undone(void **state) {
    struct saga_world *w = *state;
    two_steps(w, "o-1");
    begin_again(w);
    assert_false(gw_sagas_are_recovered(&w->shared));
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_string_equal(asked, "/undo/2 /undo/1 ");
    assert_seen(w, "o-1", "undone");
    assert_string_equal(look(w, "o-1").reason, "the gateway ended before it was committed");
}

static void what_was_being_undone_goes_on_with_what_is_left(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    w->timing.park_least = w->timing.park_most = 3600 * 1000;
    n_failing = 3;
    undo(w, saga);
    asked[0] = '\0';
    begin_again(w);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_string_equal(asked, "/undo/2 ");
    struct seen seen = look(w, "o-1");
    assert_string_equal(seen.state, "undone");
    assert_string_equal(seen.reason, "not today");
    assert_int_equal(seen.attempts, 4);
}

static void what_was_over_stays_so(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *committed = two_steps(w, "o-1"), *undone = two_steps(w, "o-2");
    commit(w, committed);
    undo(w, undone);
    asked[0] = '\0';
    begin_again(w);
    assert_true(gw_sagas_are_recovered(&w->shared));
    RUN_TURNS(w->backends->base, 10);
    assert_string_equal(asked, "");
    assert_seen(w, "o-1", "committed");
    assert_seen(w, "o-2", "undone");
}

static void an_undo_that_was_under_way_is_sent_again(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = two_steps(w, "o-1");
    struct told told;
    told_init(&told);
    w->backends->peer->script = says_nothing;
    assert_true(gw_saga_undo(saga, GW_STR("no"), &told.wait));
    RUN_UNTIL(w->backends->base, w->backends->peer->requests == 1);
    assert_true(gw_sagas_are_busy(w->sagas));
    w->backends->peer->script = undoes;
    begin_again(w);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_string_equal(asked, "/undo/2 /undo/1 ");
    assert_int_equal(told.times, 0);
}

static void a_backend_that_is_away_does_not_keep_the_gateway_from_being_ready(void **state) {
    struct saga_world *w = *state;
    uint16_t port = w->backends->peer->port;
    two_steps(w, "o-1");
    peer_stop_listening(w->backends->peer);
    peer_hang_up_all(w->backends->peer);
    begin_again(w);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_seen(w, "o-1", "compensating");
    peer_listen(w->backends->peer, port);
    RUN_UNTIL(w->backends->base, is_in(w, "o-1", "undone"));
}

static void many_are_undone_a_few_at_a_time(void **state) {
    struct saga_world *w = *state;
    char id[16];
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "o-%d", i);
        struct gw_saga *saga = open_saga(w, id);
        assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    }
    w->backends->peer->most_open = 0;
    begin_again(w);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_int_equal(w->backends->peer->requests, 100);
    assert_seen(w, "o-0", "undone");
    assert_seen(w, "o-99", "undone");
}

static void nothing_begins_before_it_is_known_what_was_left(void **state) {
    struct saga_world *w = *state;
    two_steps(w, "o-1");
    gw_sagas_stop(w->sagas);
    gw_sagas_free(w->sagas);
    disk_set(&disk.is_dead, true);
    saga_open_sagas(w);
    gw_sagas_recover(w->sagas); /* does not wait for a disk that is dead */
    assert_false(gw_sagas_are_recovered(&w->shared));
    assert_non_null(gw_sagas_fault(w->sagas));
    struct gw_saga *saga = open_saga(w, "o-2");
    assert_int_equal(step(w, saga), GW_SAGA_NOT_WRITTEN);
    gw_saga_leave(saga);
    disk_set(&disk.is_dead, false);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_string_equal(asked, "/undo/2 /undo/1 ");
    saga = open_saga(w, "o-2");
    assert_int_equal(step(w, saga), GW_SAGA_WRITTEN);
    gw_saga_leave(saga);
}

/* The intent of a step that was never sent, since the disk said no, may be there after all. */
static void an_intent_that_seemed_not_to_be_written_is_undone(void **state) {
    struct saga_world *w = *state;
    struct gw_saga *saga = open_saga(w, "o-1");
    disk_strikes(DISK_WRITES_AND_SAYS_NO, 0, 1);
    assert_int_equal(step(w, saga), GW_SAGA_NOT_WRITTEN);
    assert_seen(w, "o-1", "open");
    begin_again(w);
    RUN_UNTIL(w->backends->base, gw_sagas_are_recovered(&w->shared));
    assert_seen(w, "o-1", "undone");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, saga_begin, saga_end)

int main(void) {
    gw_log_set_level(GW_LOG_ERROR + 1);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(an_undo_is_tried_three_times_and_the_others_are_not_left_out),
        TEST(what_fails_is_tried_until_it_is_done),
        TEST(a_second_try_is_enough),
        TEST(what_is_not_there_is_undone),
        TEST(a_backend_that_is_gone_is_waited_for),
        TEST(one_that_is_parked_can_be_tried_now),
        TEST(one_that_is_resolved_is_left_alone),
        TEST(one_that_is_resolved_while_it_is_undone_stays_resolved),
        TEST(only_what_is_being_undone_can_be_resolved),
        TEST(they_are_listed_newest_first),
        TEST(a_question_may_be_dropped),
        TEST(one_is_shown_with_its_steps),
        TEST(what_was_open_is_undone),
        TEST(what_was_being_undone_goes_on_with_what_is_left),
        TEST(what_was_over_stays_so),
        TEST(an_undo_that_was_under_way_is_sent_again),
        TEST(a_backend_that_is_away_does_not_keep_the_gateway_from_being_ready),
        TEST(many_are_undone_a_few_at_a_time),
        TEST(nothing_begins_before_it_is_known_what_was_left),
        TEST(an_intent_that_seemed_not_to_be_written_is_undone),
    };
    return cmocka_run_group_tests_name("saga recovery", tests, NULL, NULL);
}
