#include "base/log_writer.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log_fold.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAP_MS        10 /* after something was written: what comes meanwhile is written at once */
#define TELL_MS       1000
#define PATIENCE_MS   1000 /* with a standard output that takes nothing, at the end */
#define MAX_PATIENCES 10
#define MAX_BATCH     ((size_t)64 << 10)
#define MAX_PASS      4096 /* lines, before something else is looked at */

/* Of one thread. */
struct member {
    LIST_ENTRY(member) link;
    struct gw_log_queue *queue; /* owned */
    bool has_left;              /* guarded by the mutex: freed by the writer when it is empty */
};

LIST_HEAD(member_list, member);

enum rest { AWAKE, NAPPING, ASLEEP };

static struct {
    size_t queue_bytes; /* of each thread */
    gw_log_show_fn show;
    pthread_t thread;
    int wake_fd; /* an eventfd */
    atomic_bool is_running, is_ending;
    _Atomic enum rest rest;
    atomic_uint_fast64_t dropped;
    atomic_uint_fast64_t n_writes; /* that took something */
    atomic_uint asked, answered;   /* tickets of who waits until all is written */

    pthread_mutex_t mutex; /* guards the list, which changes when a thread logs first or leaves */
    struct member_list members;

    /* The writer's own. */
    struct gw_log_fold fold;
    struct gw_buf batch, told;
    unsigned n_batch; /* lines in it */
    bool is_torn;     /* what was written ends within a line */
    size_t max_batch;
    uint64_t dropped_told;
    int64_t tell_ms; /* not before */
} writer = {.wake_fd = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct member *own;
static _Thread_local bool is_writer;

/* --- writing --- */

/* Who set our standard output to non-blocking (it is his, too) wants no line lost. */
static bool wait_for_room(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, -1) >= 0 || errno == EINTR;
}

size_t gw_log_write(struct gw_str text) {
    size_t written = 0;
    while (written < text.len) {
        ssize_t n = write(STDOUT_FILENO, text.data + written, text.len - written);
        if (n < 0 && errno != EINTR && (errno != EAGAIN || !wait_for_room()))
            break;
        written += n > 0 ? (size_t)n : 0;
        atomic_fetch_add_explicit(&writer.n_writes, n > 0, memory_order_relaxed);
    }
    return written;
}

static void drop(uint64_t n) {
    atomic_fetch_add_explicit(&writer.dropped, n, memory_order_relaxed);
}

/* Which of the lines did not arrive, and whether one did in part. */
static void lose(struct gw_str rest) {
    unsigned n = 0;
    for (size_t i = 0; i < rest.len; i++)
        n += rest.data[i] == '\n';
    drop(n < writer.n_batch ? n : writer.n_batch);
    if (rest.len < writer.batch.len)
        writer.is_torn = rest.data[-1] != '\n';
}

static void write_batch(void) {
    struct gw_str text = gw_buf_str(&writer.batch);
    size_t written = gw_log_write(text);
    if (written < text.len)
        lose((struct gw_str){text.data + written, text.len - written});
    gw_buf_clear(&writer.batch);
    writer.n_batch = 0;
}

/* Who shares a pipe with other processes gets whole lines from each: pipe(7) promises it for so
 * many bytes at once. */
static size_t find_max_batch(void) {
    struct stat status;
    bool is_pipe = fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode);
    return is_pipe ? PIPE_BUF : MAX_BATCH;
}

static void append_line(struct gw_str line) {
    if (writer.is_torn)
        gw_buf_append_char(&writer.batch, '\n');
    writer.is_torn = false;
    size_t before = writer.batch.len;
    writer.show(line, &writer.batch);
    size_t added = writer.batch.len - before;
    if (before && writer.batch.len > writer.max_batch) {
        writer.batch.len = before;
        write_batch();
        memmove(writer.batch.data, writer.batch.data + before, added);
        writer.batch.len = added;
    }
    writer.n_batch++;
}

/* --- one pass --- */

static void tell_dropped(int64_t now_ms, bool is_last) {
    uint64_t dropped = atomic_load_explicit(&writer.dropped, memory_order_relaxed);
    if (dropped == writer.dropped_told || (now_ms < writer.tell_ms && !is_last))
        return;
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "log lines were dropped");
    gw_log_int(line, "dropped", (int64_t)(dropped - writer.dropped_told));
    gw_log_int(line, "dropped_ever", (int64_t)dropped);
    gw_buf_append_char(line, '}');
    append_line(gw_buf_str(line));
    writer.dropped_told = dropped;
    writer.tell_ms = now_ms + TELL_MS;
}

