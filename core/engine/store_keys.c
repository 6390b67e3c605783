#include "engine/store_internal.h"

#define COLUMNS "scope, key, hash, owner, saga_kind, saga_id, status, fields, body, created_ms"

bool gw_store_put_key(struct gw_store *store, const struct gw_key_record *key) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store),
               "INSERT INTO keys (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
               " ON CONFLICT (key, scope) DO UPDATE SET hash = excluded.hash,"
               " owner = excluded.owner, saga_kind = excluded.saga_kind,"
               " saga_id = excluded.saga_id, status = excluded.status, fields = excluded.fields,"
               " body = excluded.body, created_ms = excluded.created_ms");
    gw_sql_put_text(&sql, key->scope);
    gw_sql_put_text(&sql, key->key);
    gw_sql_put_blob(&sql, key->hash);
    gw_sql_put_text(&sql, key->owner);
    gw_sql_put_text(&sql, key->saga_kind);
    gw_sql_put_text(&sql, key->saga_id);
    gw_sql_put_int(&sql, key->status);
    gw_sql_put_text(&sql, key->fields);
    gw_sql_put_blob(&sql, key->body);
    gw_sql_put_int(&sql, key->created_ms);
    return gw_sql_end(&sql);
}

static void read_key(struct gw_sql *sql, struct gw_key_record *key) {
    *key = (struct gw_key_record){
        .scope = gw_sql_bytes(sql, 0),
        .key = gw_sql_bytes(sql, 1),
        .hash = gw_sql_bytes(sql, 2),
        .owner = gw_sql_bytes(sql, 3),
        .saga_kind = gw_sql_bytes(sql, 4),
        .saga_id = gw_sql_bytes(sql, 5),
        .status = (unsigned)gw_sql_int(sql, 6),
        .fields = gw_sql_bytes(sql, 7),
        .body = gw_sql_bytes(sql, 8),
        .created_ms = gw_sql_int(sql, 9),
    };
}

static void own_key(struct gw_key_record *key) {
    struct gw_str *texts[] = {&key->scope,     &key->key,     &key->hash,   &key->owner,
                              &key->saga_kind, &key->saga_id, &key->fields, &key->body};
    gw_buf_own(&key->memory, texts, sizeof texts / sizeof *texts);
}

bool gw_store_find_key(struct gw_store *store, struct gw_str scope, struct gw_str key, bool *found,
                       struct gw_key_record *record) {
    struct gw_sql sql =
        gw_sql(gw_sqlite_of(store), "SELECT " COLUMNS " FROM keys WHERE scope = ? AND key = ?");
    gw_sql_put_text(&sql, scope);
    gw_sql_put_text(&sql, key);
    *record = (struct gw_key_record){0};
    *found = gw_sql_next(&sql);
    if (*found) {
        read_key(&sql, record);
        own_key(record);
    }
    return gw_sql_end(&sql);
}

bool gw_store_forget_key(struct gw_store *store, struct gw_str scope, struct gw_str key) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "DELETE FROM keys WHERE scope = ? AND key = ?");
    gw_sql_put_text(&sql, scope);
    gw_sql_put_text(&sql, key);
    return gw_sql_end(&sql);
}

bool gw_store_list_keys(struct gw_store *store, int64_t after, int64_t max, gw_key_visitor visit,
                        void *user) {
    struct gw_sql sql = gw_sql(gw_sqlite_of(store), "SELECT number, scope, key FROM keys"
                                                    " WHERE number > ? ORDER BY number LIMIT ?");
    gw_sql_put_int(&sql, after);
    gw_sql_put_int(&sql, max);
    while (gw_sql_next(&sql))
        visit(user, gw_sql_int(&sql, 0), gw_sql_bytes(&sql, 1), gw_sql_bytes(&sql, 2));
    return gw_sql_end(&sql);
}
