#include "base/log.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUE ((size_t)256 << 10)

static int real_stdout;
static char *text; /* what was read back, with a NUL */

static void start(int fd, bool folds) {
    struct gw_log_options options = {.queue_bytes = QUEUE, .fold_ms = folds ? 60000 : 0};
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    gw_log_set_format(GW_LOG_JSON);
    gw_log_start(&options);
}

static void stop(void) {
    gw_log_stop();
    dup2(real_stdout, STDOUT_FILENO);
}

/* All that was written to the file. */
static const char *read_back(int fd) {
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    free(text);
    text = calloc(1, size + 1);
    assert_int_equal(pread(fd, text, size, 0), size);
    close(fd);
    return text;
}

static int new_file(void) {
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static unsigned count(const char *haystack, const char *needle) {
    unsigned n = 0;
    for (; (haystack = strstr(haystack, needle)); haystack += strlen(needle))
        n++;
    return n;
}

/* Reads lines until there is one with this in it; how many were read before. */
static unsigned read_lines_until(int fd, const char *what) {
    char buffer[4096], line[8192];
    size_t n_line = 0;
    unsigned n_lines = 0;
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            assert_true(n_line + 1 < sizeof line);
            line[n_line++] = buffer[i];
            if (buffer[i] != '\n')
                continue;
            line[n_line] = '\0';
            assert_memory_equal(line, "{\"time\":\"", 9);
            assert_string_equal(line + n_line - 2, "}\n");
            if (strstr(line, what)) {
                free(text);
                text = strdup(line);
                return n_lines;
            }
            n_lines++;
            n_line = 0;
        }
    }
    fail_msg("no line with %s", what);
    return 0;
}

/* --- several threads --- */

#define N_THREADS 4
#define N_LINES   2000

static void *log_lines(void *user) {
    for (int i = 0; i < N_LINES; i++) {
        struct gw_buf *line = gw_log_begin(GW_LOG_INFO, "line");
        gw_log_int(line, "thread", (int)(intptr_t)user);
        gw_log_int(line, "n", i);
        gw_log_end(line);
        if (i % 100 == 0)
            gw_log_flush(10000); /* as fast as it can be written: none is dropped */
    }
    gw_log_end_thread();
    return NULL;
}

static void lines_are_whole_and_in_order_for_each_thread(void **state) {
    (void)state;
    int fd = new_file(), next[N_THREADS] = {0};
    pthread_t threads[N_THREADS];
    start(fd, true);
    for (intptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, (void *)i), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    stop();
    char *rest = (char *)read_back(fd);
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        int thread, n;
        assert_int_equal(sscanf(strstr(line, ",\"message\""),
                                ",\"message\":\"line\",\"thread\":%d,\"n\":%d}", &thread, &n),
                         2);
        assert_int_equal(n, next[thread]++);
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(next[i], N_LINES);
    assert_int_equal(gw_log_dropped(), 0);
}

static void at_the_end_all_is_written(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        int fd = new_file();
        start(fd, true);
        for (int i = 0; i < 10; i++)
            gw_log(GW_LOG_INFO, "line %d", i);
        stop();
        assert_int_equal(count(read_back(fd), "\"message\":\"line "), 10);
    }
}

static void without_a_writer_it_is_written_at_once(void **state) {
    (void)state;
    int fd = new_file();
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    gw_log(GW_LOG_WARN, "hello");
    dup2(real_stdout, STDOUT_FILENO);
    assert_int_equal(count(read_back(fd), "\"message\":\"hello\"}\n"), 1);
}

static void what_a_long_line_took_is_given_back(void **state) {
    (void)state;
    int fd = new_file();
    start(fd, true);
    size_t n = 1 << 20;
    char *long_text = calloc(1, n);
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, "long");
    gw_log_str(line, "text", (struct gw_str){long_text, n});
    gw_log_same(line, (struct gw_str){long_text, n});
    gw_log_end(line);
    line = gw_log_begin(GW_LOG_WARN, "short");
    assert_in_range(line->cap, 1, 1 << 16);
    gw_log_end(line);
    stop();
    free(long_text);
    assert_int_equal(count(read_back(fd), "\"message\":\"short\"}\n"), 1);
}

