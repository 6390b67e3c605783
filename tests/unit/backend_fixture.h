/* A backend with one scripted peer, and what its calls were answered; for the tests of engine/. */
#ifndef BACKEND_FIXTURE_H
#define BACKEND_FIXTURE_H

#include "engine/backend.h"

#include "base/log.h"
#include "peer_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include <cmocka.h>

struct world {
    struct event_base *base;
    struct gw_client *client;
    struct gw_caller *caller;
    struct peer *peer;
    struct gw_backends *backends;
    struct gw_backend *backend;
    char url[64];
};

struct answer {
    int times;
    struct gw_backend_result result; /* without its buffers */
    char body[256];
};

static inline struct gw_backend_options options_for(const char *url) {
    return (struct gw_backend_options){
        .urls = {url},
        .n_urls = 1,
        .connect_timeout_ms = 5000,
        .timeout_ms = 8000,
        .max_response = 1000,
        .breaker = {.threshold = 3, .recovery_ms = 40, .trials = 1, .lease_ms = 8000},
        .retry = {.attempts = 1},
        .budget = {.ratio = 1, .per_second = 100},
    };
}

static inline struct gw_backend *define(struct world *w, const struct gw_backend_options *options) {
    const char *error;
    struct gw_backend *backend = gw_backends_define(w->backends, "pricing", options, &error);
    assert_null(error);
    return backend;
}

static inline int begin(void **state) {
    struct world *w = calloc(1, sizeof *w);
    struct gw_client_options options = {.max_connections = 10, .max_idle_connections = 5};
    w->base = event_base_new();
    w->client = gw_client_new(w->base, &options);
    w->caller = gw_caller_new(w->base, w->client);
    w->peer = peer_new(w->base);
    w->backends = gw_backends_new();
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", w->peer->port);
    struct gw_backend_options backend = options_for(w->url);
    w->backend = define(w, &backend);
    *state = w;
    return 0;
}

static inline int end(void **state) {
    struct world *w = *state;
    gw_caller_free(w->caller);
    gw_client_free(w->client);
    gw_backends_free(w->backends);
    peer_free(w->peer);
    event_base_free(w->base);
    free(w);
    return 0;
}

static inline void note(void *user, struct gw_backend_result *result) {
    struct answer *answer = user;
    answer->times++;
    answer->result = *result;
    size_t n = result->body.len < sizeof answer->body ? result->body.len : sizeof answer->body - 1;
    if (n)
        memcpy(answer->body, result->body.data, n);
    answer->body[n] = '\0';
}

static const struct gw_backend_request GET = {.method = "GET", .path = {"/a", 2}};

static inline struct gw_backend_call *
start(struct world *w, const struct gw_backend_request *request, struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    return gw_backend_start(w->backend, w->caller, request, note, answer);
}

static inline struct answer call(struct world *w, const struct gw_backend_request *request) {
    struct answer answer;
    start(w, request, &answer);
    assert_int_equal(answer.times, 0);
    RUN_UNTIL(w->base, answer.times > 0);
    assert_int_equal(answer.times, 1);
    return answer;
}

static inline void assert_failure(const struct answer *answer, enum gw_failure failure) {
    assert_string_equal(gw_failure_name(answer->result.failure), gw_failure_name(failure));
    assert_true((answer->result.error[0] == '\0') == (failure == GW_FAILURE_NONE));
}

static inline void assert_state(struct world *w, enum gw_breaker_state state) {
    assert_string_equal(gw_breaker_state_name(gw_backend_state(w->backend)),
                        gw_breaker_state_name(state));
}

static inline void says_nothing(struct peer_conn *conn, const char *request) {
    (void)conn, (void)request;
}

static inline void hangs_up(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_hang_up(conn);
}

static inline void fails(struct peer_conn *conn, const char *request) {
    (void)request;
    peer_say(conn, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
}

static inline void open_it(struct world *w) {
    peer_script script = w->peer->script;
    w->peer->script = fails;
    for (int i = 0; i < 3; i++) {
        struct answer answer = call(w, &GET);
        assert_failure(&answer, GW_FAILURE_STATUS);
    }
    w->peer->script = script;
}

#endif
