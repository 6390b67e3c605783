#include "engine/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "folder_fixture.h"

#include <event2/event.h>
#include <sys/resource.h>

#define LIMIT_MS 10000

static struct event_base *base;
static struct gw_watch *watch;
static unsigned n_told;
static int64_t told_ms;

static void on_change(void *user) {
    (void)user;
    n_told++;
    told_ms = gw_clock_ms();
}

static int begin_at(const char *path) {
    base = event_base_new();
    watch = gw_watch_new(base, path, on_change, NULL);
    n_told = 0;
    return 0;
}

static int begin(void **state) {
    make_folder(state);
    mkdir(at("s"), 0700);
    mkdir(at("s/lib"), 0700);
    put("s/init.lua", "return 1");
    put("s/lib/a.lua", "return 1");
    return begin_at(at("s"));
}

static int end(void **state) {
    gw_watch_free(watch);
    event_base_free(base);
    return remove_folder(state);
}

static void run_for(int64_t ms) {
    struct timeval after = {ms / 1000, ms % 1000 * 1000};
    event_base_loopexit(base, &after);
    event_base_dispatch(base);
}

/* Waits until it has been told more often than that. */
static void assert_told_after(unsigned n) {
    int64_t until = gw_clock_ms() + LIMIT_MS;
    while (n_told <= n && gw_clock_ms() < until)
        run_for(5);
    assert_true(n_told > n);
}

static void assert_told(void) {
    assert_told_after(n_told);
}

/* All that is still under way has been told. */
static void settle(void) {
    unsigned n;
    do {
        n = n_told;
        run_for(300);
    } while (n_told != n);
}

/* --- What is told --- */

static void nothing_is_told_of_nothing(void **state) {
    (void)state;
    run_for(700);
    assert_int_equal(n_told, 0);
    assert_false(gw_watch_is_polling(watch));
}

static void a_file_that_is_saved(void **state) {
    (void)state;
    put("s/init.lua", "return 2");
    assert_told();
    settle();
    put("s/lib/a.lua", "return 2");
    assert_told();
}

static void a_file_that_is_replaced_by_rename(void **state) {
    (void)state;
    put("s/init.lua~", "return 3");
    assert_told();
    settle();
    assert_int_equal(rename(at("s/init.lua~"), at("s/init.lua")), 0);
    assert_told();
    settle();
    assert_int_equal(unlink(at("s/lib/a.lua")), 0);
    assert_told();
}

static void what_is_in_a_new_folder(void **state) {
    (void)state;
    mkdir(at("s/new"), 0700);
    mkdir(at("s/new/deep"), 0700);
    assert_told();
    settle();
    put("s/new/deep/b.lua", "return 1");
    assert_told();
    settle();
    put("s/new/deep/b.lua", "return 2");
    assert_told();
}

static void a_folder_that_goes_and_comes_back(void **state) {
    (void)state;
    assert_int_equal(rename(at("s/lib"), at("lib")), 0);
    assert_told();
    settle();
    put("lib/a.lua", "return 7"); /* elsewhere now */
    unsigned n = n_told;
    settle();
    assert_int_equal(n_told, n);
    assert_int_equal(rename(at("lib"), at("s/lib")), 0);
    assert_told();
    settle();
    put("s/lib/a.lua", "return 8");
    assert_told();
}

static void the_folder_itself_gone_and_back(void **state) {
    (void)state;
    assert_int_equal(rename(at("s"), at("away")), 0);
    assert_told();
    settle();
    unsigned n = n_told;
    run_for(1200);
    assert_int_equal(n_told, n); /* once is enough */
    assert_int_equal(rename(at("away"), at("s")), 0);
    assert_told();
    settle();
    put("s/init.lua", "return 2");
    assert_told();
}

static void the_folder_replaced_by_another(void **state) {
    (void)state;
    mkdir(at("next"), 0700);
    put("next/init.lua", "return 2");
    rename(at("s"), at("old"));
    rename(at("next"), at("s"));
    assert_told();
    settle();
    put("s/init.lua", "return 3");
    assert_told();
}

/* --- Links --- */

static void a_folder_behind_a_link(void **state) {
    (void)state;
    mkdir(at("other"), 0700);
    put("other/x.lua", "return 1");
    assert_int_equal(symlink(at("other"), at("s/linked")), 0);
    assert_told();
    settle();
    put("other/x.lua", "return 2");
    assert_told();
    settle();
    assert_int_equal(rename(at("other"), at("older")),
                     0); /* what the link leads to is another one */
    mkdir(at("other"), 0700);
    assert_told();
    settle();
    put("other/x.lua", "return 3");
    assert_told();
}

