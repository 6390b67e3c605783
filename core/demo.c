#include "demo.h"

#include "base/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GATEWAY, INVENTORY, PRICING, N_PROCESSES };

static pid_t processes[N_PROCESSES];

/* --- flags --- */

#define MAX_FLAGS 128

struct demo {
    struct gw_settings settings; /* the gateway's */
    const char *scripts_dir;
    const char *ports[N_PROCESSES];
    char gateway_port[8];
    char *flags[MAX_FLAGS]; /* the gateway's, without ours */
    int n_flags;
};

static const char *env_or(const char *variable, const char *otherwise) {
    const char *value = getenv(variable);
    return value && *value ? value : otherwise;
}

/* The value of "--name=value" or of "--name value", which takes up the next one. NULL: another
 * flag. */
static const char *value_of(const char *name, int argc, char **argv, int *i) {
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    return argv[*i][n] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

static void sort_flags(struct demo *demo, int argc, char **argv) {
    const char *value;
    for (int i = 0; i < argc; i++) {
        if ((value = value_of("--inventory-port", argc, argv, &i)))
            demo->ports[INVENTORY] = value;
        else if ((value = value_of("--pricing-port", argc, argv, &i)))
            demo->ports[PRICING] = value;
        else if (demo->n_flags < MAX_FLAGS)
            demo->flags[demo->n_flags++] = argv[i];
    }
}

static bool is_port(const char *text) {
    uint64_t port;
    return gw_str_to_u64(gw_str_from(text), 65535, &port) && port > 0;
}

static bool check_ports(const struct demo *demo) {
    for (int i = 0; i < N_PROCESSES; i++) {
        if (!is_port(demo->ports[i])) {
            fprintf(stderr, "moongate: demo: \"%s\" is not a port from 1 to 65535\n",
                    demo->ports[i]);
            return false;
        }
        for (int k = 0; k < i; k++)
            if (strcmp(demo->ports[i], demo->ports[k]) == 0) {
                fprintf(stderr, "moongate: demo: port %s is given twice\n", demo->ports[i]);
                return false;
            }
    }
    return true;
}

static bool read_flags(struct demo *demo, int argc, char **argv, const char *scripts_dir) {
    struct gw_buf error = {0};
    demo->ports[INVENTORY] = env_or("INVENTORY_PORT", "8001");
    demo->ports[PRICING] = env_or("PRICING_PORT", "8002");
    sort_flags(demo, argc, argv);
    bool ok = gw_settings_load(&demo->settings, demo->n_flags, demo->flags, &error);
    if (!ok)
        fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    gw_buf_fini(&error);
    snprintf(demo->gateway_port, sizeof demo->gateway_port, "%u", (unsigned)demo->settings.port);
    demo->ports[GATEWAY] = demo->gateway_port;
    demo->scripts_dir = demo->settings.scripts_dir ? demo->settings.scripts_dir : scripts_dir;
    return ok && check_ports(demo);
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

/* A folder of its own, since one gateway has one for itself. If it cannot be made, the backend says
 * so. NULL: in memory. */
static char *data_folder(const struct demo *demo, const char *name) {
    struct gw_buf path = {0};
    if (!demo->settings.data_dir)
        return NULL;
    gw_buf_printf(&path, "%s/%s", demo->settings.data_dir, name);
    gw_buf_append_char(&path, '\0');
    mkdir(path.data, 0700);
    return path.data;
}

static pid_t spawn_backend(const struct demo *demo, const char *name, const char *port) {
    char folder[4096], *data = data_folder(demo, name);
    snprintf(folder, sizeof folder, "%s/demo/%s", demo->scripts_dir, name);
    char *argv[] = {"moongate",
                    "serve",
                    "--scripts-dir",
                    folder,
                    "--host",
                    "127.0.0.1",
                    "--port",
                    (char *)port,
                    "--workers",
                    "1",
                    "--drain-seconds",
                    "0",
                    "--log-level",
                    "error",
                    "--otel-service-name",
                    (char *)name,
                    "--admin-host",
                    "127.0.0.1",
                    "--admin-port",
                    "0",
                    data ? "--data-dir" : NULL,
                    data,
                    NULL};
    pid_t pid = spawn(argv);
    free(data);
    return pid;
}

/* Ours first, so that the user's come later and win. */
static pid_t spawn_gateway(const struct demo *demo) {
    char *argv[MAX_FLAGS + 10] = {
        "moongate", "serve", "--scripts-dir", (char *)demo->scripts_dir, "--drain-seconds", "0"};
    int n = 6;
    if (demo->settings.data_dir) {
        argv[n++] = "--data-dir";
        argv[n++] = (char *)demo->settings.data_dir;
    }
    memcpy(argv + n, demo->flags, (size_t)demo->n_flags * sizeof *argv);
    return spawn(argv);
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
    struct demo demo = {0};
    struct sigaction action = {.sa_handler = on_signal};
    if (!read_flags(&demo, argc, argv, scripts_dir))
        return 2;
    set_url("INVENTORY_SERVICE_URL", demo.ports[INVENTORY]);
    set_url("PRICING_SERVICE_URL", demo.ports[PRICING]);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    unsetenv("DATA_DIR"); /* each is told its own */
    processes[INVENTORY] = spawn_backend(&demo, "inventory", demo.ports[INVENTORY]);
    processes[PRICING] = spawn_backend(&demo, "pricing", demo.ports[PRICING]);
    processes[GATEWAY] = spawn_gateway(&demo);
    print_hints(demo.ports[GATEWAY]);
    return wait_for_all();
}
