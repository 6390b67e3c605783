/* What the files of core/admin share: admin.c listens and dispatches, each other file answers what
 * belongs to its subject. Not for others. */
#ifndef GW_ADMIN_ADMIN_INTERNAL_H
#define GW_ADMIN_ADMIN_INTERNAL_H

#include "admin/admin.h"
#include "http/server.h"

struct gw_admin {
    const struct gw_settings *settings;
    struct gw_generations *generations; /* not owned */
    struct gw_server *server;           /* owned */
    int64_t started_ms;                 /* monotonic */
    struct gw_metric_sources metrics;
    struct gw_admin_sagas *sagas; /* owned; sagas.c's. NULL: there are none to ask for */
};

/* `number` is that of the path, where it has one. */
typedef void (*gw_admin_answer_fn)(struct gw_admin *admin, struct gw_exchange *exchange,
                                   unsigned number);

/* admin.c */
bool gw_admin_wants_text(const struct gw_exchange *exchange);
void gw_admin_reply(struct gw_exchange *exchange, const char *type, struct gw_buf *take_body);
void gw_admin_refuse(struct gw_exchange *exchange, unsigned status, const char *detail);

#define GW_ADMIN_JSON "application/json"
#define GW_ADMIN_TEXT "text/plain; charset=utf-8"

/* sagas.c: false if the path is none of theirs; the client has gone; the end. */
bool gw_admin_answer_sagas(struct gw_admin *admin, struct gw_exchange *exchange);
void gw_admin_abort_sagas(struct gw_exchange *exchange);
void gw_admin_free_sagas(struct gw_admin *admin);

/* metrics.c */
void gw_admin_metrics(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);

/* generations.c */
void gw_admin_status(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);
void gw_admin_list(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);
void gw_admin_diff(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);
void gw_admin_reload(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);
void gw_admin_roll_back(struct gw_admin *admin, struct gw_exchange *exchange, unsigned number);

#endif