static void tell_folded(int64_t now_ms) {
    int64_t wall_us = gw_clock_wall_us();
    gw_buf_clear(&writer.told);
    while (gw_log_fold_next(&writer.fold, now_ms, wall_us, &writer.told)) {
        append_line(gw_buf_str(&writer.told));
        gw_buf_clear(&writer.told);
    }
}

static void show(const struct gw_log_record *record, int64_t now_ms) {
    if (!gw_log_fold_holds(&writer.fold, record, now_ms))
        append_line(record->line);
}

/* The queue with the oldest line. The list may grow meanwhile, at its head; only the writer takes
 * members out of it. */
static struct gw_log_queue *find_oldest(struct member *first, struct gw_log_record *out) {
    struct gw_log_queue *oldest = NULL;
    struct gw_log_record record;
    for (struct member *member = first; member; member = LIST_NEXT(member, link)) {
        if (!gw_log_queue_peek(member->queue, &record))
            continue;
        if (!oldest || record.time_us < out->time_us) {
            oldest = member->queue;
            *out = record;
        }
    }
    return oldest;
}

static struct member *first_member(void) {
    pthread_mutex_lock(&writer.mutex);
    struct member *first = LIST_FIRST(&writer.members);
    pthread_mutex_unlock(&writer.mutex);
    return first;
}

/* False: there is more. */
static bool show_all(int64_t now_ms) {
    struct member *first = first_member();
    struct gw_log_record record;
    for (int n = 0; n < MAX_PASS; n++) {
        struct gw_log_queue *queue = find_oldest(first, &record);
        if (!queue)
            return true;
        show(&record, now_ms);
        gw_log_queue_take(queue);
    }
    return false;
}

static void free_member(struct member *member) {
    LIST_REMOVE(member, link);
    gw_log_queue_free(member->queue);
    free(member);
}

static void free_those_who_left(void) {
    pthread_mutex_lock(&writer.mutex);
    struct member *next;
    for (struct member *member = LIST_FIRST(&writer.members); member; member = next) {
        next = LIST_NEXT(member, link);
        if (member->has_left && !gw_log_queue_has_any(member->queue))
            free_member(member);
    }
    pthread_mutex_unlock(&writer.mutex);
}

/* --- the thread --- */

static bool some_queue(bool (*is)(struct gw_log_queue *)) {
    bool found = false;
    for (struct member *member = first_member(); member && !found; member = LIST_NEXT(member, link))
        found = is(member->queue);
    return found;
}

static bool is_called(void) {
    return atomic_load(&writer.is_ending) ||
           atomic_load(&writer.asked) != atomic_load(&writer.answered);
}

