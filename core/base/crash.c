#include "base/crash.h"

#ifdef GW_CRASH_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long n_reached;

void gw_crash_point(const char *name) {
    const char *at = getenv("MOONGATE_CRASH_AT");
    size_t n = strlen(name);
    if (!at || strncmp(at, name, n) != 0 || (at[n] != '\0' && at[n] != ':'))
        return;
    long nth = at[n] == ':' ? strtol(at + n + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&n_reached, 1) + 1 == nth)
        kill(getpid(), SIGKILL);
}

#endif
