/* The admin listener: what operators ask of a running gateway, on an address of its own. It lives
 * on the control loop, so that it answers however busy the workers are, and a reload that it is
 * asked for is done before it answers. Owned by the gateway, used by the control thread only.
 *
 * Who may ask: whoever reaches the address, and knows ADMIN_TOKEN if that is set; but no page in a
 * browser that is not the listener's own, see guard.h. Each call is one line of the log.
 *
 * Answers are JSON, or plain text for people if the caller accepts text/plain first. */
#ifndef GW_ADMIN_ADMIN_H
#define GW_ADMIN_ADMIN_H

#include "admin/metrics.h"
#include "engine/journal.h"
#include "lua/generations.h"

struct gw_admin;

/* Listens at ADMIN_HOST and ADMIN_PORT. NULL, with one line in `error`, if it cannot. `generations`
 * is not owned. */
struct gw_admin *gw_admin_new(struct event_base *base, const struct gw_settings *settings,
                              struct gw_generations *generations, struct gw_buf *error);
/* It also answers what is asked of sagas. `look_at` tells the workers of one that an operator has
 * changed, by its number. Nothing is owned; the journal ends after it. */
void gw_admin_serve_sagas(struct gw_admin *admin, struct event_base *base,
                          struct gw_journal *journal, void (*look_at)(void *user, int64_t number),
                          void *user);
/* It also answers GET /metrics, from these. */
void gw_admin_serve_metrics(struct gw_admin *admin, const struct gw_metric_sources *sources);
uint16_t gw_admin_port(const struct gw_admin *admin);
void gw_admin_free(struct gw_admin *admin);

/* Once more, when the shutdown begins: as gw_server_leave(). */
void gw_admin_leave(struct gw_admin *admin);

#endif
