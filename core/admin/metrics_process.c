/* The process as Linux tells of it, under the names that Prometheus' own clients use. What cannot
 * be read is left as it was. */
#include "admin/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void set(enum gw_core_family which, double value) {
    gw_metric_set(gw_core_metric(which, NULL, NULL, NULL), value);
}

static void gather_cpu(void) {
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        set(GW_CORE_PROCESS_CPU, (double)used.tv_sec + (double)used.tv_nsec / 1e9);
}

static void gather_memory(void) {
    unsigned long pages, resident;
    long size = sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    if (fscanf(file, "%lu %lu", &pages, &resident) == 2) {
        set(GW_CORE_PROCESS_VIRTUAL, (double)pages * (double)size);
        set(GW_CORE_PROCESS_RESIDENT, (double)resident * (double)size);
    }
    fclose(file);
}

/* But the one it is read by. */
static void gather_descriptors(void) {
    unsigned n = 0;
    struct rlimit limit;
    DIR *folder = opendir("/proc/self/fd");
    if (folder) {
        for (const struct dirent *entry; (entry = readdir(folder));)
            n += *entry->d_name != '.';
        closedir(folder);
        set(GW_CORE_PROCESS_FDS, n - 1);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        set(GW_CORE_PROCESS_MAX_FDS, (double)limit.rlim_cur);
}

/* The 22nd field, in clock ticks since the system started. What stands before it ends with the last
 * parenthesis, as the name in it may be anything. */
static bool read_start(double *ticks) {
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    for (unsigned field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    *ticks = at ? strtod(at, NULL) : 0;
    return at != NULL;
}

/* It does not change: the clocks that it is made of may be set meanwhile. */
static void gather_start(void) {
    static bool is_known;
    double ticks;
    struct timespec wall, up;
    if (is_known || !read_start(&ticks))
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &up);
    double booted = (double)(wall.tv_sec - up.tv_sec) + (double)(wall.tv_nsec - up.tv_nsec) / 1e9;
    set(GW_CORE_PROCESS_START, booted + ticks / (double)sysconf(_SC_CLK_TCK));
    is_known = true;
}

void gw_metrics_gather_process(void) {
    gather_cpu();
    gather_memory();
    gather_descriptors();
    gather_start();
}
