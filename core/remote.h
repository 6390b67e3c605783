/* The commands that ask a running gateway, by its admin listener: reload, generations, rollback. */
#ifndef GW_REMOTE_H
#define GW_REMOTE_H

#include "base/settings.h"

bool gw_remote_is_command(const char *command);

/* `number` is what stands behind the command, NULL: nothing. Prints the answer; returns the exit
 * code: 0, or 1 if it could not be done, 2 if `number` is none. */
int gw_remote_run(const struct gw_settings *settings, const char *command, const char *number);

#endif
