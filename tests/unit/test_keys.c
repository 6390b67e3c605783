/* Claims: what is in work, what the journal knows, and what is kept of an answer. What sagas have
 * to do with it is in test_key_bond.c. */
#include "key_fixture.h"

#include "base/clock.h"
#include "engine/keys_internal.h"

static uint64_t operations(struct saga_world *w) {
    return gw_journal_count(w->journal).operations;
}

/* --- in work --- */

static void a_key_is_one_requests_until_it_is_released(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *first = claim(w, "k", "h");
    assert_int_equal(gw_key_answer(first), GW_KEY_FREE);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_IN_WORK);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_OTHER);
    assert_int_equal(ask(w, "k2", "h"), GW_KEY_FREE);
    gw_key_release(first);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_FREE);
    gw_key_release(NULL);
}

static void a_new_key_costs_the_journal_nothing(void **state) {
    struct saga_world *w = *state;
    assert_int_equal(ask(w, "first", "h"), GW_KEY_FREE); /* which loads what there is: nothing */
    settle(w);
    uint64_t before = operations(w);
    struct key_told told;
    struct gw_key_claim *claimed = begin_claim(w, "k", "h", &told);
    assert_int_equal(gw_key_answer(claimed), GW_KEY_FREE);
    gw_key_release(claimed);
    assert_int_equal(operations(w), before);
}

static void one_that_is_given_up_while_it_asks_is_told_nothing(void **state) {
    struct saga_world *w = *state;
    struct key_told told;
    struct gw_key_claim *claimed = begin_claim(w, "k", "h", &told);
    assert_int_equal(gw_key_answer(claimed), GW_KEY_ASKING);
    gw_key_release(claimed);
    settle(w);
    assert_int_equal(told.times, 0);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_FREE);
}

static void of_two_that_ask_at_once_one_has_it(void **state) {
    struct saga_world *w = *state;
    struct key_told told_a, told_b;
    struct gw_key_claim *a = begin_claim(w, "k", "h", &told_a);
    struct gw_key_claim *b = begin_claim(w, "k", "h", &told_b);
    RUN_UNTIL(w->backends->base, told_a.times && told_b.times);
    assert_int_equal(gw_key_answer(a), GW_KEY_FREE);
    assert_int_equal(gw_key_answer(b), GW_KEY_IN_WORK);
    gw_key_release(a);
    gw_key_release(b);
}

/* It answers as soon as the key is its own. */
struct hasty {
    struct gw_key_claim *claim;
    bool is_done;
};

static void answer_and_release(void *user, bool ok) {
    struct hasty *hasty = user;
    assert_true(ok);
    assert_int_equal(gw_key_answer(hasty->claim), GW_KEY_FREE);
    gw_key_keep(hasty->claim, 202, GW_STR("x-a: b\r\n"), GW_STR("done"), NULL, NULL);
    gw_key_release(hasty->claim);
    hasty->is_done = true;
}

/* Both have been told that nobody has answered; but then one of them has, and is gone already. */
static void what_the_journal_said_before_an_answer_is_asked_again(void **state) {
    struct saga_world *w = *state;
    struct key_told told;
    struct hasty hasty = {0};
    struct gw_key_name name = {.scope = GW_STR("POST /x"), .key = GW_STR("k"), .hash = GW_STR("h")};
    hasty.claim = gw_key_claim(keys, gw_sagas_port(w->sagas), &name, answer_and_release, &hasty);
    struct gw_key_claim *second = begin_claim(w, "k", "h", &told);
    assert_int_equal(gw_key_answer(second), GW_KEY_ASKING);
    RUN_UNTIL(w->backends->base, told.times && hasty.is_done);
    assert_int_equal(gw_key_answer(second), GW_KEY_ANSWERED);
    gw_key_release(second);
}

/* --- answers --- */

static void what_is_kept_is_given_to_who_asks_again(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    assert_true(keep(w, claimed, "done"));
    gw_key_release(claimed);
    assert_answered(w, "k", 202, "x-a: b\r\n", "done");
    assert_int_equal(ask(w, "k", "other"), GW_KEY_OTHER);
    new_process(w);
    assert_answered(w, "k", 202, "x-a: b\r\n", "done");
    assert_int_equal(ask(w, "k2", "h"), GW_KEY_FREE);
}

static void two_may_be_given_it_at_once(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    keep(w, claimed, "done");
    gw_key_release(claimed);
    struct gw_key_claim *a = claim(w, "k", "h"), *b = claim(w, "k", "h");
    assert_int_equal(gw_key_answer(a), GW_KEY_ANSWERED);
    assert_int_equal(gw_key_answer(b), GW_KEY_ANSWERED);
    gw_key_release(a);
    gw_key_release(b);
}

static void what_nobody_waits_for_is_kept_too(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    gw_key_keep(claimed, 204, GW_STR(""), GW_STR(""), NULL, NULL);
    gw_key_release(claimed);
    assert_answered(w, "k", 204, "", "");
}

static void what_is_too_large_is_only_known_to_be(void **state) {
    struct saga_world *w = *state;
    char body[MAX_BYTES + 1];
    struct gw_key_claim *claimed = claim(w, "fits", "h");
    memset(body, 'x', sizeof body);
    body[MAX_BYTES - strlen("x-a: b\r\n")] = '\0';
    assert_true(keep(w, claimed, body));
    gw_key_release(claimed);
    assert_answered(w, "fits", 202, "x-a: b\r\n", body);
    claimed = claim(w, "k", "h");
    strcat(body, "y");
    assert_true(keep(w, claimed, body));
    gw_key_release(claimed);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_NOT_KEPT);
    assert_int_equal(ask(w, "k", "other"), GW_KEY_OTHER);
}

