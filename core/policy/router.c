#include "policy/router.h"

#include "base/alloc.h"
#include "policy/path.h"

#include <stdlib.h>
#include <string.h>

/* One method's route at a node. */
struct endpoint {
    struct endpoint *next; /* owned, in the order they were added */
    char *pattern;         /* owned: the names point into it */
    char *method;          /* owned */
    int route;
    unsigned n_params;
    struct gw_str names[GW_ROUTER_MAX_PARAMS];
};

/* The state after some segments. A node is reached by one path through the tree only, so a lookup
 * that backtracks visits each node at most once. */
struct node {
    char *literal;              /* owned: what leads here, NULL for a parameter and the root */
    struct node *sibling;       /* owned: the parent's next literal */
    struct node *literals;      /* owned */
    struct node *param;         /* owned */
    struct endpoint *endpoints; /* owned */
};

struct gw_router {
    struct node root;
};

struct gw_router *gw_router_new(void) {
    return gw_calloc(1, sizeof(struct gw_router));
}

static void free_endpoints(struct endpoint *endpoint) {
    while (endpoint) {
        struct endpoint *next = endpoint->next;
        free(endpoint->pattern);
        free(endpoint->method);
        free(endpoint);
        endpoint = next;
    }
}

static void free_children(struct node *node) {
    while (node->literals) {
        struct node *child = node->literals;
        node->literals = child->sibling;
        free_children(child);
        free(child);
    }
    if (node->param)
        free_children(node->param);
    free(node->param);
    free(node->literal);
    free_endpoints(node->endpoints);
}

void gw_router_free(struct gw_router *router) {
    if (router)
        free_children(&router->root);
    free(router);
}

void gw_route_match_fini(struct gw_route_match *match) {
    gw_buf_fini(&match->decoded);
    gw_buf_fini(&match->allow);
}

/* --- Adding --- */

static bool is_name(struct gw_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0;
}

static const char *add_name(struct endpoint *endpoint, struct gw_str name) {
    if (!is_name(name))
        return "a parameter's name must be letters, digits and _";
    if (endpoint->n_params == GW_ROUTER_MAX_PARAMS)
        return "too many parameters";
    for (unsigned i = 0; i < endpoint->n_params; i++)
        if (gw_str_equal(endpoint->names[i], name))
            return "a parameter's name is repeated";
    endpoint->names[endpoint->n_params++] = name;
    return NULL;
}

static struct node *find_literal(const struct node *node, struct gw_str segment) {
    for (struct node *child = node->literals; child; child = child->sibling)
        if (gw_str_equal(gw_str_from(child->literal), segment))
            return child;
    return NULL;
}

static struct node *add_literal(struct node *node, struct gw_str segment) {
    struct node *child = find_literal(node, segment);
    if (!child) {
        child = gw_calloc(1, sizeof *child);
        child->literal = gw_strndup(segment.data, segment.len);
        child->sibling = node->literals;
        node->literals = child;
    }
    return child;
}

static struct node *add_param(struct node *node) {
    if (!node->param)
        node->param = gw_calloc(1, sizeof *node->param);
    return node->param;
}

static const char *add_segment(struct node **node, struct endpoint *endpoint,
                               struct gw_str segment) {
    if (segment.len == 0 || segment.data[0] != ':') {
        *node = add_literal(*node, segment);
        return NULL;
    }
    const char *error = add_name(endpoint, (struct gw_str){segment.data + 1, segment.len - 1});
    if (!error)
        *node = add_param(*node);
    return error;
}

/* Goes down the tree along the pattern, makes the nodes that are missing, and collects the names of
 * the parameters. Leaves *node at the pattern's end. */
static const char *add_segments(struct node **node, struct endpoint *endpoint) {
    const char *at = endpoint->pattern, *error = NULL;
    for (unsigned n = 0; at && !error; n++) {
        if (n == GW_PATH_MAX_SEGMENTS)
            return "too many segments";
        const char *segment = at + 1;
        at = strchr(segment, '/');
        size_t length = at ? (size_t)(at - segment) : strlen(segment);
        error = add_segment(node, endpoint, (struct gw_str){segment, length});
    }
    return error;
}

static struct endpoint *find_endpoint(const struct node *node, struct gw_str method) {
    for (struct endpoint *endpoint = node->endpoints; endpoint; endpoint = endpoint->next)
        if (gw_str_equal(gw_str_from(endpoint->method), method))
            return endpoint;
    return NULL;
}

static void attach(struct node *node, struct endpoint *take) {
    struct endpoint **last = &node->endpoints;
    while (*last)
        last = &(*last)->next;
    *last = take;
}

/* What people write by habit from elsewhere would make a route that nothing matches. */
static const char *check_pattern(struct gw_str pattern) {
    if (pattern.len == 0 || pattern.data[0] != '/')
        return "a path must begin with /";
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.data[i] == '\0' || strchr("{}*", pattern.data[i]))
            return "a segment is plain text or :name, there are no wildcards";
        if (strchr("?#", pattern.data[i]))
            return "a path has no query";
    }
    return NULL;
}

