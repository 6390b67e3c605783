#include "engine/keyspace.h"

#include "store_fixture.h"

#include <event2/event.h>
#include <pthread.h>

static struct event_base *base;
static struct gw_keyspaces *keyspaces;
static struct gw_journal_port *port;

static struct gw_journal *open_test(void) {
    struct gw_buf error = {0};
    struct gw_journal *journal = gw_keyspaces_open(keyspaces, "test", &error);
    if (!journal)
        fail_msg("%.*s", GW_STR_ARG(gw_buf_str(&error)));
    return journal;
}

static void start(void) {
    base = event_base_new();
    keyspaces = gw_keyspaces_new(folder);
    port = gw_journal_port_new(open_test(), base);
}

static void stop(void) {
    gw_journal_port_free(port);
    gw_keyspaces_free(keyspaces);
    event_base_free(base);
}

static int set_up(void **state) {
    int failed = make_folder(state);
    start();
    return failed;
}

static int tear_down(void **state) {
    stop();
    return remove_folder(state);
}

/* --- requests --- */

static void note(struct gw_keyspace_request *request, void *user) {
    (void)request;
    *(bool *)user = true;
}

/* Returns it when it has ended; the caller's. */
static struct gw_keyspace_request *ask(struct gw_keyspace_request *request) {
    bool has_ended = false;
    request->done = note;
    request->user = &has_ended;
    gw_keyspace_submit(port, request);
    while (!has_ended)
        event_base_loop(base, EVLOOP_ONCE);
    return request;
}

static struct gw_keyspace_request *changes(void) {
    return gw_keyspace_request_new(GW_KEYSPACE_CHANGE);
}

static void put(struct gw_keyspace_request *request, const char *key, const char *value) {
    struct gw_change *change = gw_keyspace_request_add(request, GW_CHANGE_PUT, gw_str_from(key));
    gw_buf_append_str(&change->value, gw_str_from(value));
}

static void add(struct gw_keyspace_request *request, const char *key, int64_t by, int64_t least,
                int64_t most) {
    struct gw_change *change = gw_keyspace_request_add(request, GW_CHANGE_ADD, gw_str_from(key));
    change->by = by;
    change->least = least;
    change->most = most;
}

static void expect(struct gw_keyspace_request *request, const char *key, int64_t version) {
    gw_keyspace_request_add(request, GW_CHANGE_EXPECT, gw_str_from(key))->version = version;
}

static void assert_done(struct gw_keyspace_request *request, int64_t number) {
    ask(request);
    assert_int_equal(request->answer, GW_KEYSPACE_DONE);
    assert_int_equal(request->number, number);
    gw_keyspace_request_free(request);
}

static void assert_not_made(struct gw_keyspace_request *request, enum gw_keyspace_answer answer,
                            unsigned at) {
    ask(request);
    assert_int_equal(request->answer, answer);
    assert_int_equal(request->refused_at, at);
    gw_keyspace_request_free(request);
}

/* Its version, 0 if it is not there. */
static int64_t find(const char *key, const char *wanted) {
    struct gw_keyspace_request *request = gw_keyspace_request_new(GW_KEYSPACE_FIND);
    gw_buf_append_str(&request->key, gw_str_from(key));
    ask(request);
    assert_int_equal(request->answer, GW_KEYSPACE_DONE);
    int64_t version = request->n_found ? request->found->version : 0;
    if (request->n_found)
        assert_str(gw_buf_str(&request->found->value), gw_str_from(wanted));
    gw_keyspace_request_free(request);
    return version;
}

/* --- the tests --- */

static void what_was_put_outlives_the_process(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    put(request, "a", "1");
    assert_done(request, 0);
    stop();
    start();
    assert_int_not_equal(find("a", "1"), 0);
    assert_int_equal(find("b", ""), 0);
}

static void changes_are_made_in_their_order(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    put(request, "a", "1");
    gw_keyspace_request_add(request, GW_CHANGE_DELETE, GW_STR("a"));
    expect(request, "a", 0);
    add(request, "a", 5, 0, 5);
    add(request, "a", -2, 0, 5);
    assert_done(request, 3);
    find("a", "3");
}

static void all_are_made_or_none(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    put(request, "a", "1");
    expect(request, "b", 7);
    put(request, "c", "1");
    assert_not_made(request, GW_KEYSPACE_REFUSED, 1);
    assert_int_equal(find("a", ""), 0);
    assert_int_equal(find("c", ""), 0);
}

static void one_that_is_refused_does_not_harm_its_neighbours(void **state) {
    (void)state;
    struct gw_keyspace_request *first = changes(), *second = changes(), *third = changes();
    put(first, "a", "1");
    put(second, "a", "2");
    expect(second, "b", 7);
    put(third, "c", "3");
    gw_keyspace_submit(port, first); /* nobody waits: they free themselves */
    gw_keyspace_submit(port, second);
    assert_done(third, 0);
    find("a", "1");
    find("c", "3");
}

static void what_is_expected_is_a_version(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    put(request, "a", "1");
    assert_done(request, 0);
    int64_t version = find("a", "1");
    request = changes();
    expect(request, "a", version);
    put(request, "a", "2");
    assert_done(request, 0);
    request = changes();
    expect(request, "a", version);
    put(request, "a", "3");
    assert_not_made(request, GW_KEYSPACE_REFUSED, 0);
    find("a", "2");
}

