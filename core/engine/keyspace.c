#include "engine/keyspace.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gw_keyspaces {
    const char *folder;
    pthread_mutex_t mutex; /* guards what follows */
    unsigned n;
    struct {
        char name[GW_KEYSPACE_NAME_MAX + 1];
        struct gw_journal *journal; /* owned */
    } each[GW_KEYSPACE_MAX];
};

/* --- the list --- */

struct gw_keyspaces *gw_keyspaces_new(const char *folder) {
    struct gw_keyspaces *keyspaces = gw_calloc(1, sizeof *keyspaces);
    keyspaces->folder = folder;
    pthread_mutex_init(&keyspaces->mutex, NULL);
    return keyspaces;
}

void gw_keyspaces_free(struct gw_keyspaces *keyspaces) {
    if (!keyspaces)
        return;
    for (unsigned i = 0; i < keyspaces->n; i++)
        gw_journal_free(keyspaces->each[i].journal);
    pthread_mutex_destroy(&keyspaces->mutex);
    free(keyspaces);
}

/* Part of a file's name, so that it can be nothing else. */
static bool is_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    size_t len = strlen(name);
    return len > 0 && len <= GW_KEYSPACE_NAME_MAX && strspn(name, allowed) == len;
}

static struct gw_journal *open_new(struct gw_keyspaces *keyspaces, const char *name,
                                   struct gw_buf *error) {
    if (!is_name(name)) {
        gw_buf_printf(error, "a name is made of up to %d letters, digits, '_' and '-'",
                      GW_KEYSPACE_NAME_MAX);
        return NULL;
    }
    if (keyspaces->n == GW_KEYSPACE_MAX) {
        gw_buf_printf(error, "there are %d already", GW_KEYSPACE_MAX);
        return NULL;
    }
    char *kept = keyspaces->each[keyspaces->n].name;
    snprintf(kept, sizeof keyspaces->each->name, "%s", name);
    struct gw_buf why = {0};
    struct gw_store *store = gw_entries_open(keyspaces->folder, kept, &why);
    gw_buf_fini(&why); /* the journal's to tell */
    return keyspaces->each[keyspaces->n++].journal =
               gw_journal_new(store, &(struct gw_store_limits){0});
}

static struct gw_journal *find(struct gw_keyspaces *keyspaces, const char *name) {
    for (unsigned i = 0; i < keyspaces->n; i++)
        if (strcmp(keyspaces->each[i].name, name) == 0)
            return keyspaces->each[i].journal;
    return NULL;
}

struct gw_journal *gw_keyspaces_open(struct gw_keyspaces *keyspaces, const char *name,
                                     struct gw_buf *error) {
    pthread_mutex_lock(&keyspaces->mutex);
    struct gw_journal *journal = find(keyspaces, name);
    if (!journal)
        journal = open_new(keyspaces, name, error);
    pthread_mutex_unlock(&keyspaces->mutex);
    return journal;
}

/* --- changes: on the journal's thread --- */

/* As JSON writes it. */
static bool read_number(struct gw_str text, int64_t *out) {
    bool is_negative = text.len > 0 && text.data[0] == '-';
    struct gw_str digits = {text.data + is_negative, text.len - is_negative};
    uint64_t value;
    if (!gw_str_to_u64(digits, INT64_MAX, &value))
        return false;
    *out = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool put_number(struct gw_store *store, struct gw_str key, int64_t number) {
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)number);
    return gw_entries_put(store, key, (struct gw_str){text, (size_t)n});
}

static bool add(struct gw_keyspace_request *request, const struct gw_change *change,
                struct gw_store *store) {
    struct gw_buf text = {0};
    struct gw_str key = gw_buf_str(&change->key);
    int64_t version, number = 0, sum;
    bool ok = gw_entries_find(store, key, &text, &version);
    bool is_number = !version || read_number(gw_buf_str(&text), &number);
    gw_buf_fini(&text);
    if (!ok)
        return false;
    if (!is_number)
        request->answer = GW_KEYSPACE_NOT_A_NUMBER;
    else if (__builtin_add_overflow(number, change->by, &sum) || sum < change->least ||
             sum > change->most)
        request->answer = GW_KEYSPACE_REFUSED;
    else
        return request->number = sum, put_number(store, key, sum);
    return true;
}

static bool expect(struct gw_keyspace_request *request, const struct gw_change *change,
                   struct gw_store *store) {
    struct gw_buf ignored = {0};
    int64_t version;
    bool ok = gw_entries_find(store, gw_buf_str(&change->key), &ignored, &version);
    gw_buf_fini(&ignored);
    if (ok && version != change->version)
        request->answer = GW_KEYSPACE_REFUSED;
    return ok;
}