/* Methods are case-sensitive: a route under "get" would never be asked for. */
static const char *check_method(struct gw_str method) {
    for (size_t i = 0; i < method.len; i++)
        if (method.data[i] != '-' && (method.data[i] < 'A' || method.data[i] > 'Z'))
            return "a method must be capital letters";
    return method.len > 0 ? NULL : "a method is missing";
}

static const char *add(struct gw_router *router, struct endpoint *take) {
    struct node *node = &router->root;
    const char *error = add_segments(&node, take);
    if (!error && find_endpoint(node, gw_str_from(take->method)))
        error = "there is such a route already";
    if (error)
        free_endpoints(take);
    else
        attach(node, take);
    return error;
}

bool gw_router_add(struct gw_router *router, struct gw_str method, struct gw_str pattern, int route,
                   const char **error) {
    *error = check_method(method);
    if (!*error)
        *error = check_pattern(pattern);
    if (*error)
        return false;
    struct endpoint *endpoint = gw_calloc(1, sizeof *endpoint);
    endpoint->pattern = gw_strndup(pattern.data, pattern.len);
    endpoint->method = gw_strndup(method.data, method.len);
    endpoint->route = route;
    *error = add(router, endpoint);
    return !*error;
}

/* --- Finding --- */

struct lookup {
    struct gw_str method;
    struct gw_path path;
    struct gw_route_match *match;
    unsigned n_values; /* of match->params, on the way to where the lookup is */
};

static void allow(struct gw_buf *list, struct gw_str method) {
    struct gw_str rest = gw_buf_str(list), item;
    while (gw_str_split(rest, ',', &item, &rest))
        if (gw_str_equal(gw_str_trim(item), method))
            return;
    if (list->len > 0)
        gw_buf_append(list, ", ", 2);
    gw_buf_append_str(list, method);
}

static void allow_all(struct gw_buf *list, const struct node *node) {
    for (const struct endpoint *endpoint = node->endpoints; endpoint; endpoint = endpoint->next) {
        struct gw_str method = gw_str_from(endpoint->method);
        allow(list, method);
        if (gw_str_equal(method, GW_STR("GET")))
            allow(list, GW_STR("HEAD"));
    }
}

/* The path ends at this node. True if the method has a route here. */
static bool arrive(struct lookup *lookup, const struct node *node) {
    struct gw_route_match *match = lookup->match;
    const struct endpoint *endpoint = find_endpoint(node, lookup->method);
    if (!endpoint && gw_str_equal(lookup->method, GW_STR("HEAD")))
        endpoint = find_endpoint(node, GW_STR("GET"));
    if (!endpoint) {
        allow_all(&match->allow, node);
        return false;
    }
    match->route = endpoint->route;
    match->n_params = endpoint->n_params;
    for (unsigned i = 0; i < endpoint->n_params; i++)
        match->params[i].name = endpoint->names[i];
    return true;
}

/* A literal is tried before the parameter; a way that leads to no route of this method is given up
 * for the next one, so that "POST /a/list" does not hide "GET /a/:id" from "GET /a/list". */
static bool descend(struct lookup *lookup, const struct node *node, unsigned depth) {
    if (depth == lookup->path.n)
        return arrive(lookup, node);
    struct gw_str segment = lookup->path.segments[depth];
    const struct node *literal = find_literal(node, segment);
    if (literal && descend(lookup, literal, depth + 1))
        return true;
    if (!node->param || segment.len == 0)
        return false;
    lookup->match->params[lookup->n_values++].value = segment;
    if (descend(lookup, node->param, depth + 1))
        return true;
    lookup->n_values--;
    return false;
}

enum gw_route_outcome gw_router_find(const struct gw_router *router, struct gw_str method,
                                     struct gw_str path, struct gw_route_match *match) {
    struct lookup lookup;
    lookup.method = method;
    lookup.match = match;
    lookup.n_values = 0;
    match->n_params = 0;
    gw_buf_clear(&match->allow);
    if (!gw_path_parse(&lookup.path, path, &match->decoded))
        return GW_ROUTE_BAD_PATH;
    bool found = lookup.path.n <= GW_PATH_MAX_SEGMENTS && descend(&lookup, &router->root, 0);
    if (found) {
        gw_buf_clear(&match->allow);
        return GW_ROUTE_FOUND;
    }
    if (match->allow.len == 0)
        return GW_ROUTE_NOT_FOUND;
    allow(&match->allow, GW_STR("OPTIONS"));
    bool options = gw_str_equal(method, GW_STR("OPTIONS"));
    return options ? GW_ROUTE_OPTIONS : GW_ROUTE_METHOD_NOT_ALLOWED;
}
