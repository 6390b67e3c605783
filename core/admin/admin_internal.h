/* What the files of core/admin share: admin.c listens, calls.c knows who answers what, reply.c how;
 * each other file answers what belongs to its subject. Not for others. */
#ifndef GW_ADMIN_ADMIN_INTERNAL_H
#define GW_ADMIN_ADMIN_INTERNAL_H

#include "admin/admin.h"
#include "admin/body.h"
#include "admin/query.h"
#include "base/embedded.h"
#include "http/server.h"

struct gw_admin {
    struct gw_admin_parts parts;
    struct gw_server *server;             /* owned */
    struct gw_router *router;             /* owned; leads to the index of a call */
    int64_t started_ms;                   /* monotonic */
    struct gw_admin_events *events;       /* owned; events.c's */
    struct gw_journal_port *journal_port; /* owned; for questions about sagas */
    struct gw_job_runner *jobs;           /* owned; runs none, for questions about jobs */
};

/* --- A call --- */

/* One request as it reaches who answers it. Lives until that returns; the exchange lives on. */
struct gw_admin_question {
    struct gw_admin *admin;
    struct gw_exchange *exchange;
    struct gw_str param; /* what the path has in place of the call's ":name", decoded; else "" */
    struct gw_query *query;
    struct gw_body *body; /* without members if there was none */
};

typedef void (*gw_admin_answer_fn)(const struct gw_admin_question *question);

struct gw_admin_call {
    const char *method, *path; /* as a route's; HEAD comes with GET */
    const char *query;         /* the names that its query may have, with spaces between them */
    const char *members;       /* likewise, of the JSON object that is its body */
    gw_admin_answer_fn answer;
};

/* calls.c: ends with a NULL method. */
extern const struct gw_admin_call gw_admin_calls[];
struct gw_router *gw_admin_new_router(void);
void gw_admin_dispatch(struct gw_admin *admin, struct gw_exchange *exchange);

/* --- Answers: reply.c --- */

#define GW_ADMIN_JSON "application/json"
#define GW_ADMIN_TEXT "text/plain; charset=utf-8"

bool gw_admin_wants_text(const struct gw_exchange *exchange);
void gw_admin_reply(struct gw_exchange *exchange, const char *type, struct gw_buf *take_body);
void gw_admin_refuse(struct gw_exchange *exchange, unsigned status, const char *detail);

/* What the query, or the body, complains of. */
void gw_admin_refuse_query(const struct gw_admin_question *question);
void gw_admin_refuse_body(const struct gw_admin_question *question);

/* An exchange that is answered later, embedded in what is kept for it meanwhile. */
struct gw_admin_pending {
    struct gw_exchange *exchange;
    void (*on_abort)(struct gw_admin_pending *pending); /* the client has gone: end and free it */
};
void gw_admin_await(struct gw_admin_pending *pending, struct gw_exchange *exchange,
                    void (*on_abort)(struct gw_admin_pending *pending));
struct gw_exchange *gw_admin_settle(struct gw_admin_pending *pending); /* to be answered now */
void gw_admin_abort(struct gw_exchange *exchange);

/* files.gen.c: what is in core/admin beside C, by its path there. */
extern const struct gw_embedded gw_admin_files[];

/* --- Who answers --- */

/* status.c; the first one for events.c, too */
void gw_admin_append_failure(struct gw_buf *out, const struct gw_generations *generations);
void gw_admin_status(const struct gw_admin_question *question);

/* events.c */
struct gw_admin_events *gw_admin_events_new(struct gw_admin *admin, struct event_base *base);
void gw_admin_events_end(struct gw_admin_events *events); /* of all streams */
void gw_admin_events_free(struct gw_admin_events *events);
void gw_admin_events(const struct gw_admin_question *question);

/* generations.c; the first three for status.c, too */
const struct gw_record *gw_admin_live_record(const struct gw_admin *admin);
void gw_admin_append_record(struct gw_buf *out, const struct gw_record *record); /* its members */
/* A member, "errors". `sources` are those that have them, for an excerpt; NULL: they are not known.
 */
void gw_admin_append_faults(struct gw_buf *out, struct gw_str errors,
                            const struct gw_sources *sources);
void gw_admin_generations(const struct gw_admin_question *question);
void gw_admin_diff(const struct gw_admin_question *question);
void gw_admin_reload(const struct gw_admin_question *question);
void gw_admin_roll_back(const struct gw_admin_question *question);

/* backends.c; the first two for whoever else shows backends: the live scripts' by name, to be freed
 * by the caller; and one as the members of an object */
struct gw_backend **gw_admin_sorted_backends(const struct gw_admin *admin, unsigned *n);
void gw_admin_append_backend(struct gw_buf *out, struct gw_backend *backend);
void gw_admin_backends(const struct gw_admin_question *question);
void gw_admin_backend(const struct gw_admin_question *question);
void gw_admin_force_open(const struct gw_admin_question *question);
void gw_admin_close(const struct gw_admin_question *question);
void gw_admin_reset(const struct gw_admin_question *question);
void gw_admin_disable(const struct gw_admin_question *question);

/* routes.c */
void gw_admin_routes(const struct gw_admin_question *question);

/* jobs.c */
void gw_admin_jobs(const struct gw_admin_question *question);
void gw_admin_job(const struct gw_admin_question *question);
void gw_admin_cancel_job(const struct gw_admin_question *question);

/* log_level.c */
void gw_admin_log_level(const struct gw_admin_question *question);
void gw_admin_set_log_level(const struct gw_admin_question *question);

/* openapi.c */
void gw_admin_openapi(const struct gw_admin_question *question);

/* metrics.c */
void gw_admin_metrics(const struct gw_admin_question *question);

/* requests.c */
void gw_admin_requests(const struct gw_admin_question *question);
void gw_admin_request(const struct gw_admin_question *question);

/* sagas.c */
void gw_admin_sagas(const struct gw_admin_question *question);
void gw_admin_saga(const struct gw_admin_question *question);
void gw_admin_retry_saga(const struct gw_admin_question *question);
void gw_admin_resolve_saga(const struct gw_admin_question *question);

#endif
