/* gateway.core, idempotency keys: engine/keys.h for the prelude. A flow has at most one claim,
 * which ends with it. */
#include "lua/core.h"

#include "base/sha256.h"

#include <lauxlib.h>

static const struct gw_str field_name = GW_STR("idempotency-key");
static const struct gw_str authorization = GW_STR("authorization");

struct pending {
    struct gw_wait wait;
    bool ok;
};

/* --- what a request is called --- */

static void add(struct gw_sha256 *sum, struct gw_str text) {
    uint64_t len = text.len; /* or "ab", "c" would be "a", "bc" */
    gw_sha256_add(sum, &len, sizeof len);
    gw_sha256_add(sum, text.data, text.len);
}

/* Whose key it is: for which route, and of which caller, as far as he says who he is. */
static void make_scope(const struct gw_message *message, const char *route, struct gw_buf *scope) {
    struct gw_sha256 sum;
    char text[GW_SHA256_TEXT_SIZE];
    bool is_known = false;
    gw_sha256_init(&sum);
    for (unsigned i = 0; i < message->n_fields; i++) {
        if (!gw_str_equal(gw_message_field_name(message, i), authorization))
            continue;
        is_known = true;
        add(&sum, gw_message_field_value(message, i));
    }
    gw_sha256_text(&sum, text);
    gw_buf_append_str(scope, gw_str_from(route));
    if (is_known)
        gw_buf_printf(scope, " %s", text);
}

static void make_hash(const struct gw_exchange *exchange, char out[GW_SHA256_TEXT_SIZE]) {
    const struct gw_message *message = gw_exchange_message(exchange);
    struct gw_sha256 sum;
    gw_sha256_init(&sum);
    add(&sum, gw_message_method(message));
    add(&sum, gw_message_path(message));
    add(&sum, gw_message_query(message));
    add(&sum, gw_exchange_body(exchange));
    gw_sha256_text(&sum, out);
}

/* --- the header --- */

enum header { HEADER_NONE, HEADER_ONE, HEADER_MALFORMED };

static enum header read_header(const struct gw_message *message, struct gw_buf *key) {
    unsigned n = 0;
    bool ok = true;
    for (unsigned i = 0; i < message->n_fields; i++)
        if (gw_str_equal(gw_message_field_name(message, i), field_name) && n++ == 0)
            ok = gw_key_read(gw_message_field_value(message, i), key);
    if (n == 0)
        return HEADER_NONE;
    return n == 1 && ok ? HEADER_ONE : HEADER_MALFORMED;
}

/* --- claiming --- */

static int l_push_fault(lua_State *L, const char *word) {
    lua_pushstring(L, word);
    lua_pushstring(L, gw_sagas_fault(gw_state_of(L)->host.sagas));
    return 2;
}

static int l_push_answer(lua_State *L, const struct gw_flow *flow) {
    static const char *const words[] = {
        [GW_KEY_FREE] = "free",         [GW_KEY_IN_WORK] = "in work",   [GW_KEY_OTHER] = "other",
        [GW_KEY_ANSWERED] = "answered", [GW_KEY_NOT_KEPT] = "not kept", [GW_KEY_UNKNOWN] = "fault",
    };
    return l_push_fault(L, words[gw_key_answer(flow->key)]);
}

static void done(void *user, bool ok) {
    struct pending *pending = user;
    pending->ok = ok;
    gw_flow_wake(pending->wait.flow);
}

static void cancel_claim(struct gw_wait *wait, enum gw_failure why) {
    (void)why;
    gw_key_release(wait->flow->key);
    wait->flow->key = NULL;
    gw_flow_wake(wait->flow);
}

/* What is on its way to the journal is waited for: it ends soon. */
static void cancel_nothing(struct gw_wait *wait, enum gw_failure why) {
    (void)wait, (void)why;
}

static struct pending *l_new_pending(lua_State *L,
                                     void (*cancel)(struct gw_wait *, enum gw_failure)) {
    struct pending *pending = lua_newuserdatauv(L, sizeof *pending, 0);
    *pending = (struct pending){.wait.cancel = cancel};
    return pending; /* owns nothing: the claim is the flow's */
}

static int k_key_claimed(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    struct gw_flow *flow = ((const struct pending *)ctx)->wait.flow;
    l_raise_if_cancelled(L, flow);
    return l_push_answer(L, flow);
}

