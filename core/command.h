/* The words of a command line that are the command's own: a folder, switches, and what stands after
 * "--". What is left are flags of settings (base/settings.h). */
#ifndef GW_COMMAND_H
#define GW_COMMAND_H

#include <stdbool.h>

/* Points into argv. */
struct gw_words {
    const char *folder; /* NULL: none was given */
    bool json, run;     /* --json, --run */
    char **rest;        /* after "--" */
    int n_rest;
};

/* Takes its words out of argv[0..*argc), so that the flags of settings are left. `switches` are
 * those that this command has: "--json --run". */
struct gw_words gw_command_take(const char *switches, int *argc, char **argv);

#endif