static void the_level_may_change_meanwhile(void **state) {
    (void)state;
    int fd = new_file();
    start(fd, true);
    assert_int_equal(gw_log_level(), GW_LOG_INFO);
    gw_log_set_level(GW_LOG_ERROR);
    gw_log(GW_LOG_INFO, "no");
    gw_log_set_level(GW_LOG_INFO);
    gw_log(GW_LOG_INFO, "yes");
    stop();
    assert_null(strstr(read_back(fd), "\"no\""));
    assert_non_null(strstr(text, "\"yes\""));
}

static void warn(const char *what) {
    struct gw_buf *line = gw_log_begin(GW_LOG_WARN, what);
    gw_log_same(line, gw_str_from(what));
    gw_log_end(line);
}

static void what_repeats_is_folded_if_wished(void **state) {
    (void)state;
    for (int fold = 0; fold < 2; fold++) {
        int fd = new_file();
        start(fd, fold);
        for (int i = 0; i < 100; i++)
            warn("again");
        warn("other");
        for (int i = 0; i < 3; i++)
            gw_log(GW_LOG_WARN, "it changed"); /* has not said what makes it the same */
        stop();
        assert_int_equal(count(read_back(fd), "\"again\""), fold ? 2 : 100);
        assert_int_equal(count(text, "\"message\":\"again\",\"repeated\":99,\"first_at\""), fold);
        assert_int_equal(count(text, "\"message\":\"other\"}\n"), 1);
        assert_int_equal(count(text, "\"it changed\"}\n"), 3);
    }
}

static void it_tells_what_it_folded_by_itself(void **state) {
    (void)state;
    int fds[2];
    struct gw_log_options options = {.queue_bytes = QUEUE, .fold_ms = 20};
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    dup2(fds[1], STDOUT_FILENO);
    gw_log_start(&options);
    for (int i = 0; i < 3; i++)
        warn("again");
    read_lines_until(fds[0], "\"repeated\":"); /* and nothing else is logged meanwhile */
    stop();
    close(fds[0]);
    close(fds[1]);
}

static void the_writer_makes_text_of_it(void **state) {
    (void)state;
    int fd = new_file();
    struct gw_log_options options = {.queue_bytes = QUEUE};
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    gw_log_set_format(GW_LOG_TEXT);
    gw_log_start(&options);
    gw_log(GW_LOG_WARN, "hello");
    gw_log(GW_LOG_INFO, "you");
    stop();
    gw_log_set_format(GW_LOG_JSON);
    assert_int_equal(count(read_back(fd), "\n"), 2);
    assert_memory_equal(text + 12, "  warn hello\n", 13);
    assert_non_null(strstr(text, "  info you\n"));
}

/* --- a standard output that takes nothing --- */

static void take_pipe(int fds[2]) {
    assert_int_equal(pipe(fds), 0);
    fcntl(fds[1], F_SETPIPE_SZ, 4096);
}

#define N_MANY 20000

static void a_full_pipe_holds_nobody_up(void **state) {
    (void)state;
    int fds[2];
    take_pipe(fds);
    uint64_t before = gw_log_dropped();
    start(fds[1], true);
    for (int i = 0; i < N_MANY; i++) /* nobody reads: it would wait for ever */
        gw_log(GW_LOG_INFO, "line %d", i);
    uint64_t dropped = gw_log_dropped() - before;
    assert_true(dropped > N_MANY / 2);
    unsigned n = read_lines_until(fds[0], "\"log lines were dropped\"");
    assert_int_equal(n + dropped, N_MANY);
    char *told = strstr(text, "\"dropped\":");
    assert_non_null(told);
    assert_int_equal(strtoull(told + strlen("\"dropped\":"), NULL, 10), dropped);
    gw_log(GW_LOG_INFO, "again");
    read_lines_until(fds[0], "\"again\"");
    stop();
    close(fds[0]);
    close(fds[1]);
}

