#include "lua/declared.h"

#include "lua/metric.h"

#include "base/alloc.h"

#include <stdlib.h>

const char *gw_state_declares_backend(const struct gw_state *state,
                                      const struct gw_backend *backend) {
    for (unsigned i = 0; i < state->n_backends; i++)
        if (state->backends[i] == backend)
            return state->declared_backends[i].where;
    return NULL;
}

const char *gw_state_declares_breaker(const struct gw_state *state,
                                      const struct gw_breaker *breaker) {
    for (unsigned i = 0; i < state->n_breakers; i++)
        if (state->breakers[i] == breaker)
            return state->declared_breakers[i].where;
    return NULL;
}

/* Room for the one with index `n`. */
static struct gw_declared *add(struct gw_declared **list, unsigned n, const char *where) {
    *list = gw_realloc(*list, (n + 1) * sizeof **list);
    (*list)[n].where = gw_strdup(where);
    return &(*list)[n];
}

void gw_state_add_backend(struct gw_state *state, struct gw_backend *backend,
                          const struct gw_backend_options *options, const char *where) {
    unsigned n = state->n_backends;
    struct gw_declared *declared = add(&state->declared_backends, n, where);
    gw_backend_options_copy(&declared->options.backend, options);
    state->backends = gw_realloc(state->backends, (n + 1) * sizeof(struct gw_backend *));
    state->backends[state->n_backends++] = backend;
}

void gw_state_add_breaker(struct gw_state *state, struct gw_breaker *breaker,
                          const struct gw_breaker_options *options, const char *where) {
    unsigned n = state->n_breakers;
    add(&state->declared_breakers, n, where)->options.breaker = *options;
    state->breakers = gw_realloc(state->breakers, (n + 1) * sizeof(struct gw_breaker *));
    state->breakers[state->n_breakers++] = breaker;
}

void gw_state_forget_declared(struct gw_state *state) {
    for (unsigned i = 0; i < state->n_backends; i++) {
        gw_backend_options_fini(&state->declared_backends[i].options.backend);
        free(state->declared_backends[i].where);
    }
    for (unsigned i = 0; i < state->n_breakers; i++)
        free(state->declared_breakers[i].where);
    free(state->declared_backends);
    free(state->declared_breakers);
    free(state->backends);
    free(state->breakers);
    state->declared_backends = state->declared_breakers = NULL;
    state->backends = NULL;
    state->breakers = NULL;
    state->n_backends = state->n_breakers = 0;
    gw_state_forget_metrics(state);
}

/* States of one generation have the same routes in the same order, unless their scripts look at the
 * time, or at chance. */
static struct gw_meter *meter_of(const struct gw_state *before, unsigned index,
                                 struct gw_str label) {
    bool is_known = before && index < before->n_routes &&
                    gw_str_equal(before->routes[index].meter->name, label);
    return is_known ? before->routes[index].meter : gw_meter_of_route(label);
}

static void find_meters(const struct gw_state *state, const struct gw_state *before) {
    for (unsigned i = 0; i < state->n_routes; i++)
        state->routes[i].meter = meter_of(before, i, gw_str_from(state->routes[i].label));
}

void gw_state_configure(const struct gw_state *state, const struct gw_state *before) {
    find_meters(state, before);
    gw_state_register_metrics(state);
    for (unsigned i = 0; i < state->n_backends; i++)
        if (!before || !gw_state_declares_backend(before, state->backends[i]))
            gw_backends_configure(state->host.backends, state->backends[i],
                                  &state->declared_backends[i].options.backend);
    for (unsigned i = 0; i < state->n_breakers; i++)
        if (!before || !gw_state_declares_breaker(before, state->breakers[i]))
            gw_breaker_configure(state->breakers[i], state->declared_breakers[i].options.breaker);
}
