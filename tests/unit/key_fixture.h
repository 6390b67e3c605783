/* Idempotency keys over the journal and the sagas of saga_fixture.h. */
#ifndef KEY_FIXTURE_H
#define KEY_FIXTURE_H

#include "saga_fixture.h"

#include "engine/keys.h"

#define KEEP_MS   (INT64_C(3600) * 1000)
#define MAX_BYTES 100

static struct gw_keys *keys;

static inline int key_begin(void **state) {
    keys = gw_keys_new(KEEP_MS, MAX_BYTES);
    return saga_begin(state);
}

static inline int key_end(void **state) {
    int status = saga_end(state);
    gw_keys_free(keys);
    return status;
}

/* Another process, which knows only what is in the journal. */
static inline void new_process(struct saga_world *w) {
    gw_sagas_free(w->sagas);
    gw_keys_free(keys);
    keys = gw_keys_new(KEEP_MS, MAX_BYTES);
    memset(&w->shared, 0, sizeof w->shared);
    saga_open_sagas(w);
}

struct key_told {
    int times;
    bool ok;
};

static inline void tell_key(void *user, bool ok) {
    struct key_told *told = user;
    told->times++;
    told->ok = ok;
}

static inline struct gw_key_claim *begin_claim(struct saga_world *w, const char *key,
                                               const char *hash, struct key_told *told) {
    struct gw_key_name name = {
        .scope = GW_STR("POST /x"), .key = gw_str_from(key), .hash = gw_str_from(hash)};
    *told = (struct key_told){0};
    return gw_key_claim(keys, gw_sagas_port(w->sagas), &name, tell_key, told);
}

static inline struct gw_key_claim *claim(struct saga_world *w, const char *key, const char *hash) {
    struct key_told told;
    struct gw_key_claim *claimed = begin_claim(w, key, hash, &told);
    if (gw_key_answer(claimed) == GW_KEY_ASKING)
        RUN_UNTIL(w->backends->base, told.times > 0);
    return claimed;
}

/* What a request with it would be told. */
static inline enum gw_key_answer ask(struct saga_world *w, const char *key, const char *hash) {
    struct gw_key_claim *claimed = claim(w, key, hash);
    enum gw_key_answer answer = gw_key_answer(claimed);
    gw_key_release(claimed);
    return answer;
}

static inline bool keep(struct saga_world *w, struct gw_key_claim *claimed, const char *body) {
    struct key_told told = {0};
    gw_key_keep(claimed, 202, GW_STR("x-a: b\r\n"), gw_str_from(body), tell_key, &told);
    RUN_UNTIL(w->backends->base, told.times > 0);
    return told.ok;
}

static inline void assert_answered(struct saga_world *w, const char *key, unsigned status,
                                   const char *fields, const char *body) {
    struct gw_key_claim *claimed = claim(w, key, "h");
    assert_int_equal(gw_key_answer(claimed), GW_KEY_ANSWERED);
    const struct gw_key_record *stored = gw_key_stored(claimed);
    assert_int_equal(stored->status, status);
    assert_true(gw_str_equal(stored->fields, gw_str_from(fields)));
    assert_true(gw_str_equal(stored->body, gw_str_from(body)));
    gw_key_release(claimed);
}

/* Reads, so that the claims after it find all keys loaded. */
static inline void settle(struct saga_world *w) {
    look(w, "none");
}

#endif
