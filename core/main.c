/* The command line: subcommands and exit codes. 0: fine; 1: it could not be done, with one line
 * that says why; 2: wrong usage or a bad setting, with one line that names it. */
#include "base/settings.h"
#include "base/version.h"
#include "check.h"
#include "command.h"
#include "demo.h"
#include "gateway.h"
#include "remote.h"
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int usage(FILE *out, int code) {
    struct gw_buf settings = {0};
    gw_settings_help(&settings);
    fprintf(
        out,
        "usage: moongate COMMAND [--SETTING VALUE ...]\n\n"
        "  serve      run the gateway\n"
        "  check      [DIR] [--run] [--json]: say what is wrong with the scripts\n"
        "  routes     [DIR] [--json]: list the routes: method, pattern, deadline, file and line\n"
        "  test       [DIR] [-- BUSTED'S OWN]: run the scripts' specs, DIR/spec/*_spec.lua\n"
        "  status     how it goes with a running gateway\n"
        "  reload     have a running gateway load its scripts anew\n"
        "  generations [N]\n"
        "             list the scripts it has had live, or how N differs from those of now\n"
        "  rollback [N]\n"
        "             have it go back to N, or to the last that differ from those of now\n"
        "  backends   [NAME]: the backends it has, and how they are\n"
        "  breaker NAME force-open|close|reset|disable\n"
        "             have no call reach a backend, or every one; or end that\n"
        "  requests   [ID]: its last requests, or those of a correlation id; one, and where its\n"
        "             time went\n"
        "  sagas      [--open] [ID]: what it has to undo, and has done; one with its steps\n"
        "  retry ID   have it try now what it could not undo\n"
        "  resolve ID --reason TEXT\n"
        "             have it leave that alone\n"
        "  jobs       [--kind KIND] [--status STATUS] [ID]: its background jobs\n"
        "  cancel ID  have it not do one\n"
        "  log-level  [debug|info|warn|error]: how much it logs, or is to log\n"
        "  demo       run the gateway with both demo backends\n"
        "             (--inventory-port 8001, --pricing-port 8002)\n"
        "  version    print the version\n\n"
        "Each setting is an environment variable, or a flag that overrides it (PORT, --port):\n\n"
        "%.*s",
        GW_STR_ARG(gw_buf_str(&settings)));
    gw_buf_fini(&settings);
    return code;
}

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* ./scripts, else those beside the binary: in a checkout (build/moongate) or installed
 * (bin/moongate and share/moongate/scripts). */
static const char *default_scripts_dir(void) {
    static const char *const beside[] = {"/../scripts", "/../../scripts",
                                         "/../share/moongate/scripts"};
    static char found[PATH_MAX + 64];
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (is_folder("scripts") || n <= 0)
        return "scripts";
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        snprintf(found, sizeof found, "%s%s", exe, beside[i]);
        if (is_folder(found))
            return found;
    }
    return "scripts";
}

static bool load_settings(struct gw_settings *settings, int argc, char **argv) {
    struct gw_buf error = {0};
    bool ok = gw_settings_load(settings, argc, argv, &error);
    if (!ok)
        fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    else if (!settings->scripts_dir)
        settings->scripts_dir = default_scripts_dir();
    gw_buf_fini(&error);
    return ok;
}

/* The commands that work on the scripts without serving them. -1: `command` is none of them. */
static int work_on_scripts(const char *command, int argc, char **argv) {
    struct gw_settings settings;
    bool check = strcmp(command, "check") == 0, routes = strcmp(command, "routes") == 0;
    if (!check && !routes && strcmp(command, "test") != 0)
        return -1;
    const char *switches = check ? "--json --run" : routes ? "--json" : "";
    struct gw_words words = gw_command_take(switches, &argc, argv);
    if (!load_settings(&settings, argc, argv))
        return 2;
    if (words.folder)
        settings.scripts_dir = words.folder;
    return check    ? gw_check_run(&settings, words.json, words.run)
           : routes ? gw_check_routes(&settings, words.json)
                    : gw_test_run(&settings, words.n_rest, words.rest);
}

static int ask_gateway(const char *command, int argc, char **argv) {
    struct gw_settings settings;
    struct gw_remote_words words = gw_remote_take(&argc, argv);
    if (!load_settings(&settings, argc, argv))
        return 2;
    return gw_remote_run(&settings, command, &words);
}

static int serve_gateway(const struct gw_settings *settings) {
    struct gw_buf error = {0};
    bool ok = gw_settings_check_serve(settings, &error);
    if (!ok)
        fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    gw_buf_fini(&error);
    return ok ? gw_gateway_run(settings) : 2;
}

/* Where one of the three is closed, the next file or connection would take its place, and the log
 * be written into it. */
static void hold_standard_streams(void) {
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv) {
    hold_standard_streams();
    if (argc < 2)
        return usage(stderr, 2);
    const char *command = argv[1];
    struct gw_settings settings;
    argc -= 2;
    argv += 2;
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0)
        return printf("moongate %s\n", gw_version) > 0 ? 0 : 1;
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0)
        return usage(stdout, 0);
    if (strcmp(command, "demo") == 0)
        return gw_demo_run(argc, argv, default_scripts_dir());
    int code = work_on_scripts(command, argc, argv);
    if (code >= 0)
        return code;
    if (gw_remote_is_command(command))
        return ask_gateway(command, argc, argv);
    if (strcmp(command, "serve") != 0) {
        fprintf(stderr, "moongate: no command '%s'; `moongate help` lists them\n", command);
        return 2;
    }
    if (!load_settings(&settings, argc, argv))
        return 2;
    return serve_gateway(&settings);
}
