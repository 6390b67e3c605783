/* Names and certificates: what happens before a connection may be used. The resolver is this
 * file's own: libcurl's threads call the getaddrinfo() below. */
#include "client_fixture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

static atomic_bool name_exists = true, name_is_slow;
static atomic_int lookups, lookups_ended;

static int real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                            struct addrinfo **out) {
    typedef int function(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    function *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host, service, hints, out);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    if (strcmp(host, "backend.test") != 0)
        return real_getaddrinfo(host, service, hints, out);
    atomic_fetch_add(&lookups, 1);
    while (name_is_slow)
        usleep(1000);
    int outcome = name_exists ? real_getaddrinfo("127.0.0.1", service, hints, out) : EAI_NONAME;
    atomic_fetch_add(&lookups_ended, 1);
    return outcome;
}

static struct gw_call_request request_by_name(struct world *w) {
    snprintf(w->url, sizeof w->url, "http://backend.test:%u/", w->peer->port);
    name_exists = true;
    return request_to(w->url);
}

static void resolves_a_name_once(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_by_name(w);
    int before = lookups;
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
    assert_int_equal(lookups, before + 1);
    assert_int_equal(w->peer->accepted, 1);
}

static void tells_a_name_that_does_not_exist(void **state) {
    struct world *w = *state;
    struct answer answer;
    struct gw_call_request request = request_by_name(w);
    name_exists = false;
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_DNS);
    name_exists = true; /* it was not there yet: that is not remembered */
    call(w, &request, &answer);
    assert_ok(&answer, 200, "ok");
}

/* The loop is never held up by a resolver: not while it works, not when its call is given up. */
static void a_slow_resolver_holds_nothing_up(void **state) {
    struct world *w = *state;
    struct answer slow, cancelled, other;
    struct gw_call_request request = request_by_name(w);
    int before = lookups;
    name_is_slow = true;
    request.connect_timeout_ms = 50;
    start(w, &request, &slow);
    struct gw_call *waiting = start(w, &request, &cancelled);
    RUN_UNTIL(w->base, lookups == before + 2);
    gw_call_cancel(waiting);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", w->peer->port);
    struct gw_call_request by_address = request_to(url);
    call(w, &by_address, &other);
    assert_ok(&other, 200, "ok");
    wait_for(w, &slow);
    assert_int_equal(slow.outcome, GW_CALL_DNS);
    assert_int_equal(cancelled.times, 0);
    assert_int_equal(lookups_ended, before);
    name_is_slow = false;
    RUN_UNTIL(w->base, lookups_ended == before + 2);
}

/* --- TLS, with openssl's own server --- */

extern char **environ;

struct tls_server {
    pid_t pid;
    FILE *says;
    unsigned port;
    char folder[64], key[96], certificate[96];
};

static pid_t spawn(const char *const argv[], int out) {
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int outcome = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return outcome == 0 ? pid : -1;
}

static bool make_certificate(const struct tls_server *server) {
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-keyout",
                                server->key,
                                "-out",
                                server->certificate,
                                "-days",
                                "2",
                                "-subj",
                                "/CN=test",
                                "-addext",
                                "subjectAltName=IP:127.0.0.1",
                                NULL};
    int status;
    pid_t pid = spawn(argv, STDERR_FILENO);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* It says "ACCEPT 127.0.0.1:port" once it listens. */
static void read_port(struct tls_server *server) {
    char line[256];
    while (!server->port && fgets(line, sizeof line, server->says)) {
        if (strncmp(line, "ACCEPT", 6) == 0)
            server->port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
    }
}

static bool tls_server_start(struct tls_server *server) {
    *server = (struct tls_server){.folder = "/tmp/moongate-test-XXXXXX"};
    if (!mkdtemp(server->folder))
        abort();
    snprintf(server->key, sizeof server->key, "%s/key", server->folder);
    snprintf(server->certificate, sizeof server->certificate, "%s/certificate", server->folder);
    if (!make_certificate(server))
        return false;
    const char *const argv[] = {
        "openssl",           "s_server", "-accept",   "127.0.0.1:0", "-cert",
        server->certificate, "-key",     server->key, "-www",        NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    server->pid = spawn(argv, ends[1]);
    close(ends[1]);
    server->says = fdopen(ends[0], "r");
    read_port(server);
    return server->port > 0;
}

static void tls_server_stop(struct tls_server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        fclose(server->says);
    }
    unlink(server->key);
    unlink(server->certificate);
    rmdir(server->folder);
}

/* With a handle that has connected for http:// before. */
static struct answer get_over_tls(const struct tls_server *server, const char *ca_file) {
    struct gw_client_options options = {
        .max_connections = 4, .max_idle_connections = 2, .ca_file = ca_file};
    void *state = world_new(&options);
    struct world *w = state;
    struct answer answer;
    get(w, &answer);
    assert_ok(&answer, 200, "ok");
    snprintf(w->url, sizeof w->url, "https://127.0.0.1:%u/", server->port);
    get(w, &answer);
    end(&state);
    return answer;
}

static void trusts_only_who_is_vouched_for(void **state) {
    (void)state;
    struct tls_server server;
    if (!tls_server_start(&server)) {
        tls_server_stop(&server);
        skip(); /* no openssl on this machine */
    }
    struct answer answer = get_over_tls(&server, NULL);
    assert_int_equal(answer.outcome, GW_CALL_TLS);
    answer = get_over_tls(&server, server.certificate);
    assert_int_equal(answer.outcome, GW_CALL_OK);
    assert_int_equal(answer.status, 200);
    answer = get_over_tls(&server, "/nowhere/ca.pem");
    assert_int_equal(answer.outcome, GW_CALL_TLS);
    tls_server_stop(&server);
}

static void tells_who_speaks_no_tls(void **state) {
    struct world *w = *state;
    struct answer answer;
    snprintf(w->url, sizeof w->url, "https://127.0.0.1:%u/", w->peer->port);
    w->peer->script = peer_answers;
    struct gw_call_request request = request_to(w->url);
    request.connect_timeout_ms = 100; /* the server waits for the rest of what it was sent */
    call(w, &request, &answer);
    assert_int_equal(answer.outcome, GW_CALL_CONNECT);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(resolves_a_name_once),
        TEST(tells_a_name_that_does_not_exist),
        TEST(a_slow_resolver_holds_nothing_up),
        cmocka_unit_test(trusts_only_who_is_vouched_for),
        TEST(tells_who_speaks_no_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
