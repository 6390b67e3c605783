/* The admin listener: what operators ask of a running gateway, on an address of its own. It lives
 * on the control loop, so that it answers however busy the workers are, and a reload that it is
 * asked for is done before it answers. Owned by the gateway, used by the control thread only.
 *
 * Who may ask: whoever reaches the address, and knows ADMIN_TOKEN if that is set; but no page in a
 * browser that is not the listener's own, see guard.h. Each call is one line of the log; one that
 * only looks, and is answered, of its debug level.
 *
 * Answers are JSON, or plain text for people if the caller accepts text/plain first. What can be
 * asked is the table of calls.c, and described in openapi.json. */
#ifndef GW_ADMIN_ADMIN_H
#define GW_ADMIN_ADMIN_H

#include "admin/metrics.h"
#include "engine/jobs.h"
#include "engine/recent.h"
#include "lua/generations.h"

struct gw_admin;

/* What it answers for. Nothing is owned, and all of it outlives the listener. */
struct gw_admin_parts {
    const struct gw_settings *settings;
    struct gw_generations *generations;
    struct gw_backends *backends;
    struct gw_journal *journal;
    struct gw_jobs *jobs;
    struct gw_metric_sources metrics; /* what GET /metrics looks at */

    bool (*ready)(void *user, const char **reason);
    /* An operator has changed the saga of that number: the worker that has it is to look. */
    void (*look_at_saga)(void *user, int64_t number);
    struct gw_recent *(*recent)(void *user, unsigned worker); /* its last requests */
    void *user;
};

/* Listens at ADMIN_HOST and ADMIN_PORT. NULL, with one line in `error`, if it cannot. */
struct gw_admin *gw_admin_new(struct event_base *base, const struct gw_admin_parts *parts,
                              struct gw_buf *error);
uint16_t gw_admin_port(const struct gw_admin *admin);
void gw_admin_free(struct gw_admin *admin);

/* Once more, when the shutdown begins: as gw_server_leave(). */
void gw_admin_leave(struct gw_admin *admin);

/* Later, when the control loop ends: so do the event streams. */
void gw_admin_drain(struct gw_admin *admin);

#endif
