/* Which route answers a request. Built once per generation, then only read, so it needs no lock.
 *
 * A pattern is "/segment/:param/..." : literal segments, written unescaped, and parameters, each
 * matching exactly one segment that is not empty. Literals win over parameters, segment by segment
 * from the left, with backtracking. How the path of a request is read, path.h says. A trailing
 * slash is a segment of its own (empty): "/a" and "/a/" are different paths. */
#ifndef GW_POLICY_ROUTER_H
#define GW_POLICY_ROUTER_H

#include "base/buf.h"

#define GW_ROUTER_MAX_PARAMS 16

struct gw_router;

struct gw_route_param {
    struct gw_str name;  /* points into the router */
    struct gw_str value; /* points into the match's `decoded`; never holds a NUL */
};

/* Where a lookup puts its answer. All zero to start with; reuse it for many lookups; fini at the
 * end. Values live until the next lookup or fini. */
struct gw_route_match {
    int route; /* as given to gw_router_add() */
    unsigned n_params;
    struct gw_route_param params[GW_ROUTER_MAX_PARAMS];
    struct gw_buf decoded; /* owned: the decoded segments */
    struct gw_buf allow;   /* owned: as "GET, HEAD, OPTIONS", where the outcome says so */
};

enum gw_route_outcome {
    GW_ROUTE_FOUND,
    GW_ROUTE_NOT_FOUND,
    GW_ROUTE_METHOD_NOT_ALLOWED, /* `allow` is filled */
    GW_ROUTE_OPTIONS,  /* an OPTIONS request no route of its own answers; `allow` filled */
    GW_ROUTE_BAD_PATH, /* %00, a broken escape, dot segments that climb out: 400 */
};

struct gw_router *gw_router_new(void);
void gw_router_free(struct gw_router *router);

/* Both strings are copied. False, with the reason in *error (static text), for a method that is not
 * in capitals, a bad pattern (no leading slash, a wildcard or a query, an empty or repeated name,
 * too many parameters or segments), or one that a route already has under this method. */
bool gw_router_add(struct gw_router *router, struct gw_str method, struct gw_str pattern, int route,
                   const char **error);

/* `path` is raw, without the query. HEAD falls back to GET's route. */
enum gw_route_outcome gw_router_find(const struct gw_router *router, struct gw_str method,
                                     struct gw_str path, struct gw_route_match *match);
void gw_route_match_fini(struct gw_route_match *match);

#endif