static void claim(struct gw_flow *flow, const struct gw_buf *key, struct gw_buf *scope,
                  struct pending *pending) {
    char hash[GW_SHA256_TEXT_SIZE];
    const struct gw_host *host = &flow->state->host;
    make_scope(gw_exchange_message(flow->exchange), gw_flow_route(flow)->label, scope);
    make_hash(flow->exchange, hash);
    struct gw_key_name name = {
        .scope = gw_buf_str(scope), .key = gw_buf_str(key), .hash = gw_str_from(hash)};
    flow->key = gw_key_claim(host->keys, gw_sagas_port(host->sagas), &name, done, pending);
}

/* key_claim() -> word, fault. Sleeps if the journal is to be asked. The words are those above, and
 * "none", "malformed". */
static int l_key_claim(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    l_raise_if_cancelled(L, flow);
    if (!gw_state_of(L)->host.keys || !flow->exchange || flow->key)
        return luaL_error(L, "there is no key to be claimed");
    struct gw_buf *key = l_new_buf(L), *scope = l_new_buf(L);
    enum header header = read_header(gw_exchange_message(flow->exchange), key);
    if (header != HEADER_ONE)
        return l_push_fault(L, header == HEADER_NONE ? "none" : "malformed");
    if (gw_sagas_fault(gw_state_of(L)->host.sagas))
        return l_push_fault(L, "fault");
    struct pending *pending = l_new_pending(L, cancel_claim);
    claim(flow, key, scope, pending);
    gw_buf_fini(key);
    gw_buf_fini(scope);
    if (gw_key_answer(flow->key) != GW_KEY_ASKING)
        return l_push_answer(L, flow);
    gw_flow_wait_noted(flow, &pending->wait, GW_SPAN_JOURNAL);
    return lua_yieldk(L, 0, (lua_KContext)pending, k_key_claimed);
}

/* --- answers --- */

/* key_replay(): the reply is the stored one. */
static int l_key_replay(lua_State *L) {
    struct gw_flow *flow = l_current_flow(L);
    struct gw_reply *reply = &flow->reply;
    if (!flow->key || gw_key_answer(flow->key) != GW_KEY_ANSWERED)
        return luaL_error(L, "there is no answer to this key");
    const struct gw_key_record *stored = gw_key_stored(flow->key);
    gw_buf_clear(&reply->fields);
    gw_buf_clear(&reply->body);
    gw_buf_append_str(&reply->fields, stored->fields);
    gw_buf_append_str(&reply->fields, GW_STR("idempotency-replayed: true\r\n"));
    gw_buf_append_str(&reply->body, stored->body);
    reply->status = stored->status;
    flow->replied = GW_REPLY_SET;
    return 0;
}

static int k_key_kept(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    lua_pushboolean(L, ((const struct pending *)ctx)->ok);
    lua_pushstring(L, gw_sagas_fault(gw_state_of(L)->host.sagas));
    return 2;
}

/* key_keep() -> whether it could, fault. The reply that is set is what a repetition is given;
 * sleeps until that is durable, unless a saga's commit has decided it. */
static int l_key_keep(lua_State *L) {
    struct gw_flow *flow = l_waiting_flow(L);
    const struct gw_reply *reply = &flow->reply;
    bool is_to_keep = flow->key && gw_key_answer(flow->key) == GW_KEY_FREE &&
                      flow->replied == GW_REPLY_SET && flow->cancelled == GW_FAILURE_NONE;
    if (!is_to_keep || gw_key_is_decided(flow->key)) {
        if (is_to_keep)
            gw_key_keep(flow->key, reply->status, gw_buf_str(&reply->fields),
                        gw_buf_str(&reply->body), NULL, NULL);
        lua_pushboolean(L, true);
        return 1;
    }
    struct pending *pending = l_new_pending(L, cancel_nothing);
    gw_key_keep(flow->key, reply->status, gw_buf_str(&reply->fields), gw_buf_str(&reply->body),
                done, pending);
    gw_flow_wait_noted(flow, &pending->wait, GW_SPAN_JOURNAL);
    return lua_yieldk(L, 0, (lua_KContext)pending, k_key_kept);
}

static const luaL_Reg functions[] = {
    {"key_claim", l_key_claim},
    {"key_replay", l_key_replay},
    {"key_keep", l_key_keep},
    {NULL, NULL},
};

void l_register_key(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
