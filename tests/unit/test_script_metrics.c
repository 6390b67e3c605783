/* The metrics that scripts declare, from their loading on: lua/metric.c. */
#include "lua/generations.h"

#include "folder_fixture.h"
#include "policy/metric_internal.h"

#include <event2/event.h>

#define COUNTER(name, label) \
    "require('gateway').metric.counter('" name "', { help = 'x', labels = { '" label "' } })\n"

static struct gw_settings settings;
static struct gw_backends *backends;
static struct event_base *base;
static struct gw_generations generations;
static struct gw_buf errors;

static void on_live(void *user) {
    (void)user;
}

static int begin(void **state) {
    make_folder(state);
    assert_true(gw_settings_load(&settings, 0, NULL, &errors));
    settings.scripts_dir = strdup(at("."));
    backends = gw_backends_new();
    base = event_base_new();
    struct gw_host host = {.base = base, .backends = backends, .settings = &settings};
    gw_generations_init(&generations, &settings, &host, 1, on_live, NULL);
    return 0;
}

static int end(void **state) {
    gw_generations_fini(&generations);
    event_base_free(base);
    gw_backends_free(backends);
    gw_buf_fini(&errors);
    free((char *)settings.scripts_dir);
    return remove_folder(state);
}

static enum gw_reload load(const char *text) {
    put("init.lua", text);
    gw_buf_clear(&errors);
    return gw_generations_reload(&generations, "test", &errors);
}

static void assert_refused(const char *text, const char *why) {
    assert_int_equal(GW_RELOAD_BROKEN, load(text));
    if (!memmem(errors.data, errors.len, why, strlen(why)))
        fail_msg("not because of \"%s\" but: %.*s", why, GW_STR_ARG(gw_buf_str(&errors)));
}

static const struct gw_metric_family *family(const char *name) {
    const struct gw_metric_family *found = gw_metric_families();
    while (found && strcmp(found->name, name) != 0)
        found = atomic_load(&found->next);
    return found;
}

/* A load that fails has changed nothing, so the next one may say something else. */
static void come_into_being_when_they_go_live(void **state) {
    (void)state;
    assert_refused(COUNTER("late_total", "a") "error 'no'", "no");
    assert_null(family("late_total"));
    assert_int_equal(GW_RELOAD_DONE, load(COUNTER("late_total", "b")));
    assert_non_null(family("late_total"));
    assert_string_equal("b", family("late_total")->labels[0]);
}

static void do_not_change_while_the_process_lives(void **state) {
    (void)state;
    assert_int_equal(GW_RELOAD_DONE, load(COUNTER("fixed_total", "a")));
    assert_int_equal(GW_RELOAD_DONE, load(""));
    assert_refused(COUNTER("fixed_total", "b"),
                   "init.lua:1: metric 'fixed_total': it has had other "
                   "labels since the gateway started");
    assert_refused("require('gateway').metric.gauge('fixed', { help = 'x' })", "but for '_total'");
    assert_int_equal(GW_RELOAD_DONE, load(COUNTER("fixed_total", "a")));
}

static void have_the_unit_of_their_name(void **state) {
    (void)state;
    assert_int_equal(GW_RELOAD_DONE, load("local m <const> = require('gateway').metric\n"
                                          "m.counter('waited_seconds_total', { help = 'x' })\n"
                                          "m.histogram('sent_bytes', { help = 'x' })\n"
                                          "m.gauge('seconds', { help = 'x' })\n"));
    assert_string_equal("seconds", family("waited_seconds_total")->unit);
    assert_string_equal("bytes", family("sent_bytes")->unit);
    assert_null(family("seconds")->unit);
    assert_int_equal(11, family("sent_bytes")->bounds->n);
    assert_int_equal(100, family("sent_bytes")->max_series);
}

static void are_so_many_and_no_more(void **state) {
    (void)state;
    assert_refused("for i = 1, 101 do\n"
                   "  require('gateway').metric.gauge('many_' .. i, { help = 'x' })\n"
                   "end\n",
                   "init.lua:2: metric 'many_101': there are too many metrics");
    assert_null(family("many_1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(come_into_being_when_they_go_live, begin, end),
        cmocka_unit_test_setup_teardown(do_not_change_while_the_process_lives, begin, end),
        cmocka_unit_test_setup_teardown(have_the_unit_of_their_name, begin, end),
        cmocka_unit_test_setup_teardown(are_so_many_and_no_more, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
