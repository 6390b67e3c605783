/* The commands that say what is in the scripts, without serving them: what is wrong with them, and
 * which routes they declare. Both return the exit code: 0, 1 if the scripts are at fault, 2 if the
 * folder cannot be read. */
#ifndef GW_CHECK_H
#define GW_CHECK_H

#include "base/settings.h"

/* Prints all that is wrong, sorted by file and line, as "file:line:column: message" on standard
 * error, or as a JSON array on standard output. `run`: also calls each route, see gateway.check. */
int gw_check_run(const struct gw_settings *settings, bool json, bool run);

/* Prints a line per route, or a JSON array. */
int gw_check_routes(const struct gw_settings *settings, bool json);

#endif