static void a_pipe_that_does_not_block_loses_nothing(void **state) {
    (void)state;
    int fds[2];
    take_pipe(fds);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    uint64_t before = gw_log_dropped();
    start(fds[1], true);
    for (int i = 0; i < 500; i++)
        gw_log(GW_LOG_INFO, "line %d", i);
    gw_log(GW_LOG_INFO, "the last");
    assert_int_equal(read_lines_until(fds[0], "the last"), 500);
    stop();
    assert_int_equal(gw_log_dropped(), before);
    close(fds[0]);
    close(fds[1]);
}

static void what_a_full_disk_refuses_is_counted(void **state) {
    (void)state;
    int full = open("/dev/full", O_WRONLY), fd = new_file();
    uint64_t before = gw_log_dropped();
    start(full, true);
    gw_log(GW_LOG_INFO, "lost");
    gw_log_flush(10000);
    assert_int_equal(gw_log_dropped() - before, 1);
    dup2(fd, STDOUT_FILENO);
    gw_log(GW_LOG_INFO, "kept");
    stop();
    close(full);
    assert_non_null(strstr(read_back(fd), "\"kept\""));
    assert_null(strstr(text, "\"lost\""));
    assert_non_null(strstr(text, "\"log lines were dropped\",\"dropped\":1,"));
}

/* --- the end of a process --- */

/* Runs it in a process of its own, with `fd` as standard output; how that ended. */
static int run_apart(int fd, void (*act)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        start(fd, true);
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void fill_and_stop(void) {
    for (int i = 0; i < N_MANY; i++)
        gw_log(GW_LOG_INFO, "line %d", i);
    int64_t before_ms = gw_clock_ms();
    gw_log_stop();
    gw_log(GW_LOG_INFO, "nobody waits for this one");
    int64_t took_ms = gw_clock_ms() - before_ms;
    _exit(took_ms >= 900 && took_ms < 20000 ? 7 : 1);
}

static void the_end_does_not_wait_for_ever(void **state) {
    (void)state;
    int fds[2];
    take_pipe(fds);
    int status = run_apart(fds[1], fill_and_stop);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    close(fds[0]);
    close(fds[1]);
}

static void log_and_abort(void) {
    for (int i = 0; i < 100; i++)
        gw_log(GW_LOG_INFO, "line %d", i);
    abort();
}

static void what_was_logged_before_a_crash_is_written(void **state) {
    (void)state;
    int fd = new_file();
    int status = run_apart(fd, log_and_abort);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(count(read_back(fd), "\"message\":\"line "), 100);
}

static int keep_stdout(void **state) {
    (void)state;
    real_stdout = dup(STDOUT_FILENO);
    return 0;
}

static int forget_text(void **state) {
    (void)state;
    free(text);
    gw_log_end_thread();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_whole_and_in_order_for_each_thread),
        cmocka_unit_test(at_the_end_all_is_written),
        cmocka_unit_test(without_a_writer_it_is_written_at_once),
        cmocka_unit_test(what_a_long_line_took_is_given_back),
        cmocka_unit_test(the_level_may_change_meanwhile),
        cmocka_unit_test(what_repeats_is_folded_if_wished),
        cmocka_unit_test(it_tells_what_it_folded_by_itself),
        cmocka_unit_test(the_writer_makes_text_of_it),
        cmocka_unit_test(a_full_pipe_holds_nobody_up),
        cmocka_unit_test(a_pipe_that_does_not_block_loses_nothing),
        cmocka_unit_test(what_a_full_disk_refuses_is_counted),
        cmocka_unit_test(the_end_does_not_wait_for_ever),
        cmocka_unit_test(what_was_logged_before_a_crash_is_written),
    };
    return cmocka_run_group_tests_name("log_writer", tests, keep_stdout, forget_text);
}
