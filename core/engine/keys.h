/* Idempotency keys: a request that bears one is done once, however often it is sent
 * (draft-ietf-httpapi-idempotency-key-header). The gateway owns one gw_keys, which the workers
 * share; a claim is its flow's.
 *
 * A key is in work from its claim to its release, in a table in memory that all workers see at
 * once. What it was answered with is in the journal. So a claim need not be durable before the
 * handler runs: what a dead process had in work is either nothing to the world, or a saga, whose
 * first record takes the key along, and whose commit decides it, each in one transaction. A key
 * that no earlier request has used is not looked for in the journal at all; what it costs is the
 * writing of its answer. */
#ifndef GW_ENGINE_KEYS_H
#define GW_ENGINE_KEYS_H

#include "engine/journal.h"

#define GW_KEY_MAX_LEN 255

struct gw_keys;
struct gw_key_claim;
struct gw_key_bond;

/* Answers are kept for `keep_ms`; those with more than `max_bytes` are not. */
struct gw_keys *gw_keys_new(int64_t keep_ms, size_t max_bytes);

/* No claim is left. */
void gw_keys_free(struct gw_keys *keys);

/* --- What a request is called --- */

/* The key in a field's value: a string in quotes (RFC 8941, 3.3.3), or as it is, without quotes,
 * commas and spaces; 1 to 255 visible characters. False if it is neither. */
bool gw_key_read(struct gw_str value, struct gw_buf *key);

/* --- Claims --- */

enum gw_key_answer {
    GW_KEY_FREE,     /* it is the claim's until it is released: the request is to be done */
    GW_KEY_IN_WORK,  /* by somebody else, or what he did is still being undone */
    GW_KEY_OTHER,    /* it belongs to another request */
    GW_KEY_ANSWERED, /* gw_key_stored() has it */
    GW_KEY_NOT_KEPT, /* it was answered, with more than is kept */
    GW_KEY_UNKNOWN,  /* the journal cannot be read */
    GW_KEY_ASKING,   /* the journal: `done` follows */
};

struct gw_key_name {
    struct gw_str scope; /* whose key it is, and for which route */
    struct gw_str key;
    struct gw_str hash; /* of the request, to tell a repetition from another one */
};

/* From the port's loop, never from within the function that was given it. */
typedef void (*gw_key_done_fn)(void *user, bool ok);

/* The texts are copied. Release what is returned, whatever the answer. */
struct gw_key_claim *gw_key_claim(struct gw_keys *keys, struct gw_journal_port *port,
                                  const struct gw_key_name *name, gw_key_done_fn done, void *user);
enum gw_key_answer gw_key_answer(const struct gw_key_claim *claim);

/* Of one that is ANSWERED: status, fields, body; the claim's. */
const struct gw_key_record *gw_key_stored(const struct gw_key_claim *claim);

/* A saga's commit has decided the key: what else is kept need not be waited for. */
void gw_key_decide(struct gw_key_claim *claim);
bool gw_key_is_decided(const struct gw_key_claim *claim);

/* Once, of one that is FREE: what a repetition will be answered with; copied. Durable when `done`
 * says ok; NULL: nobody waits. */
void gw_key_keep(struct gw_key_claim *claim, unsigned status, struct gw_str fields,
                 struct gw_str body, gw_key_done_fn done, void *user);

/* `done` is not called any more. Accepts NULL. */
void gw_key_release(struct gw_key_claim *claim);

/* --- What ties a saga to the key of the request that began it --- */

/* A copy: the saga may outlive the claim. */
struct gw_key_bond *gw_key_bond_new(const struct gw_key_claim *claim);
void gw_key_bond_free(struct gw_key_bond *bond);

/* On the journal's thread, in the transaction that writes `saga`: the key goes with it. In work as
 * long as the saga is; answered with 201 and its result once that is committed; free when it has
 * been undone. `is_first`: nothing of the saga has been written before, as far as is known. */
bool gw_key_bond_write(const struct gw_key_bond *bond, struct gw_store *store,
                       const struct gw_saga_record *saga, bool is_first);

#endif
