#include "demo.h"

#include "base/buf.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GATEWAY, INVENTORY, PRICING, N_PROCESSES };

static pid_t processes[N_PROCESSES];

/* --- flags --- */

/* The value of "--name=value" or "--name value" in argv, or of the variable, or the default. */
static const char *find_flag(int argc, char **argv, const char *flag, const char *variable,
                             const char *otherwise) {
    size_t n = strlen(flag);
    const char *value = getenv(variable);
    if (!value || !*value)
        value = otherwise;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], flag, n) == 0 && argv[i][n] == '=')
            value = argv[i] + n + 1;
        else if (strcmp(argv[i], flag) == 0 && i + 1 < argc)
            value = argv[i + 1];
    }
    return value;
}

static bool is_port(const char *text) {
    uint64_t port;
    return gw_str_to_u64(gw_str_from(text), 65535, &port) && port > 0;
}

/* --- processes --- */

/* A child ends with its parent, also if that is killed. */
static pid_t spawn(char **argv) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    execv("/proc/self/exe", argv);
    fprintf(stderr, "moongate: cannot start: %s\n", strerror(errno));
    _exit(1);
}

static pid_t spawn_backend(const char *scripts_dir, const char *name, const char *port) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/demo/%s", scripts_dir, name);
    char *argv[] = {"moongate",        "serve",  "--scripts-dir", folder,      "--host",
                    "127.0.0.1",       "--port", (char *)port,    "--workers", "1",
                    "--drain-seconds", "0",      "--log-level",   "warn",      NULL};
    return spawn(argv);
}

static bool is_own(const char *flag) {
    return strncmp(flag, "--inventory-port", 16) == 0 || strncmp(flag, "--pricing-port", 14) == 0;
}

/* The gateway's flags: ours first, so that the user's come later and win. */
static pid_t spawn_gateway(int argc, char **argv, const char *scripts_dir) {
    char *flags[128] = {"moongate",          "serve",           "--scripts-dir",
                        (char *)scripts_dir, "--drain-seconds", "0"};
    int n = 6;
    for (int i = 0; i < argc && n < 127; i++) {
        if (is_own(argv[i]))
            i += strchr(argv[i], '=') ? 0 : 1;
        else
            flags[n++] = argv[i];
    }
    return spawn(flags);
}

static void set_url(const char *variable, const char *port) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%s", port);
    setenv(variable, url, 1);
}

static void print_hints(const char *port) {
    printf("\nMoongate demo: the gateway on :%s, with inventory and pricing behind it. Try:\n\n"
           "  curl -s localhost:%s/api/v1/products/TEST-001\n"
           "  curl -s localhost:%s/api/v1/orders -H 'content-type: application/json' \\\n"
           "       -d '{\"items\":[{\"productId\":\"TEST-001\",\"quantity\":2}],"
           "\"discountCodes\":[\"SUMMER20\"]}'\n"
           "  curl -s localhost:%s/health/backends\n\n"
           "Ctrl-C ends it.\n\n",
           port, port, port, port);
    fflush(stdout);
}

static void on_signal(int number) {
    for (int i = 0; i < N_PROCESSES; i++)
        if (processes[i] > 0)
            kill(processes[i], number == SIGINT ? SIGTERM : number);
}

/* Waits for all; the first that ends takes the others with it. */
static int wait_for_all(void) {
    int result = 0, status;
    for (pid_t pid; (pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR;) {
        if (pid <= 0)
            continue;
        for (int i = 0; i < N_PROCESSES; i++)
            if (processes[i] == pid)
                processes[i] = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            result = 1;
        on_signal(SIGTERM);
    }
    return result;
}

int gw_demo_run(int argc, char **argv, const char *scripts_dir) {
    const char *port = find_flag(argc, argv, "--port", "PORT", "8000");
    const char *inventory = find_flag(argc, argv, "--inventory-port", "INVENTORY_PORT", "8001");
    const char *pricing = find_flag(argc, argv, "--pricing-port", "PRICING_PORT", "8002");
    if (!is_port(port) || !is_port(inventory) || !is_port(pricing)) {
        fprintf(stderr, "moongate: demo: a port is a number from 1 to 65535\n");
        return 2;
    }
    set_url("INVENTORY_SERVICE_URL", inventory);
    set_url("PRICING_SERVICE_URL", pricing);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    processes[INVENTORY] = spawn_backend(scripts_dir, "inventory", inventory);
    processes[PRICING] = spawn_backend(scripts_dir, "pricing", pricing);
    processes[GATEWAY] = spawn_gateway(argc, argv, scripts_dir);
    print_hints(port);
    return wait_for_all();
}