/* False: the store failed. */
static bool make_change(struct gw_keyspace_request *request, const struct gw_change *change,
                        struct gw_store *store) {
    struct gw_str key = gw_buf_str(&change->key);
    bool found, ok;
    switch (change->kind) {
    case GW_CHANGE_PUT:
        return gw_entries_put(store, key, gw_buf_str(&change->value));
    case GW_CHANGE_DELETE:
        ok = gw_entries_delete(store, key, &found);
        request->number = found;
        return ok;
    case GW_CHANGE_ADD:
        return add(request, change, store);
    case GW_CHANGE_EXPECT:
        return expect(request, change, store);
    }
    return false;
}

static bool change_all(struct gw_keyspace_request *request, struct gw_store *store) {
    request->answer = GW_KEYSPACE_DONE;
    request->number = 0;
    if (!gw_entries_hold(store))
        return false;
    for (unsigned i = 0; i < request->n_changes; i++) {
        request->refused_at = i;
        if (!make_change(request, &request->changes[i], store))
            return false;
        if (request->answer != GW_KEYSPACE_DONE)
            return gw_entries_drop(store);
    }
    return gw_entries_keep(store);
}

/* --- what is found --- */

static void forget_found(struct gw_keyspace_request *request) {
    for (unsigned i = 0; i < request->n_found; i++) {
        gw_buf_fini(&request->found[i].key);
        gw_buf_fini(&request->found[i].value);
    }
    free(request->found);
    request->found = NULL;
    request->n_found = 0;
    request->sum = 0;
    request->is_more = false;
}

static struct gw_found *new_found(struct gw_keyspace_request *request) {
    size_t n = request->n_found + 1;
    request->found = gw_realloc(request->found, n * sizeof *request->found);
    request->found[n - 1] = (struct gw_found){0};
    request->n_found++;
    return &request->found[n - 1];
}

static bool find_one(struct gw_keyspace_request *request, struct gw_store *store) {
    struct gw_found *found = new_found(request);
    bool ok = gw_entries_find(store, gw_buf_str(&request->key), &found->value, &found->version);
    if (!found->version)
        forget_found(request);
    return ok;
}

static bool take_found(void *user, const struct gw_entry *entry) {
    struct gw_keyspace_request *request = user;
    size_t size = entry->key.len + entry->value.len;
    request->is_more =
        request->n_found == request->limit || request->sum + size > GW_KEYSPACE_SUM_MAX;
    if (request->is_more)
        return false;
    struct gw_found *found = new_found(request);
    gw_buf_append_str(&found->key, entry->key);
    gw_buf_append_str(&found->value, entry->value);
    found->version = entry->version;
    request->sum += size;
    return true;
}

/* --- requests --- */

static bool run(struct gw_journal_op *op, struct gw_store *store) {
    struct gw_keyspace_request *request = (struct gw_keyspace_request *)op;
    if (request->kind == GW_KEYSPACE_CHANGE)
        return change_all(request, store);
    forget_found(request); /* it may run twice */
    request->answer = GW_KEYSPACE_DONE;
    if (request->kind == GW_KEYSPACE_FIND)
        return find_one(request, store);
    return gw_entries_list(store, gw_buf_str(&request->key), gw_buf_str(&request->after),
                           take_found, request);
}

static void ended(struct gw_journal_op *op, bool ok) {
    struct gw_keyspace_request *request = (struct gw_keyspace_request *)op;
    if (!ok)
        request->answer = GW_KEYSPACE_FAILED;
    if (request->done)
        request->done(request, request->user);
    else
        gw_keyspace_request_free(request);
}

struct gw_keyspace_request *gw_keyspace_request_new(int kind) {
    struct gw_keyspace_request *request = gw_calloc(1, sizeof *request);
    request->kind = kind;
    request->op.run = run;
    request->op.done = ended;
    return request;
}

struct gw_change *gw_keyspace_request_add(struct gw_keyspace_request *request,
                                          enum gw_change_kind kind, struct gw_str key) {
    size_t n = request->n_changes + 1;
    request->changes = gw_realloc(request->changes, n * sizeof *request->changes);
    struct gw_change *change = &request->changes[request->n_changes++];
    *change = (struct gw_change){.kind = kind};
    gw_buf_append_str(&change->key, key);
    return change;
}

void gw_keyspace_request_free(struct gw_keyspace_request *request) {
    if (!request)
        return;
    forget_found(request);
    for (unsigned i = 0; i < request->n_changes; i++) {
        gw_buf_fini(&request->changes[i].key);
        gw_buf_fini(&request->changes[i].value);
    }
    free(request->changes);
    gw_buf_fini(&request->key);
    gw_buf_fini(&request->after);
    free(request);
}

void gw_keyspace_submit(struct gw_journal_port *port, struct gw_keyspace_request *request) {
    gw_journal_submit(port, &request->op);
}
