#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The supervisor's end: a socket of that name, where NOTIFY_SOCKET says. */
static int listen_at(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(address.sun_path, name, n);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_heard(int fd, const char *expected) {
    char text[64];
    ssize_t n = recv(fd, text, sizeof text, 0);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(text, expected, (size_t)n);
    close(fd);
}

static void a_path_is_told(void **state) {
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "/tmp/moongate-notify-%ld", (long)getpid());
    int fd = listen_at(name);
    gw_notify("READY=1");
    unlink(name);
    assert_heard(fd, "READY=1");
}

static void an_abstract_name_is_told(void **state) {
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@moongate-notify-%ld", (long)getpid());
    int fd = listen_at(name);
    gw_notify("STOPPING=1");
    assert_heard(fd, "STOPPING=1");
}

static void nobody_is_told_nothing(void **state) {
    (void)state;
    char longest[200] = "/";
    memset(longest + 1, 'x', sizeof longest - 2);
    const char *const names[] = {"", "/", "@", "relative", "/nowhere/at/all", longest};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        gw_notify("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
    gw_notify("READY=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_told),
        cmocka_unit_test(an_abstract_name_is_told),
        cmocka_unit_test(nobody_is_told_nothing),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
