/* Whether a request to the admin listener is to be answered. Besides the token this is about
 * browsers: any page in the world can make one send requests to 127.0.0.1, by a form (then Origin
 * or Sec-Fetch-Site says so) or by a name of its own that it makes point there (then Host does). */
#ifndef GW_ADMIN_GUARD_H
#define GW_ADMIN_GUARD_H

#include "base/settings.h"
#include "http/message.h"

/* The status to refuse it with, and why; 0: it may pass. `port` is the listener's. */
unsigned gw_admin_guard(const struct gw_settings *settings, uint16_t port,
                        const struct gw_message *message, const char **detail);

/* The same for the dashboard's own files, which have no data: the token is not asked for, and a
 * link to the page may stand anywhere. */
unsigned gw_admin_guard_file(const struct gw_settings *settings, uint16_t port,
                             const struct gw_message *message, const char **detail);

#endif
