#include "base/cores.h"

#include "folder_fixture.h"

#include <sched.h>

static void make(const char *path) {
    assert_int_equal(mkdir(at(path), 0700), 0);
}

static int quota_of(const char *text) {
    put("cpu.max", text);
    return gw_cores_of_quota(folder);
}

static void a_quota_is_rounded_up(void **state) {
    (void)state;
    assert_int_equal(quota_of("100000 100000\n"), 1);
    assert_int_equal(quota_of("150000 100000\n"), 2);
    assert_int_equal(quota_of("5000 100000\n"), 1);
    assert_int_equal(quota_of("1600000 50000\n"), 32);
}

static void none_is_none(void **state) {
    (void)state;
    assert_int_equal(gw_cores_of_quota(folder), 0);
    assert_int_equal(quota_of("max 100000\n"), 0);
    assert_int_equal(quota_of(""), 0);
    assert_int_equal(quota_of("100000"), 0);
    assert_int_equal(quota_of("100000 0\n"), 0);
    assert_int_equal(quota_of("9000000000000000000 1\n"), 0);
}

static void the_first_generation_has_it_in_two_files(void **state) {
    (void)state;
    make("cpu");
    put("cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(gw_cores_of_quota(folder), 0);
    put("cpu/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(gw_cores_of_quota(folder), 0);
    put("cpu/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(gw_cores_of_quota(folder), 3);
}

static void cores_are_those_it_may_run_on(void **state) {
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(gw_cores(), 1, CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &before) && CPU_COUNT(&one) == 0)
            CPU_SET(i, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(gw_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_quota_is_rounded_up, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(none_is_none, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_first_generation_has_it_in_two_files, make_folder,
                                        remove_folder),
        cmocka_unit_test(cores_are_those_it_may_run_on),
    };
    return cmocka_run_group_tests_name("cores", tests, NULL, NULL);
}
