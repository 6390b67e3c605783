#include "admin/metrics.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double value(enum gw_core_family which) {
    gw_metrics_gather_process();
    return gw_metric_value(gw_core_family(which), gw_core_metric(which, NULL, NULL, NULL));
}

static void knows_its_descriptors(void **state) {
    (void)state;
    double before = value(GW_CORE_PROCESS_FDS);
    int fd = open("/dev/null", O_RDONLY);
    assert_true(value(GW_CORE_PROCESS_FDS) == before + 1);
    close(fd);
    assert_true(value(GW_CORE_PROCESS_FDS) == before);
    assert_true(value(GW_CORE_PROCESS_MAX_FDS) >= before);
}

static void knows_its_memory(void **state) {
    (void)state;
    assert_true(value(GW_CORE_PROCESS_RESIDENT) > 1e5);
    assert_true(value(GW_CORE_PROCESS_VIRTUAL) >= value(GW_CORE_PROCESS_RESIDENT));
}

static void knows_when_it_started(void **state) {
    (void)state;
    double now = (double)time(NULL);
    assert_true(value(GW_CORE_PROCESS_START) <= now + 1);
    assert_true(value(GW_CORE_PROCESS_START) > now - 600);
    assert_true(value(GW_CORE_PROCESS_START) == value(GW_CORE_PROCESS_START));
}

static void knows_what_it_has_computed(void **state) {
    (void)state;
    double before = value(GW_CORE_PROCESS_CPU);
    assert_true(before > 0);
    assert_true(value(GW_CORE_PROCESS_CPU) > before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_descriptors),
        cmocka_unit_test(knows_its_memory),
        cmocka_unit_test(knows_when_it_started),
        cmocka_unit_test(knows_what_it_has_computed),
    };
    gw_metrics_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
