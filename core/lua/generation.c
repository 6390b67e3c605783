#include "lua/generation.h"

#include "base/alloc.h"
#include "lua/declared.h"
#include "lua/flow.h"

#include <stdlib.h>

struct gw_generation *gw_generation_build(struct gw_sources *take_sources, unsigned number,
                                          const struct gw_host *hosts, unsigned n_hosts,
                                          struct gw_buf *error) {
    struct gw_generation *generation = gw_calloc(1, sizeof *generation);
    generation->number = number;
    generation->sources = take_sources;
    generation->states = gw_calloc(n_hosts, sizeof *generation->states);
    atomic_init(&generation->n_holders, n_hosts);
    for (unsigned i = 0; i < n_hosts; i++) {
        struct gw_host host = hosts[i];
        host.generation = number;
        struct gw_state *state = gw_state_new(&host, take_sources, error);
        if (!state)
            break;
        generation->states[generation->n_states++] = state;
    }
    if (generation->n_states == n_hosts)
        return generation;
    gw_generation_free(generation);
    return NULL;
}

struct gw_generation *gw_generation_load(const char *folder, unsigned number,
                                         const struct gw_host *hosts, unsigned n_hosts,
                                         struct gw_buf *error) {
    struct gw_sources *sources = gw_sources_read(folder, error);
    return sources ? gw_generation_build(sources, number, hosts, n_hosts, error) : NULL;
}

void gw_generation_configure(const struct gw_generation *generation) {
    for (unsigned i = 0; i < generation->n_states; i++)
        gw_state_configure(generation->states[i], i > 0 ? generation->states[0] : NULL);
}

void gw_generation_replace(struct gw_generation *old, struct gw_generation *generation) {
    atomic_store_explicit(&old->next, generation, memory_order_release);
}

struct gw_generation *gw_generation_next(const struct gw_generation *generation) {
    return atomic_load_explicit(&generation->next, memory_order_acquire);
}

bool gw_generation_release(struct gw_generation *generation) {
    return atomic_fetch_sub_explicit(&generation->n_holders, 1, memory_order_acq_rel) == 1;
}

void gw_generation_end(struct gw_generation *generation) {
    atomic_store(&generation->is_to_end, true);
}

bool gw_generation_is_to_end(const struct gw_generation *generation) {
    return atomic_load(&generation->is_to_end);
}

unsigned gw_generation_flows(const struct gw_generation *generation) {
    unsigned n = 0;
    for (unsigned i = 0; i < generation->n_states; i++)
        n += gw_state_flows(generation->states[i]);
    return n;
}

void gw_generation_free(struct gw_generation *generation) {
    if (!generation)
        return;
    for (unsigned i = 0; i < generation->n_states; i++)
        gw_state_free(generation->states[i]);
    free(generation->states);
    gw_sources_free(generation->sources);
    free(generation);
}
