/* The commands that ask a running gateway, by its admin listener: status, reload, generations,
 * rollback; backends, breaker; requests; sagas, retry, resolve; jobs, cancel; log-level. */
#ifndef GW_REMOTE_H
#define GW_REMOTE_H

#include "base/settings.h"

bool gw_remote_is_command(const char *command);

#define GW_REMOTE_MAX_WORDS 2

/* What stands behind the command. */
struct gw_remote_words {
    const char *words[GW_REMOTE_MAX_WORDS]; /* a number, a name, an id; NULL: there is none */
    bool open;                              /* --open */
    const char *reason, *kind, *status;     /* --reason TEXT and so on; NULL: not there */
};

/* Takes them out of the arguments; what is left are settings. */
struct gw_remote_words gw_remote_take(int *argc, char **argv);

/* Prints the answer; returns the exit code: 0, or 1 if it could not be done, 2 for words that do
 * not belong to the command. */
int gw_remote_run(const struct gw_settings *settings, const char *command,
                  const struct gw_remote_words *words);

#endif
