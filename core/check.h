/* The commands that load the scripts without serving them: what is wrong with them, and which routes
 * they declare. */
#ifndef GW_CHECK_H
#define GW_CHECK_H

#include "base/settings.h"

/* Loads the scripts as a worker would, without a socket, and prints what is wrong with them, or one
 * line per route if `list` is set. Returns the exit code. */
int gw_check_run(const struct gw_settings *settings, bool list);

#endif
