#include "check.h"

#include "lua/generation.h"
#include "lua/tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- loading as the server does, but for the sockets --- */

struct loaded {
    struct gw_host host;
    struct gw_generation *generation; /* NULL: it could not be loaded */
};

static bool is_ready(void *user, const char **reason) {
    (void)user, (void)reason;
    return true;
}

static struct loaded load(const struct gw_settings *settings, bool *stopped, struct gw_buf *error) {
    struct loaded loaded = {.host = {.backends = gw_backends_new(),
                                     .settings = settings,
                                     .ready = is_ready,
                                     .load_stopped = stopped}};
    loaded.generation = gw_generation_load(settings->scripts_dir, 1, &loaded.host, 1, error);
    return loaded;
}

static void unload(struct loaded *loaded) {
    gw_generation_free(loaded->generation);
    gw_backends_free(loaded->host.backends);
}

static bool can_be_loaded(const struct gw_settings *settings, struct gw_buf *error) {
    struct loaded loaded = load(settings, NULL, error);
    bool ok = loaded.generation != NULL;
    unload(&loaded);
    return ok;
}

static int complain(struct gw_buf *error, int code) {
    fprintf(stderr, "moongate: %.*s\n", GW_STR_ARG(gw_buf_str(error)));
    gw_buf_fini(error);
    return code;
}

/* --- check --- */

/* Scripts that the server would not finish loading: to look at them more closely would not end
 * either. True: that is in `error`. */
static bool is_endless(const struct gw_settings *settings, struct gw_buf *error) {
    bool stopped = false;
    struct loaded loaded = load(settings, &stopped, error);
    unload(&loaded);
    return stopped;
}

/* "file:line: message" as check tells it. */
static void print_finding(struct gw_str error, bool json) {
    struct gw_str file, line, message = error, rest;
    uint64_t n = 1;
    bool placed = gw_str_split(error, ':', &file, &rest) && gw_str_split(rest, ':', &line, &rest) &&
                  gw_str_to_u64(line, INT32_MAX, &n);
    if (placed)
        message = gw_str_trim(rest);
    else
        file = GW_STR("init.lua");
    if (!json) {
        fprintf(stderr, "%.*s:%" PRIu64 ":1: %.*s\n", GW_STR_ARG(file), n, GW_STR_ARG(message));
        return;
    }
    struct gw_buf out = {0};
    gw_buf_append_str(&out, GW_STR("[{\"file\":"));
    gw_buf_append_json(&out, file);
    gw_buf_printf(&out, ",\"line\":%" PRIu64 ",\"column\":1,\"severity\":\"error\",", n);
    gw_buf_append_str(&out, GW_STR("\"rule\":\"load\",\"message\":"));
    gw_buf_append_json(&out, message);
    printf("%.*s}]\n", GW_STR_ARG(gw_buf_str(&out)));
    gw_buf_fini(&out);
}

int gw_check_run(const struct gw_settings *settings, bool json, bool run) {
    struct gw_buf error = {0}, words = {0};
    struct gw_sources *sources = gw_sources_read(settings->scripts_dir, &error);
    if (!sources)
        return complain(&error, 2);
    bool endless = is_endless(settings, &error);
    if (endless)
        print_finding(gw_buf_str(&error), json);
    gw_buf_fini(&error);
    if (endless) {
        gw_sources_free(sources);
        return 1;
    }
    gw_buf_printf(&words, "%s%s", json ? "--json\n" : "", run ? "--run\n" : "");
    gw_buf_append_char(&words, '\0');
    struct gw_tool tool = {
        .settings = settings, .sources = sources, .arguments = words.data, .load = can_be_loaded};
    int code = gw_tool_run(&tool, "gateway.check");
    gw_sources_free(sources);
    gw_buf_fini(&words);
    return code;
}

/* --- routes --- */

static int widest_label(const struct gw_state *state) {
    size_t widest = 0;
    for (unsigned i = 0; i < state->n_routes; i++)
        if (strlen(state->routes[i].label) > widest)
            widest = strlen(state->routes[i].label);
    return (int)widest;
}

static void append_route(struct gw_buf *out, const struct gw_route *route) {
    struct gw_str method, pattern, where = gw_str_from(route->where);
    gw_str_split(gw_str_from(route->label), ' ', &method, &pattern);
    gw_buf_append_str(out, GW_STR("{\"method\":"));
    gw_buf_append_json(out, method);
    gw_buf_append_str(out, GW_STR(",\"pattern\":"));
    gw_buf_append_json(out, pattern);
    gw_buf_printf(out, ",\"deadline\":%g", (double)route->deadline_ms / 1000);
    const char *colon = strrchr(route->where, ':');
    if (colon) {
        gw_buf_append_str(out, GW_STR(",\"file\":"));
        gw_buf_append_json(out, (struct gw_str){where.data, (size_t)(colon - where.data)});
        gw_buf_printf(out, ",\"line\":%s", colon + 1);
    }
    gw_buf_append_char(out, '}');
}

static void print_json(const struct gw_state *state) {
    struct gw_buf out = {0};
    for (unsigned i = 0; i < state->n_routes; i++) {
        gw_buf_append_str(&out, i ? GW_STR(",\n ") : GW_STR("["));
        append_route(&out, &state->routes[i]);
    }
    gw_buf_append_str(&out, GW_STR("]\n"));
    fwrite(out.data, 1, out.len, stdout);
    gw_buf_fini(&out);
}

static void print_lines(const struct gw_state *state) {
    int width = widest_label(state);
    for (unsigned i = 0; i < state->n_routes; i++) {
        const struct gw_route *route = &state->routes[i];
        printf("%-*s  %6.1f s  %s\n", width, route->label, (double)route->deadline_ms / 1000,
               route->where);
    }
}

int gw_check_routes(const struct gw_settings *settings, bool json) {
    struct gw_buf error = {0};
    struct gw_sources *sources = gw_sources_read(settings->scripts_dir, &error);
    if (!sources)
        return complain(&error, 2);
    gw_sources_free(sources);
    struct loaded loaded = load(settings, NULL, &error);
    int code = loaded.generation ? 0 : complain(&error, 1);
    if (loaded.generation && json)
        print_json(loaded.generation->states[0]);
    else if (loaded.generation)
        print_lines(loaded.generation->states[0]);
    unload(&loaded);
    return code;
}
