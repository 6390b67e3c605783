/* The router: the first line of the input is a request, "GET /a/b", the others are routes, "GET
 * /a/:id". The tree must find what trying each route in turn finds, and a path put together again
 * from its segments must be the same path. */
#include "policy/path.h"
#include "policy/router.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUTES 32

struct route {
    struct gw_str method, pattern;
};

struct fixture {
    struct gw_router *router;
    struct route routes[MAX_ROUTES];
    int n_routes;
};

static void require(bool condition) {
    if (!condition)
        abort();
}

static void add(struct fixture *f, struct gw_str line) {
    struct gw_str method, pattern;
    const char *error = NULL;
    if (f->n_routes == MAX_ROUTES || !gw_str_split(line, ' ', &method, &pattern))
        return;
    if (gw_router_add(f->router, method, pattern, f->n_routes, &error))
        f->routes[f->n_routes++] = (struct route){method, pattern};
    else
        require(error != NULL);
}

static bool fits(struct gw_str pattern, const struct gw_path *path) {
    struct gw_str rest = {pattern.data + 1, pattern.len - 1};
    unsigned n = 0;
    for (const char *slash = pattern.data; slash; n++) {
        slash = memchr(rest.data, '/', rest.len);
        struct gw_str part = {rest.data, slash ? (size_t)(slash - rest.data) : rest.len};
        if (slash)
            rest = (struct gw_str){slash + 1, rest.len - part.len - 1};
        if (n >= path->n || n >= GW_PATH_MAX_SEGMENTS)
            return false;
        bool param = part.len > 0 && part.data[0] == ':';
        if (param ? path->segments[n].len == 0 : !gw_str_equal(part, path->segments[n]))
            return false;
    }
    return n == path->n;
}

static bool answers(struct gw_str route_method, struct gw_str method) {
    return gw_str_equal(route_method, method) ||
           (gw_str_equal(method, GW_STR("HEAD")) && gw_str_equal(route_method, GW_STR("GET")));
}

/* What the outcome must be, by trying each route. */
static enum gw_route_outcome try_all(const struct fixture *f, struct gw_str method,
                                     const struct gw_path *path) {
    bool known = false;
    for (int i = 0; i < f->n_routes; i++) {
        if (!fits(f->routes[i].pattern, path))
            continue;
        if (answers(f->routes[i].method, method))
            return GW_ROUTE_FOUND;
        known = true;
    }
    if (!known)
        return GW_ROUTE_NOT_FOUND;
    return gw_str_equal(method, GW_STR("OPTIONS")) ? GW_ROUTE_OPTIONS : GW_ROUTE_METHOD_NOT_ALLOWED;
}

static void check_found(const struct fixture *f, const struct gw_route_match *match,
                        struct gw_str method, const struct gw_path *path) {
    require(match->route >= 0 && match->route < f->n_routes);
    require(fits(f->routes[match->route].pattern, path));
    require(answers(f->routes[match->route].method, method));
    for (unsigned i = 0; i < match->n_params; i++) {
        struct gw_str value = match->params[i].value;
        require(value.len > 0 && !memchr(value.data, '\0', value.len));
        require(value.data >= match->decoded.data &&
                value.data + value.len <= match->decoded.data + match->decoded.len);
    }
}

static void check_round_trip(const struct gw_path *path) {
    struct gw_buf raw = {0}, decoded = {0};
    struct gw_path again;
    if (path->n > GW_PATH_MAX_SEGMENTS)
        return;
    for (unsigned i = 0; i < path->n; i++) {
        require(!gw_str_equal(path->segments[i], GW_STR(".")));
        require(!gw_str_equal(path->segments[i], GW_STR("..")));
        gw_buf_append_char(&raw, '/');
        gw_buf_append_percent(&raw, path->segments[i]);
    }
    require(gw_path_parse(&again, gw_buf_str(&raw), &decoded));
    require(again.n == path->n);
    for (unsigned i = 0; i < path->n; i++)
        require(gw_str_equal(again.segments[i], path->segments[i]));
    gw_buf_fini(&raw);
    gw_buf_fini(&decoded);
}

static void check(const struct fixture *f, struct gw_str method, struct gw_str raw) {
    struct gw_route_match match = {0};
    struct gw_buf decoded = {0};
    struct gw_path path;
    enum gw_route_outcome outcome = gw_router_find(f->router, method, raw, &match);
    bool good = gw_path_parse(&path, raw, &decoded);
    require(good == (outcome != GW_ROUTE_BAD_PATH));
    if (good) {
        require(outcome == try_all(f, method, &path));
        require((match.allow.len > 0) ==
                (outcome == GW_ROUTE_METHOD_NOT_ALLOWED || outcome == GW_ROUTE_OPTIONS));
        check_round_trip(&path);
    }
    if (outcome == GW_ROUTE_FOUND)
        check_found(f, &match, method, &path);
    gw_route_match_fini(&match);
    gw_buf_fini(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str rest = {(const char *)data, size}, request, line, method, path;
    if (!gw_str_split(rest, '\n', &request, &rest) || !gw_str_split(request, ' ', &method, &path))
        return 0;
    struct fixture f = {.router = gw_router_new()};
    while (gw_str_split(rest, '\n', &line, &rest))
        add(&f, line);
    check(&f, method, path);
    gw_router_free(f.router);
    return 0;
}
