#include "base/ticker.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel looks at such timers when it ticks itself, every 4 ms or so. */
#define TICK_NS 5000000

#define SIGNAL (SIGRTMIN + 7) /* nobody else's: not a profiler's, not libevent's */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Thread_local struct {
    bool started;
    timer_t timer;
    gw_tick_fn on_tick;
    volatile int64_t last_us; /* of this thread's CPU, at the last tick */
} ticker;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ends_thread; /* its destructor */

static int64_t thread_cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_signal(int number) {
    (void)number;
    int saved = errno;
    int64_t now_us = thread_cpu_us(), spent_us = now_us - ticker.last_us;
    ticker.last_us = now_us;
    ticker.on_tick(spent_us);
    errno = saved;
}

static void stop(void *unused) {
    (void)unused;
    timer_delete(ticker.timer);
    ticker.started = false;
}

static void install(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(SIGNAL, &action, NULL);
    pthread_key_create(&ends_thread, stop);
}

static bool make_timer(void) {
    struct sigevent event;
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGNAL;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &ticker.timer) != 0)
        return false;
    timer_settime(ticker.timer, 0, &every, NULL);
    return true;
}

/* Whoever made the thread may have blocked all signals. */
static void unblock(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void gw_ticker_start(gw_tick_fn on_tick) {
    if (ticker.started)
        return;
    pthread_once(&once, install);
    unblock();
    ticker.started = true;
    ticker.on_tick = on_tick;
    ticker.last_us = thread_cpu_us();
    if (make_timer())
        pthread_setspecific(ends_thread, &ticker);
    else
        gw_log(GW_LOG_ERROR, "no timer, so scripts have no CPU budget: %s", strerror(errno));
}
