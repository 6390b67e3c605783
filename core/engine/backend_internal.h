/* Between backends.c, the list, and backend.c, the calls. Not for others. */
#ifndef GW_ENGINE_BACKEND_INTERNAL_H
#define GW_ENGINE_BACKEND_INTERNAL_H

#include "engine/backend.h"

#include <stdatomic.h>

/* What calls need of a backend's options. Never changed and never freed before the backend: a call
 * may begin while another thread defines the backend anew. */
struct gw_target {
    struct gw_target *next; /* of the backend's list */
    char *url;              /* owned; without a slash at its end */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    uint64_t max_response;
};

struct gw_backend {
    struct gw_backend *next;    /* of the list */
    char *name;                 /* owned */
    struct gw_breaker *breaker; /* owned */
    struct gw_target *targets;  /* owned: each there has been; guarded by the list's mutex */
    _Atomic(struct gw_target *) target; /* the one for new calls */
    _Atomic(const char *) last_error;   /* static text: what the last failure was */
};

#endif
