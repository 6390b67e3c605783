/* How scripts become live, without workers and sockets. */
#include "lua/generations.h"

#include "folder_fixture.h"
#include "lua/flow.h"

#include <event2/event.h>

#define GOOD(text)                                \
    "local gateway <const> = require 'gateway'\n" \
    "gateway.route('GET /" text "', function() return 200 end)\n"
#define N_WORKERS 2

static struct gw_settings settings;
static struct gw_backends *backends;
static struct event_base *base;
static struct gw_generations generations;
static struct gw_buf errors;
static unsigned n_live;

static bool ready(void *user, const char **reason) {
    (void)user, (void)reason;
    return true;
}

static void on_live(void *user) {
    (void)user;
    n_live++;
}

static void init(void) {
    struct gw_host hosts[N_WORKERS];
    for (int i = 0; i < N_WORKERS; i++)
        hosts[i] = (struct gw_host){
            .base = base, .backends = backends, .settings = &settings, .ready = ready};
    gw_generations_init(&generations, &settings, hosts, N_WORKERS, on_live, NULL);
}

static int begin(void **state) {
    make_folder(state);
    mkdir(at("s"), 0700);
    mkdir(at("d"), 0700);
    put("s/init.lua", GOOD("one"));
    assert_true(gw_settings_load(&settings, 0, NULL, &errors));
    settings.scripts_dir = strdup(at("s"));
    settings.data_dir = strdup(at("d"));
    backends = gw_backends_new();
    base = event_base_new();
    n_live = 0;
    init();
    return 0;
}

static int end(void **state) {
    gw_generations_fini(&generations);
    event_base_free(base);
    gw_backends_free(backends);
    gw_buf_fini(&errors);
    free((char *)settings.scripts_dir);
    free((char *)settings.data_dir);
    return remove_folder(state);
}

static void start(void) {
    assert_true(gw_generations_start(&generations, &errors));
    assert_int_equal(generations.live->number, 1);
}

/* As workers do that have no flow in it. */
static void release(unsigned number) {
    struct gw_generation *generation =
        (struct gw_generation *)gw_generations_find(&generations, number);
    for (int i = 0; i < N_WORKERS; i++) {
        gw_state_detach(generation->states[i]);
        gw_generation_release(generation);
    }
}

static void assert_says(const char *text) {
    assert_non_null(memmem(errors.data, errors.len, text, strlen(text)));
    gw_buf_clear(&errors);
}

static void a_new_one_replaces_the_live_one(void **state) {
    (void)state;
    start();
    struct gw_generation *first = generations.live;
    put("s/init.lua", GOOD("two"));
    assert_int_equal(gw_generations_reload(&generations, "admin", &errors), GW_RELOAD_DONE);
    assert_int_equal(generations.live->number, 2);
    assert_ptr_equal(gw_generation_next(first), generations.live);
    assert_int_equal(n_live, 2);
    assert_int_equal(generations.n_retired, 1);
    gw_generations_reap(&generations);
    assert_int_equal(generations.n_retired, 1); /* workers hold it */
    release(1);
    gw_generations_reap(&generations);
    assert_int_equal(generations.n_retired, 0);
    assert_null(gw_generations_find(&generations, 1));
    assert_non_null(gw_history_find(&generations.history, 1));
}

static void one_that_fails_changes_nothing(void **state) {
    (void)state;
    start();
    put("s/init.lua", GOOD("two") "x =\n");
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_BROKEN);
    assert_int_equal(generations.live->number, 1);
    assert_int_equal(n_live, 1);
    assert_true(generations.failure.is_set);
    assert_non_null(strstr(generations.failure.errors.data, "init.lua:4:"));
    assert_true(gw_str_equal(gw_buf_str(&generations.failure.sources->items[0].text),
                             GW_STR(GOOD("two") "x =\n")));
    int64_t since_ms = generations.failure.since_ms;
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED); /* is known */
    put("s/init.lua", GOOD("two") "y =\n");
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_BROKEN);
    assert_int_equal(generations.failure.since_ms, since_ms);
    put("s/init.lua", GOOD("two"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_DONE);
    assert_false(generations.failure.is_set);
    assert_null(generations.failure.sources);
    assert_int_equal(generations.live->number, 2);
}

