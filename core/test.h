/* The command that runs an operator's own specs: busted, inside this binary, over the scripts in
 * their sandbox and a gateway of virtual time (gateway.testing). Needs Debian's lua-busted. */
#ifndef GW_TEST_H
#define GW_TEST_H

#include "base/settings.h"

/* Runs SCRIPTS_DIR/spec; the further arguments are busted's. Returns the exit code: 0, 1 if a spec
 * failed, 2 if there are none or busted is missing. */
int gw_test_run(const struct gw_settings *settings, int argc, char **argv);

#endif