static int sleep_ms(int64_t now_ms) {
    int64_t due_ms = gw_log_fold_due_ms(&writer.fold);
    if (atomic_load(&writer.dropped) != writer.dropped_told && writer.tell_ms < due_ms)
        due_ms = writer.tell_ms;
    if (due_ms == INT64_MAX)
        return -1;
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* Who puts a line looks at `rest` after it, and we at the queues after we have set `rest`, all in
 * one order: one of both sees the other. */
static void rest(enum rest how, int64_t now_ms) {
    struct pollfd wake = {.fd = writer.wake_fd, .events = POLLIN};
    eventfd_t ignored;
    atomic_store(&writer.rest, how);
    bool is_needed =
        is_called() || some_queue(how == ASLEEP ? gw_log_queue_has_any : gw_log_queue_is_filling);
    if (!is_needed)
        poll(&wake, 1, how == ASLEEP ? sleep_ms(now_ms) : NAP_MS);
    atomic_store(&writer.rest, AWAKE);
    eventfd_read(writer.wake_fd, &ignored);
}

static void wake(void) {
    if (atomic_exchange(&writer.rest, AWAKE) != AWAKE)
        eventfd_write(writer.wake_fd, 1);
}

static void *run(void *unused) {
    (void)unused;
    is_writer = true;
    for (bool was_busy = true, is_ending = false; !is_ending || was_busy;) {
        is_ending = atomic_load(&writer.is_ending);
        unsigned ticket = atomic_load(&writer.asked);
        bool is_asked = ticket != atomic_load(&writer.answered);
        int64_t now_ms = gw_clock_ms();
        bool had_any = some_queue(gw_log_queue_has_any);
        was_busy = !show_all(now_ms);
        tell_folded(!was_busy && (is_ending || is_asked) ? INT64_MAX : now_ms);
        tell_dropped(now_ms, is_ending && !was_busy);
        write_batch();
        free_those_who_left();
        if (!was_busy)
            atomic_store(&writer.answered, ticket);
        if (!was_busy && !is_ending)
            rest(had_any ? NAPPING : ASLEEP, now_ms);
    }
    gw_log_end_thread();
    return unused;
}

/* --- who logs --- */

/* By the thread's first line. */
static struct member *enter(void) {
    struct member *member = gw_calloc(1, sizeof *member);
    member->queue = gw_log_queue_new(writer.queue_bytes);
    pthread_mutex_lock(&writer.mutex);
    LIST_INSERT_HEAD(&writer.members, member, link);
    pthread_mutex_unlock(&writer.mutex);
    return own = member;
}

static bool must_wake(struct gw_log_queue *queue) {
    enum rest how = atomic_load(&writer.rest);
    return how == ASLEEP || (how == NAPPING && gw_log_queue_is_filling(queue));
}

bool gw_log_writer_take(const struct gw_log_record *record) {
    if (!atomic_load_explicit(&writer.is_running, memory_order_acquire))
        return false;
    struct member *member = own ? own : enter();
    if (!gw_log_queue_put(member->queue, record))
        drop(1);
    if (must_wake(member->queue))
        wake();
    return true;
}

void gw_log_writer_leave(void) {
    if (!own)
        return;
    pthread_mutex_lock(&writer.mutex);
    own->has_left = true;
    pthread_mutex_unlock(&writer.mutex);
    own = NULL;
}

uint64_t gw_log_dropped(void) {
    return atomic_load_explicit(&writer.dropped, memory_order_relaxed);
}

/* --- the end --- */

static bool is_answered(unsigned ticket) {
    return (int)(atomic_load(&writer.answered) - ticket) >= 0;
}

/* Safe in a signal handler. */
void gw_log_flush(int64_t patience_ms) {
    static const struct timespec pause = {.tv_nsec = 1000000};
    if (is_writer || !atomic_load(&writer.is_running))
        return;
    unsigned ticket = atomic_fetch_add(&writer.asked, 1) + 1;
    wake();
    for (int64_t ms = 0; ms < patience_ms && !is_answered(ticket); ms++)
        nanosleep(&pause, NULL);
}

/* What was logged before it is what explains it. */
static void on_crash(int number) {
    gw_log_flush(PATIENCE_MS);
    raise(number); /* blocked until we return, and no longer handled */
}

/* Where nobody else does, as a sanitizer. */
static void catch_crashes(void) {
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND}, before;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
}

/* All signals are the other threads'. */
static void start_thread(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&writer.thread, NULL, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok)
        close(writer.wake_fd);
    atomic_store(&writer.is_running, ok);
}

void gw_log_writer_start(const struct gw_log_options *options, gw_log_show_fn show_line) {
    writer.queue_bytes = options->queue_bytes;
    writer.fold.every_ms = options->fold_ms;
    writer.show = show_line;
    writer.max_batch = find_max_batch();
    writer.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&writer.is_ending, false);
    start_thread();
    catch_crashes();
}

/* As long as it gets on, but not for ever. */
static bool join(void) {
    bool joined = false;
    struct timespec until;
    uint64_t before;
    clock_gettime(CLOCK_REALTIME, &until);
    for (int i = 0; i < MAX_PATIENCES && !joined; i++) {
        before = atomic_load(&writer.n_writes);
        until.tv_sec += PATIENCE_MS / 1000;
        joined = pthread_timedjoin_np(writer.thread, NULL, &until) == 0;
        if (before == atomic_load(&writer.n_writes))
            break;
    }
    return joined;
}

static void fini(void) {
    struct member *member;
    while ((member = LIST_FIRST(&writer.members)))
        free_member(member);
    own = NULL;
    gw_log_fold_fini(&writer.fold);
    gw_buf_fini(&writer.batch);
    gw_buf_fini(&writer.told);
    close(writer.wake_fd);
}

/* A writer that is stuck keeps what it has; the process ends without it. */
void gw_log_stop(void) {
    if (!atomic_load(&writer.is_running))
        return;
    atomic_store(&writer.is_ending, true);
    wake();
    if (!join()) {
        pthread_detach(writer.thread);
        return;
    }
    atomic_store(&writer.is_running, false);
    fini();
}
