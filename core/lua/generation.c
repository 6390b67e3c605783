#include "lua/generation.h"

#include "base/alloc.h"

#include <stdlib.h>

struct gw_generation *gw_generation_load(const char *folder, unsigned number,
                                         const struct gw_host *hosts, unsigned n_hosts,
                                         struct gw_buf *error) {
    struct gw_generation *generation = gw_calloc(1, sizeof *generation);
    generation->number = number;
    generation->states = gw_calloc(n_hosts, sizeof *generation->states);
    generation->sources = gw_sources_read(folder, error);
    for (unsigned i = 0; generation->sources && i < n_hosts; i++) {
        struct gw_state *state = gw_state_new(&hosts[i], generation->sources, error);
        if (!state)
            break;
        generation->states[generation->n_states++] = state;
    }
    if (generation->n_states == n_hosts)
        return generation;
    gw_generation_free(generation);
    return NULL;
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