static void a_failure_is_forgotten_with_its_cause(void **state) {
    (void)state;
    start();
    put("s/init.lua", "x =");
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_BROKEN);
    put("s/init.lua", GOOD("one"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    assert_false(generations.failure.is_set);
    assert_int_equal(generations.live->number, 1);
}

static void a_folder_that_is_missing_is_a_failure(void **state) {
    (void)state;
    start();
    rename(at("s"), at("away"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_BROKEN);
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    assert_string_equal(generations.disk, "");
    assert_null(generations.failure.sources);
    rename(at("away"), at("s"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    assert_false(generations.failure.is_set);
}

static void equal_files_are_not_loaded_again_unless_asked(void **state) {
    (void)state;
    start();
    put("s/notes.txt", "not a script");
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    assert_int_equal(gw_generations_reload(&generations, "SIGHUP", &errors), GW_RELOAD_DONE);
    assert_int_equal(generations.live->number, 2);
}

static void a_rollback_holds_until_the_files_change(void **state) {
    (void)state;
    start();
    put("s/init.lua", GOOD("two"));
    gw_generations_look(&generations);
    assert_int_equal(gw_generations_roll_back(&generations, 0, &errors), GW_RELOAD_DONE);
    assert_int_equal(generations.live->number, 3);
    assert_string_equal(generations.history.records[2].origin, "rollback to 1");
    assert_string_equal(generations.live->sources->sha256,
                        gw_history_find(&generations.history, 1)->sources->sha256);
    assert_true(generations.is_held);
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    put("s/init.lua", GOOD("three"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_DONE);
    assert_int_equal(generations.live->number, 4);
    assert_false(generations.is_held);
}

static void there_must_be_something_to_go_back_to(void **state) {
    (void)state;
    start();
    assert_int_equal(gw_generations_roll_back(&generations, 0, &errors), GW_RELOAD_UNKNOWN);
    assert_says("no earlier generation");
    assert_int_equal(gw_generations_roll_back(&generations, 7, &errors), GW_RELOAD_UNKNOWN);
    assert_says("no generation 7");
}

static void too_many_with_work_left_are_not_added_to(void **state) {
    (void)state;
    start();
    for (int i = 0; i < GW_MAX_RETIRED; i++)
        assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_DONE);
    assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_BUSY);
    assert_says("still have requests in work");
    assert_false(gw_generation_is_to_end(generations.retired[0]));
    generations.retired[0]->retired_ms -= 3600 * 1000; /* for an hour */
    assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_BUSY);
    assert_true(gw_generation_is_to_end(generations.retired[0]));
    release(5);
    assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_DONE);
}

static void a_shutdown_is_the_end_of_it(void **state) {
    (void)state;
    start();
    generations.is_closed = true;
    gw_buf_clear(&errors);
    assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_BUSY);
    assert_says("shutting down");
}

/* --- Backends --- */

#define BACKEND(url, more)                        \
    "local gateway <const> = require 'gateway'\n" \
    "gateway.backend('b', { url = '" url "' })\n" more

static void one_name_is_declared_once(void **state) {
    (void)state;
    put("s/init.lua", BACKEND("http://a", "gateway.backend('b', { url = 'http://c' })\n"));
    assert_false(gw_generations_start(&generations, &errors));
    assert_says("init.lua:3: backend 'b': it is declared already, at init.lua:2");
    put("s/init.lua", "local gateway <const> = require 'gateway'\n"
                      "gateway.breaker('b')\ngateway.breaker('b')\n");
    assert_false(gw_generations_start(&generations, &errors));
    assert_says("init.lua:3: breaker 'b': it is declared already, at init.lua:2");
}

/* --- DATA_DIR --- */

static void the_last_good_ones_are_kept(void **state) {
    (void)state;
    start();
    gw_generations_fini(&generations);
    init();
    put("s/init.lua", "x =");
    assert_false(gw_generations_start(&generations, &errors));
    assert_says("init.lua:1:");
    settings.last_good = true;
    assert_true(gw_generations_start(&generations, &errors));
    assert_true(generations.is_last_good);
    assert_true(generations.failure.is_set);
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_UNCHANGED);
    put("s/init.lua", GOOD("two"));
    assert_int_equal(gw_generations_look(&generations), GW_RELOAD_DONE);
    assert_false(generations.is_last_good);
}

static void without_them_a_bad_start_is_the_end(void **state) {
    (void)state;
    settings.last_good = true;
    put("s/init.lua", "x =");
    assert_false(gw_generations_start(&generations, &errors));
    assert_non_null(memmem(errors.data, errors.len, "init.lua:1:", 11));
    assert_says("last-good.scripts");
}

static void a_folder_that_takes_nothing_changes_nothing(void **state) {
    (void)state;
    rmdir(at("d"));
    start();
    assert_int_equal(gw_generations_reload(&generations, "x", &errors), GW_RELOAD_DONE);
}

#define IT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    gw_log_set_level(GW_LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        IT(a_new_one_replaces_the_live_one),
        IT(one_that_fails_changes_nothing),
        IT(a_failure_is_forgotten_with_its_cause),
        IT(a_folder_that_is_missing_is_a_failure),
        IT(equal_files_are_not_loaded_again_unless_asked),
        IT(a_rollback_holds_until_the_files_change),
        IT(there_must_be_something_to_go_back_to),
        IT(too_many_with_work_left_are_not_added_to),
        IT(a_shutdown_is_the_end_of_it),
        IT(one_name_is_declared_once),
        IT(the_last_good_ones_are_kept),
        IT(without_them_a_bad_start_is_the_end),
        IT(a_folder_that_takes_nothing_changes_nothing),
    };
    return cmocka_run_group_tests_name("generations", tests, NULL, NULL);
}
