/* What ties a saga to the key of the request that began it. */
#include "engine/keys_internal.h"

#include "base/alloc.h"

#include <stdlib.h>

struct gw_key_bond {
    struct gw_key_record record; /* in work; without the saga's name */
    size_t max_bytes;
};

struct gw_key_bond *gw_key_bond_new(const struct gw_key_claim *claim) {
    struct gw_key_bond *bond = gw_calloc(1, sizeof *bond);
    struct gw_key_record *record = &bond->record;
    struct gw_str *const texts[] = {&record->scope, &record->key, &record->hash, &record->owner};
    *record = claim->record;
    record->memory = (struct gw_buf){0};
    gw_buf_own(&record->memory, texts, sizeof texts / sizeof *texts);
    bond->max_bytes = claim->keys->max_bytes;
    return bond;
}

void gw_key_bond_free(struct gw_key_bond *bond) {
    if (!bond)
        return;
    gw_buf_fini(&bond->record.memory);
    free(bond);
}

struct gw_str gw_key_fields_for(struct gw_str result) {
    return result.len ? GW_STR("content-type: application/json\r\n") : GW_STR("");
}

static bool find(const struct gw_key_bond *bond, struct gw_store *store, bool *is_there,
                 struct gw_key_record *found) {
    struct gw_str scope = bond->record.scope, key = bond->record.key;
    return store->functions->find_key(store, scope, key, is_there, found);
}

/* Unless another saga of this very request has decided it. */
static bool take(const struct gw_key_bond *bond, struct gw_store *store,
                 const struct gw_saga_record *saga) {
    struct gw_key_record key = bond->record, found;
    bool is_there;
    if (!find(bond, store, &is_there, &found))
        return false;
    bool is_decided = is_there && !found.owner.len && found.created_ms == key.created_ms;
    gw_buf_fini(&found.memory);
    key.saga_kind = saga->kind;
    key.saga_id = saga->id;
    return is_decided || store->functions->put_key(store, &key);
}

static bool decide(const struct gw_key_bond *bond, struct gw_store *store,
                   const struct gw_saga_record *saga) {
    struct gw_key_record key = bond->record;
    struct gw_str fields = gw_key_fields_for(saga->result);
    key.owner = GW_STR("");
    if (gw_key_fits(bond->max_bytes, fields, saga->result)) {
        key.status = GW_KEY_COMMITTED_STATUS;
        key.fields = fields;
        key.body = saga->result;
    }
    return store->functions->put_key(store, &key);
}

/* Unless it has been answered, or has gone on to another saga. */
static bool let_go(const struct gw_key_bond *bond, struct gw_store *store,
                   const struct gw_saga_record *saga) {
    struct gw_key_record found;
    bool is_there;
    if (!find(bond, store, &is_there, &found))
        return false;
    bool is_its = is_there && found.owner.len && gw_str_equal(found.saga_id, saga->id) &&
                  gw_str_equal(found.saga_kind, saga->kind);
    gw_buf_fini(&found.memory);
    return !is_its || store->functions->forget_key(store, bond->record.scope, bond->record.key);
}

bool gw_key_bond_write(const struct gw_key_bond *bond, struct gw_store *store,
                       const struct gw_saga_record *saga, bool is_first) {
    if (saga->state == GW_SAGA_COMMITTED)
        return decide(bond, store, saga);
    if (saga->state == GW_SAGA_UNDONE)
        return let_go(bond, store, saga);
    return !is_first || take(bond, store, saga);
}
