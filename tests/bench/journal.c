/* What the journal does: operations a second, fsyncs for each, and how long one waits, with 1, 64
 * and 200 at a time. One operation is what an order writes before it calls a backend: its saga and
 * a step. Usage: journal FOLDER SECONDS */
#include "../unit/faulty_disk.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "engine/journal.h"

#include <event2/event.h>
#include <stdio.h>

#define MAX_AT_A_TIME 200
#define MAX_WAITS     1000000

static struct gw_journal_port *port;
static int64_t until_us;
static unsigned n_under_way;
static int64_t *waits_us; /* of those that have ended */
static size_t n_waits;

struct order {
    struct gw_journal_op op;
    char id[GW_ID_SIZE];
    int64_t since_us;
};

static bool run_order(struct gw_journal_op *op, struct gw_store *store) {
    struct order *order = (struct order *)op;
    struct gw_saga_record saga = {.kind = GW_STR("order"),
                                  .id = gw_str_from(order->id),
                                  .correlation_id = gw_str_from(order->id),
                                  .created_ms = gw_clock_wall_ms()};
    if (!store->functions->put_saga(store, &saga))
        return false;
    struct gw_step_record step = {
        .saga = saga.number,
        .n = 1,
        .act = {.backend = GW_STR("inventory"),
                .method = GW_STR("POST"),
                .path = GW_STR("/stock/TEST-001/reserve")},
        .undo = {.backend = GW_STR("inventory"),
                 .method = GW_STR("POST"),
                 .path = GW_STR("/stock/TEST-001/release"),
                 .fields = GW_STR("content-type: application/json\n"),
                 .body = GW_STR("{\"orderId\":\"0193b1c0-0000-7000-8000-000000000000\"}"),
                 .has_body = true},
        .undo_state = GW_UNDO_PENDING,
    };
    return store->functions->put_step(store, &step);
}

static void begin_order(struct order *order) {
    gw_id_new(order->id);
    order->since_us = gw_clock_us();
    gw_journal_submit(port, &order->op);
}

static void order_done(struct gw_journal_op *op, bool ok) {
    struct order *order = (struct order *)op;
    int64_t now_us = gw_clock_us();
    if (!ok)
        abort();
    if (n_waits < MAX_WAITS)
        waits_us[n_waits++] = now_us - order->since_us;
    if (now_us < until_us)
        begin_order(order);
    else
        n_under_way--;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double wait_ms(double part) {
    return n_waits ? (double)waits_us[(size_t)((double)(n_waits - 1) * part)] / 1000 : 0;
}

static void report(unsigned n, double seconds, struct gw_journal_counts from,
                   struct gw_journal_counts to, unsigned syncs) {
    double operations = (double)(to.operations - from.operations);
    qsort(waits_us, n_waits, sizeof *waits_us, by_size);
    printf("%13u  %12.0f  %18.3f  %15.1f  %8.2f  %8.2f\n", n, operations / seconds,
           syncs / operations, operations / (double)(to.transactions - from.transactions),
           wait_ms(0.5), wait_ms(0.99));
}

static void measure(struct gw_journal *journal, struct event_base *base, unsigned n,
                    double seconds) {
    static struct order orders[MAX_AT_A_TIME];
    struct gw_journal_counts from = gw_journal_count(journal);
    unsigned syncs = atomic_load(&disk_syncs);
    int64_t since_us = gw_clock_us();
    until_us = since_us + (int64_t)(seconds * 1e6);
    n_waits = 0;
    n_under_way = n;
    for (unsigned i = 0; i < n; i++) {
        orders[i].op = (struct gw_journal_op){.run = run_order, .done = order_done};
        begin_order(&orders[i]);
    }
    while (n_under_way)
        event_base_loop(base, EVLOOP_ONCE);
    report(n, (double)(gw_clock_us() - since_us) / 1e6, from, gw_journal_count(journal),
           atomic_load(&disk_syncs) - syncs);
}

int main(int argc, char **argv) {
    static const unsigned at_a_time[] = {1, 64, 200};
    struct gw_buf error = {0};
    use_faulty_disk();
    disk_syncs_really = true;
    struct gw_store *store = argc == 3 ? gw_store_sqlite_open(argv[1], &error) : NULL;
    if (!store) {
        fprintf(stderr, "usage: %s FOLDER SECONDS\n%.*s\n", argv[0],
                GW_STR_ARG(gw_buf_str(&error)));
        return 2;
    }
    struct event_base *base = event_base_new();
    struct gw_journal *journal = gw_journal_new(store, &(struct gw_store_limits){0});
    port = gw_journal_port_new(journal, base);
    waits_us = gw_calloc(MAX_WAITS, sizeof *waits_us);
    printf(
        "at the same time  operations/s  fsyncs/operation  in a transaction    p50 ms    p99 ms\n");
    for (size_t i = 0; i < sizeof at_a_time / sizeof *at_a_time; i++)
        measure(journal, base, at_a_time[i], strtod(argv[2], NULL));
    free(waits_us);
    gw_journal_port_free(port);
    gw_journal_free(journal);
    event_base_free(base);
    return 0;
}
