#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static int may_run_on(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    return sysconf(_SC_NPROCESSORS_ONLN); /* more than fit into a set */
}

int gw_cores(void) {
    int cores = may_run_on(), quota = gw_cores_of_quota("/sys/fs/cgroup");
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

/* Reads up to two numbers from a file; how many there are. */
static int read_numbers(const char *folder, const char *name, long long *first, long long *second) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    int n = fscanf(file, "%lld %lld", first, second);
    fclose(file);
    return n;
}

int gw_cores_of_quota(const char *folder) {
    long long quota, period, none; /* "max", or -1: no quota */
    bool is_second = read_numbers(folder, "cpu.max", &quota, &period) == 2;
    bool is_first = !is_second &&
                    read_numbers(folder, "cpu/cpu.cfs_quota_us", &quota, &none) == 1 &&
                    read_numbers(folder, "cpu/cpu.cfs_period_us", &period, &none) == 1;
    if ((!is_second && !is_first) || quota <= 0 || period <= 0 || quota / period >= INT_MAX)
        return 0;
    return (quota + period - 1) / period;
}
