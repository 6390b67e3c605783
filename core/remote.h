/* The commands that ask a running gateway, by its admin listener: reload, generations, rollback;
 * sagas, retry, resolve. */
#ifndef GW_REMOTE_H
#define GW_REMOTE_H

#include "base/settings.h"

bool gw_remote_is_command(const char *command);

/* What stands behind the command. */
struct gw_remote_words {
    const char *word;   /* the number of a generation, or the id of a saga; NULL: none */
    bool open;          /* --open */
    const char *reason; /* --reason TEXT; NULL: none */
};

/* Takes them out of the arguments; what is left are settings. */
struct gw_remote_words gw_remote_take(int *argc, char **argv);

/* Prints the answer; returns the exit code: 0, or 1 if it could not be done, 2 for words that do
 * not belong to the command. */
int gw_remote_run(const struct gw_settings *settings, const char *command,
                  const struct gw_remote_words *words);

#endif
