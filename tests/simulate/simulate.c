/* What an outage of one backend does to the load on it: 1,000 gateways with 100 clients each, in
 * virtual time, made of the gateway's own breaker, retry decision and retry budget with their
 * defaults. Four runs: with and without budget, with and without breaker. The same in each run of
 * the program, which fails if budget and breaker together let the load grow to LIMIT times what the
 * clients ask for.
 *
 * The clients are plain: each asks every two seconds, whatever it got. The backend answers within a
 * tick; in the outage, and beyond its capacity, with 503. */
#include "../unit/random.h"
#include "plot.h"
#include "policy/breaker.h"
#include "policy/retry.h"
#include "policy/retry_budget.h"

#include <stdio.h>

#define LIMIT 1.3

enum { GATEWAYS = 1000, CLIENTS = 100 };
enum { TICK_MS = 10, TICKS_PER_SECOND = 1000 / TICK_MS, CLIENT_TICKS = 2 * TICKS_PER_SECOND };
enum { SECONDS = 120, OUTAGE_FROM = 20, OUTAGE_TO = 50 };
enum { NORMAL = GATEWAYS * CLIENTS / 2, CAPACITY = 2 * NORMAL }; /* requests per second */

enum { MAX_ATTEMPTS = 3, AHEAD = 32 }; /* AHEAD: ticks, above the longest pause */

struct gateway {
    struct gw_breaker *breaker;
    struct gw_retry_budget *budget;
    unsigned char clients[CLIENT_TICKS];        /* that ask in this tick of each two seconds */
    unsigned char retries[AHEAD][MAX_ATTEMPTS]; /* due at a tick (modulo), by attempts so far */
};

struct run {
    const char *name, *color, *dashes;
    bool with_budget, with_breaker;
    /* What happened in each second: asked by clients, received by the backend, answered by it. */
    unsigned asked[SECONDS], received[SECONDS], answered[SECONDS];

    struct gateway gateways[GATEWAYS];
    int64_t tick;
    unsigned room; /* what the backend can still take in this tick */
    uint64_t random;
};

static const struct gw_breaker_options BREAKER = {
    .threshold = 5, .recovery_ms = 60000, .trials = 3, .lease_ms = 31000};
static const struct gw_retry_budget_options BUDGET = {.ratio = 0.2, .per_second = 3};

static int64_t now_ms(const struct run *run) {
    return run->tick * TICK_MS;
}

static unsigned second(const struct run *run) {
    return (unsigned)(run->tick / TICKS_PER_SECOND);
}

/* --- The backend --- */

static bool serve(struct run *run) {
    bool down = second(run) >= OUTAGE_FROM && second(run) < OUTAGE_TO;
    run->received[second(run)]++;
    if (down || run->room == 0)
        return false;
    run->room--;
    run->answered[second(run)]++;
    return true;
}

/* --- A gateway --- */

static void retry_later(struct run *run, struct gateway *gateway, unsigned attempts) {
    struct gw_retry_options options = gw_retry_defaults();
    struct gw_retry_question question = {
        .idempotent = true,
        .cause = GW_RETRY_STATUS,
        .status = 503,
        .attempts = attempts,
        .now_ms = now_ms(run),
        .deadline_ms = INT64_MAX,
        .retry_after_ms = -1,
        .random = next_random(&run->random),
    };
    int64_t pause_ms;
    if (gw_retry_decide(&options, &question, &pause_ms) != GW_RETRY_YES)
        return;
    if (run->with_budget && !gw_retry_budget_withdraw(gateway->budget, now_ms(run)))
        return;
    int64_t due = run->tick + 1 + pause_ms / TICK_MS;
    gateway->retries[due % AHEAD][attempts]++;
}

static void attempt(struct run *run, struct gateway *gateway, unsigned attempts) {
    struct gw_breaker_permit permit;
    int64_t ignored;
    if (!gw_breaker_admit(gateway->breaker, now_ms(run), &permit, &ignored))
        return;
    if (attempts == 1)
        gw_retry_budget_deposit(gateway->budget, now_ms(run));
    bool ok = serve(run);
    gw_breaker_report(gateway->breaker, permit, ok ? GW_BREAKER_SUCCESS : GW_BREAKER_FAILURE, 0,
                      now_ms(run));
    if (!ok)
        retry_later(run, gateway, attempts);
}

static void turn(struct run *run, struct gateway *gateway) {
    unsigned char *due = gateway->retries[run->tick % AHEAD];
    for (unsigned attempts = 1; attempts < MAX_ATTEMPTS; attempts++)
        for (; due[attempts]; due[attempts]--)
            attempt(run, gateway, attempts + 1);
    for (unsigned n = gateway->clients[run->tick % CLIENT_TICKS]; n; n--) {
        run->asked[second(run)]++;
        attempt(run, gateway, 1);
    }
}

