/* A client, a scripted server for it, and what a call was told. */
#ifndef CLIENT_FIXTURE_H
#define CLIENT_FIXTURE_H

#include "http/client.h"

#include "peer_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct event_base *base;
    struct gw_client *client;
    struct peer *peer;
    char url[64];
};

/* What a call's `done` was given. */
struct answer {
    int times;
    enum gw_call_outcome outcome;
    bool was_repeated;
    unsigned status;
    char fields[4096], body[4096], error[256];
    size_t body_size;
};

static inline struct world *world_new(const struct gw_client_options *options) {
    struct world *w = calloc(1, sizeof *w);
    w->base = event_base_new();
    w->client = gw_client_new(w->base, options);
    w->peer = peer_new(w->base);
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/a/b", w->peer->port);
    return w;
}

static inline int begin(void **state) {
    *state =
        world_new(&(struct gw_client_options){.max_connections = 100, .max_idle_connections = 20});
    return 0;
}

static inline int begin_small(void **state) {
    *state =
        world_new(&(struct gw_client_options){.max_connections = 4, .max_idle_connections = 2});
    return 0;
}

static inline int end(void **state) {
    struct world *w = *state;
    gw_client_free(w->client);
    peer_free(w->peer);
    event_base_free(w->base);
    free(w);
    return 0;
}

static inline void copy_text(char *to, size_t size, const struct gw_buf *from) {
    size_t n = from->len < size - 1 ? from->len : size - 1;
    if (n)
        memcpy(to, from->data, n);
    to[n] = '\0';
}

static inline void note(void *user, struct gw_call_response *response) {
    struct answer *answer = user;
    answer->times++;
    answer->outcome = response->outcome;
    answer->was_repeated = response->was_repeated;
    answer->status = response->status;
    answer->body_size = response->body.len;
    copy_text(answer->fields, sizeof answer->fields, &response->fields);
    copy_text(answer->body, sizeof answer->body, &response->body);
    snprintf(answer->error, sizeof answer->error, "%s", response->error);
}

static inline struct gw_call_request request_to(const char *url) {
    return (struct gw_call_request){.method = "GET",
                                    .url = url,
                                    .connect_timeout_ms = 5000,
                                    .timeout_ms = 8000,
                                    .max_response = 100000};
}

static inline struct gw_call *start(struct world *w, const struct gw_call_request *request,
                                    struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    return gw_client_start(w->client, request, note, answer);
}

static inline void wait_for(struct world *w, struct answer *answer) {
    RUN_UNTIL(w->base, answer->times > 0);
    assert_int_equal(answer->times, 1);
}

static inline void call(struct world *w, const struct gw_call_request *request,
                        struct answer *answer) {
    start(w, request, answer);
    wait_for(w, answer);
}

static inline void get(struct world *w, struct answer *answer) {
    struct gw_call_request request = request_to(w->url);
    call(w, &request, answer);
}

static inline void assert_ok(const struct answer *answer, unsigned status, const char *body) {
    assert_string_equal(answer->error, "");
    assert_int_equal(answer->outcome, GW_CALL_OK);
    assert_int_equal(answer->status, status);
    assert_string_equal(answer->body, body);
}

#endif