static void a_file_behind_a_link(void **state) {
    (void)state;
    put("far.lua", "return 1");
    assert_int_equal(symlink("../far.lua", at("s/far.lua")), 0);
    assert_told();
    settle();
    put("far.lua", "return 2");
    assert_told();
}

static void links_that_lead_round(void **state) {
    (void)state;
    assert_int_equal(symlink(".", at("s/lib/round")), 0);
    assert_int_equal(symlink("..", at("s/lib/up")), 0);
    assert_told();
    settle();
    put("s/lib/a.lua", "return 2");
    assert_told();
}

/* As Kubernetes mounts a ConfigMap: files are links into ..data, which is a link to a folder, and
 * is replaced by rename when the map changes. */
static void a_config_map(void **state) {
    (void)state;
    mkdir(at("map"), 0700);
    mkdir(at("map/..1"), 0700);
    put("map/..1/init.lua", "return 1");
    assert_int_equal(symlink("..1", at("map/..data")), 0);
    assert_int_equal(symlink("..data/init.lua", at("map/init.lua")), 0);
    gw_watch_free(watch);
    watch = gw_watch_new(base, at("map"), on_change, NULL);
    for (char next = '2'; next < '5'; next++) {
        char name[] = "map/..N", path[] = "map/..N/init.lua";
        name[6] = path[6] = next;
        mkdir(at(name), 0700);
        put(path, "return 2");
        symlink(name + 4, at("map/..data_tmp"));
        settle();
        unsigned n = n_told;
        assert_int_equal(rename(at("map/..data_tmp"), at("map/..data")), 0);
        assert_told_after(n);
        settle();
    }
}

/* --- When --- */

static void once_for_many_changes(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        put("s/init.lua", "return 2");
        put("s/lib/a.lua", "return 2");
    }
    assert_told();
    settle();
    assert_int_equal(n_told, 1);
}

/* Somebody writes all the time: it is told all the same. */
static void within_a_second_in_a_busy_folder(void **state) {
    (void)state;
    int64_t began_ms = gw_clock_ms();
    while (n_told == 0 && gw_clock_ms() < began_ms + LIMIT_MS) {
        put("s/busy.log", "x");
        run_for(20);
    }
    assert_int_equal(n_told, 1);
    assert_true(told_ms - began_ms >= 100);
    assert_true(told_ms - began_ms < 1000);
}

/* More than the kernel's queue holds, before anybody looks. */
static void more_than_the_queue_holds(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        put(i % 2 ? "s/a.lua" : "s/b.lua", "");
        unlink(at(i % 2 ? "s/a.lua" : "s/b.lua"));
    }
    mkdir(at("s/late"), 0700);
    assert_told();
    settle();
    put("s/late/c.lua", "return 1");
    assert_told();
}

/* --- Without inotify --- */

/* As where the system's limits are reached: told once a second, so that whoever is told finds out
 * himself. */
static void by_asking_where_there_is_no_inotify(void **state) {
    (void)state;
    struct rlimit before, none;
    gw_watch_free(watch);
    int spare = dup(0);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)spare;
    close(spare);
    setrlimit(RLIMIT_NOFILE, &none);
    watch = gw_watch_new(base, at("s"), on_change, NULL);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(gw_watch_is_polling(watch));
    assert_told();
    assert_told();
}

#define IT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    gw_log_set_level(GW_LOG_ERROR); /* that it cannot watch is a warning */
    const struct CMUnitTest tests[] = {
        IT(nothing_is_told_of_nothing),
        IT(a_file_that_is_saved),
        IT(a_file_that_is_replaced_by_rename),
        IT(what_is_in_a_new_folder),
        IT(a_folder_that_goes_and_comes_back),
        IT(the_folder_itself_gone_and_back),
        IT(the_folder_replaced_by_another),
        IT(a_folder_behind_a_link),
        IT(a_file_behind_a_link),
        IT(links_that_lead_round),
        IT(a_config_map),
        IT(once_for_many_changes),
        IT(within_a_second_in_a_busy_folder),
        IT(more_than_the_queue_holds),
        IT(by_asking_where_there_is_no_inotify),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