static void gateway_init(struct run *run, struct gateway *gateway) {
    gateway->breaker = gw_breaker_new(BREAKER, NULL, NULL);
    if (!run->with_breaker)
        gw_breaker_disable(gateway->breaker, 0);
    gateway->budget = gw_retry_budget_new(BUDGET);
    for (unsigned i = 0; i < CLIENTS; i++)
        gateway->clients[next_random(&run->random) % CLIENT_TICKS]++;
}

static void gateway_fini(struct gateway *gateway) {
    gw_breaker_free(gateway->breaker);
    gw_retry_budget_free(gateway->budget);
}

/* --- A run --- */

/* Another gateway comes first each time, as the first ones get what room there is. */
static void tick(struct run *run) {
    unsigned first = (unsigned)(next_random(&run->random) % GATEWAYS);
    run->room = CAPACITY / TICKS_PER_SECOND;
    for (unsigned i = 0; i < GATEWAYS; i++)
        turn(run, &run->gateways[(first + i) % GATEWAYS]);
}

static void simulate(struct run *run) {
    run->random = 20260131;
    for (unsigned i = 0; i < GATEWAYS; i++)
        gateway_init(run, &run->gateways[i]);
    for (run->tick = 0; run->tick < SECONDS * TICKS_PER_SECOND; run->tick++)
        tick(run);
    for (unsigned i = 0; i < GATEWAYS; i++)
        gateway_fini(&run->gateways[i]);
}

/* --- What came of it --- */

/* What the backend received for each request that the clients made. */
static double amplification(const struct run *run, unsigned from, unsigned to) {
    double received = 0, asked = 0;
    for (unsigned i = from; i < to; i++) {
        received += run->received[i];
        asked += run->asked[i];
    }
    return received / asked;
}

static double worst_second(const struct run *run) {
    double worst = 0;
    for (unsigned i = 0; i < SECONDS; i++)
        if (amplification(run, i, i + 1) > worst)
            worst = amplification(run, i, i + 1);
    return worst;
}

/* Seconds from the end of the outage until all is answered again. */
static unsigned recovery(const struct run *run) {
    unsigned i = OUTAGE_TO;
    while (i < SECONDS && run->answered[i] < run->asked[i])
        i++;
    return i - OUTAGE_TO;
}

static void print(const struct run *run) {
    printf("%-22s %9.2f %17.2f %14.2f %17u s\n", run->name,
           amplification(run, OUTAGE_FROM, OUTAGE_TO), amplification(run, OUTAGE_FROM, SECONDS),
           worst_second(run), recovery(run));
}

static bool draw(const struct run *runs, unsigned n, const char *path) {
    struct plot_line lines[n];
    for (unsigned i = 0; i < n; i++)
        lines[i] =
            (struct plot_line){runs[i].name, runs[i].color, runs[i].dashes, runs[i].received};
    struct plot plot = {
        .title = "A 30 s outage of one backend: 1,000 gateways with 100 clients each",
        .seconds = SECONDS,
        .top = 4 * NORMAL,
        .outage_from = OUTAGE_FROM,
        .outage_to = OUTAGE_TO,
        .lines = lines,
        .n_lines = n,
    };
    return plot_write(&plot, path);
}

static struct run runs[] = {
    {.name = "no budget, no breaker", .color = "#d55e00"},
    {.name = "budget", .color = "#e69f00", .with_budget = true},
    {.name = "breaker", .color = "#56b4e9", .with_breaker = true},
    {.name = "budget and breaker",
     .color = "#003f7f",
     .dashes = "6 4",
     .with_budget = true,
     .with_breaker = true},
};
enum { RUNS = sizeof runs / sizeof *runs };

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: simulate FILE.svg\n");
        return 2;
    }
    printf("%-22s %9s %17s %14s %19s\n", "load amplification", "in outage", "with its recovery",
           "worst second", "all answered after");
    for (unsigned i = 0; i < RUNS; i++) {
        simulate(&runs[i]);
        print(&runs[i]);
    }
    if (!draw(runs, RUNS, argv[1])) {
        perror(argv[1]);
        return 2;
    }
    const struct run *both = &runs[RUNS - 1];
    bool holds = worst_second(both) < LIMIT; /* then no longer time is worse */
    printf("budget and breaker: %s %.1f\n", holds ? "below" : "NOT BELOW", LIMIT);
    return holds ? 0 : 1;
}
