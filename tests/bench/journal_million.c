/* How long a journal of a million finished orders takes to start, and how large it is. Each has
 * three steps and its idempotency key's answer is a day's: one in ten is kept. A hundred orders are
 * unfinished. Usage: journal_million FOLDER COUNT */
#include "base/clock.h"
#include "base/id.h"
#include "engine/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define IN_TRANSACTION 5000
#define STEPS          3
#define UNFINISHED     100

static void check(const struct gw_store *store, bool ok) {
    if (ok)
        return;
    fprintf(stderr, "%s\n", gw_store_error(store));
    exit(1);
}

static struct gw_store *open_or_exit(const char *folder) {
    struct gw_buf error = {0};
    struct gw_store *store = gw_store_sqlite_open(folder, &error);
    if (!store) {
        fprintf(stderr, "%.*s\n", GW_STR_ARG(gw_buf_str(&error)));
        exit(1);
    }
    return store;
}

static void put_steps(struct gw_store *store, int64_t saga, struct gw_str body) {
    for (unsigned n = 1; n <= STEPS; n++) {
        struct gw_step_record step = {
            .saga = saga,
            .n = n,
            .act = {.backend = GW_STR("inventory"),
                    .method = GW_STR("POST"),
                    .path = GW_STR("/stock/TEST-001/reserve")},
            .outcome = GW_STEP_DONE,
            .undo = {.backend = GW_STR("inventory"),
                     .method = GW_STR("POST"),
                     .path = GW_STR("/stock/TEST-001/release"),
                     .fields = GW_STR("content-type: application/json\n"),
                     .body = body,
                     .has_body = true},
            .undo_state = GW_UNDO_PENDING,
        };
        check(store, store->functions->put_step(store, &step));
    }
}

static void put_key(struct gw_store *store, struct gw_str id, struct gw_str body) {
    char name[GW_ID_SIZE];
    gw_id_new(name);
    struct gw_key_record key = {.scope = GW_STR("POST /api/v1/orders 203.0.113.7"),
                                .key = gw_str_from(name),
                                .hash = gw_str_from("01234567890123456789012345678901"),
                                .saga_kind = GW_STR("order"),
                                .saga_id = id,
                                .status = 201,
                                .fields = GW_STR("content-type: application/json\r\n"),
                                .body = body,
                                .created_ms = gw_clock_wall_ms()};
    check(store, store->functions->put_key(store, &key));
}

static void put_order(struct gw_store *store, long n) {
    char id[GW_ID_SIZE], correlation[GW_ID_SIZE], body[128];
    gw_id_new(id);
    gw_id_new(correlation);
    snprintf(body, sizeof body, "{\"orderId\":\"%s\",\"status\":\"CONFIRMED\",\"total\":123.45}",
             id);
    struct gw_saga_record saga = {.kind = GW_STR("order"),
                                  .id = gw_str_from(id),
                                  .correlation_id = gw_str_from(correlation),
                                  .created_ms = gw_clock_wall_ms(),
                                  .changed_ms = gw_clock_wall_ms()};
    check(store, store->functions->put_saga(store, &saga));
    put_steps(store, saga.number, gw_str_from(body));
    if (n < UNFINISHED)
        return;
    saga.state = GW_SAGA_COMMITTED;
    saga.result = gw_str_from(body);
    check(store, store->functions->put_saga(store, &saga));
    if (n % 10 == 0)
        put_key(store, gw_str_from(id), gw_str_from(body));
}

static void fill(struct gw_store *store, long count) {
    for (long n = 0; n < count; n++) {
        if (n % IN_TRANSACTION == 0)
            check(store, store->functions->begin(store));
        put_order(store, n);
        if (n % IN_TRANSACTION == IN_TRANSACTION - 1 || n == count - 1)
            check(store, store->functions->commit(store));
    }
}

static bool count_one(void *user, const struct gw_saga_record *saga) {
    (void)saga;
    ++*(long *)user;
    return true;
}

/* What a gateway waits for before it is ready. */
static struct gw_store *start(const char *folder, int64_t *took_ms) {
    long n = 0;
    int64_t since_ms = gw_clock_ms();
    struct gw_store *store = open_or_exit(folder);
    check(store, store->functions->begin(store));
    check(store, store->functions->find_sagas(store, true, 0, count_one, &n));
    check(store, store->functions->commit(store));
    *took_ms = gw_clock_ms() - since_ms;
    check(store, n == UNFINISHED);
    return store;
}

static int64_t clean_a_step_ms(struct gw_store *store, int64_t max_count) {
    struct gw_store_limits limits = {.sagas = {.max_count = max_count}};
    bool more;
    int64_t since_ms = gw_clock_ms();
    check(store, store->functions->begin(store));
    check(store, store->functions->clean(store, &limits, gw_clock_wall_ms(), &more));
    check(store, store->functions->commit(store));
    return gw_clock_ms() - since_ms;
}

int main(int argc, char **argv) {
    char path[4096];
    struct stat about;
    int64_t took_ms;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (count <= UNFINISHED) {
        fprintf(stderr, "usage: %s FOLDER COUNT\n", argv[0]);
        return 2;
    }
    int64_t since_ms = gw_clock_ms();
    struct gw_store *store = open_or_exit(argv[1]);
    fill(store, count);
    gw_store_close(store);
    printf("%ld orders, written in %.1f s\n", count, (double)(gw_clock_ms() - since_ms) / 1000);

    store = start(argv[1], &took_ms);
    snprintf(path, sizeof path, "%s/moongate.db", argv[1]);
    if (stat(path, &about) != 0)
        return 1;
    double mb = (double)about.st_size / 1e6;
    printf("start: %lld ms (at most 2000)\nfile: %.0f MB (at most 1000)\n", (long long)took_ms, mb);
    printf("a step of retention: nothing to do %lld ms,", (long long)clean_a_step_ms(store, count));
    printf(" the first of many %lld ms\n", (long long)clean_a_step_ms(store, count / 2));
    gw_store_close(store);
    return took_ms <= 2000 && mb <= 1000 ? 0 : 1;
}
