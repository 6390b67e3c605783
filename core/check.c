#include "check.h"

#include "lua/generation.h"

#include <stdio.h>

static bool is_ready(void *user, const char **reason) {
    (void)user, (void)reason;
    return true;
}

static void print_routes(const struct gw_state *state) {
    for (unsigned i = 0; i < state->n_routes; i++) {
        const struct gw_route *route = &state->routes[i];
        printf("%-48s %6.1f s  %s\n", route->label, (double)route->deadline_ms / 1000,
               route->where);
    }
}

int gw_check_run(const struct gw_settings *settings, bool list) {
    struct gw_buf error = {0};
    struct gw_host host = {.backends = gw_backends_new(),
                           .jobs = gw_jobs_new(1, 1, 1),
                           .settings = settings,
                           .ready = is_ready};
    struct gw_generation *generation =
        gw_generation_load(settings->scripts_dir, 1, &host, 1, &error);
    bool ok = generation != NULL;
    if (!ok)
        fprintf(stderr, "%.*s\n", GW_STR_ARG(gw_buf_str(&error)));
    else if (list)
        print_routes(generation->states[0]);
    else
        printf("%s: %u routes, nothing wrong\n", settings->scripts_dir,
               generation->states[0]->n_routes);
    gw_generation_free(generation);
    gw_jobs_free(host.jobs);
    gw_backends_free(host.backends);
    gw_buf_fini(&error);
    return ok ? 0 : 1;
}
