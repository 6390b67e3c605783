/* The gateway: owns the workers, the live generation and everything they share; its own thread, the
 * caller's, is the control loop (signals and the shutdown). */
#ifndef GW_GATEWAY_H
#define GW_GATEWAY_H

#include "base/settings.h"

/* Serves until SIGTERM or SIGINT and returns the exit code: 0 after an orderly end, 1 if it could
 * not start, with one line on standard error. */
int gw_gateway_run(const struct gw_settings *settings);

#endif