static void sums_stay_within_their_bounds(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    add(request, "n", 3, 0, 3);
    assert_done(request, 3);
    request = changes();
    add(request, "n", 1, 0, 3);
    assert_not_made(request, GW_KEYSPACE_REFUSED, 0);
    request = changes();
    add(request, "n", -4, 0, 3);
    assert_not_made(request, GW_KEYSPACE_REFUSED, 0);
    request = changes();
    add(request, "n", INT64_MAX, INT64_MIN, INT64_MAX);
    assert_not_made(request, GW_KEYSPACE_REFUSED, 0);
    request = changes();
    add(request, "n", -10, INT64_MIN, INT64_MAX);
    assert_done(request, -7);
    find("n", "-7");
}

static void only_whole_numbers_can_be_added_to(void **state) {
    (void)state;
    static const char *const values[] = {"1.5", "\"1\"", "{}", "99999999999999999999", "-"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct gw_keyspace_request *request = changes();
        put(request, "n", values[i]);
        add(request, "n", 1, INT64_MIN, INT64_MAX);
        assert_not_made(request, GW_KEYSPACE_NOT_A_NUMBER, 1);
    }
}

static struct gw_keyspace_request *list(const char *prefix, const char *after, unsigned limit) {
    struct gw_keyspace_request *request = gw_keyspace_request_new(GW_KEYSPACE_LIST);
    gw_buf_append_str(&request->key, gw_str_from(prefix));
    gw_buf_append_str(&request->after, gw_str_from(after));
    request->limit = limit;
    return ask(request);
}

static void a_list_says_whether_there_are_more(void **state) {
    (void)state;
    struct gw_keyspace_request *request = changes();
    put(request, "a/1", "1");
    put(request, "a/2", "2");
    put(request, "b", "3");
    assert_done(request, 0);
    request = list("a/", "", 2);
    assert_int_equal(request->n_found, 2);
    assert_false(request->is_more);
    assert_str(gw_buf_str(&request->found[1].key), GW_STR("a/2"));
    gw_keyspace_request_free(request);
    request = list("a/", "", 1);
    assert_int_equal(request->n_found, 1);
    assert_true(request->is_more);
    gw_keyspace_request_free(request);
    request = list("a/", "a/1", 1);
    assert_str(gw_buf_str(&request->found[0].value), GW_STR("2"));
    assert_false(request->is_more);
    gw_keyspace_request_free(request);
}

static void a_list_is_no_longer_than_it_may_be(void **state) {
    (void)state;
    char key[8];
    for (int i = 0; i < 9; i++) {
        struct gw_keyspace_request *request = changes();
        snprintf(key, sizeof key, "k%d", i);
        put(request, key, "");
        memset(gw_buf_reserve(&request->changes->value, GW_KEYSPACE_VALUE_MAX), '1',
               GW_KEYSPACE_VALUE_MAX);
        request->changes->value.len = GW_KEYSPACE_VALUE_MAX;
        assert_done(request, 0);
    }
    struct gw_keyspace_request *request = list("k", "", 100);
    assert_int_equal(request->n_found, 7); /* eight of them and their keys are too much */
    assert_true(request->is_more);
    gw_keyspace_request_free(request);
}

static void each_is_opened_once_if_its_name_will_do(void **state) {
    (void)state;
    static const char *const names[] = {"", "a/b", "..", "a.b", "a b"};
    struct gw_buf error = {0};
    assert_ptr_equal(open_test(), open_test());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(gw_keyspaces_open(keyspaces, names[i], &error));
    for (int i = 1; i < GW_KEYSPACE_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", i);
        assert_non_null(gw_keyspaces_open(keyspaces, name, &error));
    }
    gw_buf_clear(&error);
    assert_null(gw_keyspaces_open(keyspaces, "more", &error));
    assert_str(gw_buf_str(&error), GW_STR("there are 16 already"));
    gw_buf_fini(&error);
}

/* --- several loops add to the same number --- */

#define THREADS 4
#define EACH    200

static void count_down(struct gw_keyspace_request *request, void *user) {
    assert_int_equal(request->answer, GW_KEYSPACE_DONE);
    gw_keyspace_request_free(request);
    --*(int *)user;
}

static void *add_many(void *user) {
    (void)user;
    int left = EACH;
    struct event_base *own = event_base_new();
    struct gw_journal_port *own_port = gw_journal_port_new(open_test(), own);
    for (int i = 0; i < EACH; i++) {
        struct gw_keyspace_request *request = changes();
        add(request, "n", 1, 0, THREADS * EACH);
        request->done = count_down;
        request->user = &left;
        gw_keyspace_submit(own_port, request);
    }
    while (left)
        event_base_loop(own, EVLOOP_ONCE);
    gw_journal_port_free(own_port);
    event_base_free(own);
    return NULL;
}

static void many_threads_lose_nothing(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    find("n", "800");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_outlives_the_process),
        TEST(changes_are_made_in_their_order),
        TEST(all_are_made_or_none),
        TEST(one_that_is_refused_does_not_harm_its_neighbours),
        TEST(what_is_expected_is_a_version),
        TEST(sums_stay_within_their_bounds),
        TEST(only_whole_numbers_can_be_added_to),
        TEST(a_list_says_whether_there_are_more),
        TEST(a_list_is_no_longer_than_it_may_be),
        TEST(each_is_opened_once_if_its_name_will_do),
        TEST(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests_name("keyspace", tests, NULL, NULL);
}