/* --- what is old --- */

struct put_op {
    struct gw_journal_op op;
    unsigned n, from;
    int64_t created_ms;
    bool is_done;
};

static bool run_put(struct gw_journal_op *op, struct gw_store *store) {
    struct put_op *put = (struct put_op *)op;
    for (unsigned i = 0; i < put->n; i++) {
        char name[16];
        snprintf(name, sizeof name, "k-%u", put->from + i);
        struct gw_key_record key = {.scope = GW_STR("POST /x"),
                                    .key = gw_str_from(name),
                                    .hash = GW_STR("h"),
                                    .status = 200,
                                    .created_ms = put->created_ms};
        if (!store->functions->put_key(store, &key))
            return false;
    }
    return true;
}

static void put_done(struct gw_journal_op *op, bool ok) {
    assert_true(ok);
    ((struct put_op *)op)->is_done = true;
}

static void put_keys(struct saga_world *w, unsigned from, unsigned n, int64_t created_ms) {
    struct put_op put = {
        .op = {.run = run_put, .done = put_done}, .n = n, .from = from, .created_ms = created_ms};
    gw_journal_submit(gw_sagas_port(w->sagas), &put.op);
    RUN_UNTIL(w->backends->base, put.is_done);
}

static void an_old_answer_is_none(void **state) {
    struct saga_world *w = *state;
    put_keys(w, 1, 1, gw_clock_wall_ms() - KEEP_MS - 1);
    put_keys(w, 2, 1, gw_clock_wall_ms() - KEEP_MS + 60000);
    assert_int_equal(ask(w, "k-1", "h"), GW_KEY_FREE);
    assert_int_equal(ask(w, "k-2", "h"), GW_KEY_ANSWERED);
}

static void however_many_there_are_each_is_found(void **state) {
    struct saga_world *w = *state;
    put_keys(w, 0, 10000, gw_clock_wall_ms());
    assert_int_equal(ask(w, "new", "h"), GW_KEY_FREE); /* loads */
    settle(w);
    RUN_UNTIL(w->backends->base, keys->is_loaded);
    for (unsigned i = 0; i < 10000; i += 1000) {
        char name[16];
        snprintf(name, sizeof name, "k-%u", i + 999);
        assert_int_equal(ask(w, name, "h"), GW_KEY_ANSWERED);
    }
}

/* --- a disk that fails --- */

static void a_journal_that_cannot_be_read_says_nothing(void **state) {
    struct saga_world *w = *state;
    disk_set(&disk.is_dead, true);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_UNKNOWN);
    disk_set(&disk.is_dead, false);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_FREE); /* and what there is, is loaded now */
    settle(w);
    assert_true(keys->is_loaded);
}

static void an_answer_that_cannot_be_written_is_not_kept(void **state) {
    struct saga_world *w = *state;
    struct gw_key_claim *claimed = claim(w, "k", "h");
    settle(w);
    disk_strikes(DISK_REFUSES, 0, 1);
    assert_false(keep(w, claimed, "done"));
    gw_key_release(claimed);
    assert_int_equal(ask(w, "k", "h"), GW_KEY_FREE);
}

/* --- workers --- */

#define N_THREADS 4
#define N_KEYS    2000

static struct gw_key_claim claims[N_THREADS][N_KEYS];

static void *enter_all(void *user) {
    struct gw_key_claim *mine = user;
    for (int i = 0; i < N_KEYS; i++)
        mine[i].answer = gw_keys_enter(keys, &mine[i], true);
    return NULL;
}

static void of_many_at_once_one_has_it(void **state) {
    pthread_t threads[N_THREADS];
    char names[N_KEYS][12];
    (void)state;
    memset(claims, 0, sizeof claims);
    for (int t = 0; t < N_THREADS; t++)
        for (int i = 0; i < N_KEYS; i++) {
            snprintf(names[i], sizeof names[i], "k-%d", i);
            claims[t][i].record.key = gw_str_from(names[i]);
            claims[t][i].sum = gw_key_sum(GW_STR(""), claims[t][i].record.key);
        }
    for (int t = 0; t < N_THREADS; t++)
        pthread_create(&threads[t], NULL, enter_all, claims[t]);
    for (int t = 0; t < N_THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int i = 0; i < N_KEYS; i++) {
        int n_free = 0;
        for (int t = 0; t < N_THREADS; t++) {
            n_free += claims[t][i].answer == GW_KEY_FREE;
            gw_keys_leave(keys, &claims[t][i]);
        }
        assert_int_equal(n_free, 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, key_begin, key_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_one_requests_until_it_is_released),
        TEST(a_new_key_costs_the_journal_nothing),
        TEST(one_that_is_given_up_while_it_asks_is_told_nothing),
        TEST(of_two_that_ask_at_once_one_has_it),
        TEST(what_the_journal_said_before_an_answer_is_asked_again),
        TEST(what_is_kept_is_given_to_who_asks_again),
        TEST(two_may_be_given_it_at_once),
        TEST(what_nobody_waits_for_is_kept_too),
        TEST(what_is_too_large_is_only_known_to_be),
        TEST(an_old_answer_is_none),
        TEST(however_many_there_are_each_is_found),
        TEST(a_journal_that_cannot_be_read_says_nothing),
        TEST(an_answer_that_cannot_be_written_is_not_kept),
        TEST(of_many_at_once_one_has_it),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
