/* Meters: what is counted of one route, or of one backend. They are found by name, live as long as
 * the process and so outlast the generations that name them; whoever counts keeps a pointer. The
 * control thread reads them for the dashboard and for /admin/routes and /admin/backends:
 *
 *     for (struct gw_meter *at = gw_meters_first(GW_METER_ROUTE); at; at = gw_meter_next(at)) {
 *         struct gw_meter_reading now;
 *         gw_meter_read(at, &now);
 *         double p99 = gw_metric_quantile(&now.durations, 0.99);   -- since the start
 *     }
 *
 * For the last seconds keep the reading before, and subtract: counts by hand, the histogram by
 * gw_metric_histogram_since(). */
#ifndef GW_POLICY_METRIC_METER_H
#define GW_POLICY_METRIC_METER_H

#include "policy/metric.h"

enum gw_meter_kind { GW_METER_ROUTE, GW_METER_BACKEND };

/* Beyond so many routes (or backends) the others share one meter, "overflow". */
#define GW_METER_MAX_ROUTES   (GW_METRIC_MAX_SERIES - 10)
#define GW_METER_MAX_BACKENDS 200
#define GW_METER_MAX_KEYS     24 /* different outcomes of one meter; then they are "other" */

#define GW_METER_CLIENT_CLOSED  499 /* a status that is not sent: nobody waited for one */
#define GW_METER_CALL_CANCELLED 11  /* as enum gw_failure has it */

struct gw_meter {
    enum gw_meter_kind kind;
    struct gw_meter *next; /* of its kind; never changes */
    struct gw_str name;    /* NUL-ended, owned: "GET /api/v1/products/:id", "none", "inventory" */
    struct gw_metric durations; /* of requests; of calls */

    /* Of a route. */
    struct gw_metric script_cpu, script_errors;

    /* Of a backend. */
    struct gw_metric attempts, retries, hedges;
    struct gw_metric in_flight; /* attempts */
    struct gw_metric waiting;   /* calls in line */

    /* Of each outcome that there has been: its key and the series' cell. */
    _Atomic(uint64_t) outcomes[GW_METER_MAX_KEYS];
};

/* By its name, made if it is new. Any thread. */
struct gw_meter *gw_meter_of_route(struct gw_str label);
struct gw_meter *gw_meter_of_backend(struct gw_str name);

/* Of requests that no route answers: unknown paths and methods, what could not be read. */
struct gw_meter *gw_meter_of_no_route(void);

/* One request is over: `status` 499 if its client has gone. On the worker's thread, as all that
 * counts. */
void gw_meter_count_request(struct gw_meter *meter, struct gw_str method, unsigned status,
                            int64_t duration_us);

/* One call is over. `number` is the failure's, 0 for a success, and `name` what it is called.
 * `status` is 0 if there was no response. */
void gw_meter_count_call(struct gw_meter *meter, unsigned number, const char *name, unsigned status,
                         int64_t duration_us);

/* --- Reading --- */

struct gw_meter_reading {
    uint64_t count;      /* requests, or calls, that are over */
    uint64_t by_code[6]; /* by the first digit of the status; 0: there was none */
    uint64_t errors;     /* of a route: 5xx. Of a backend: what did not succeed, but for cancelled
                            calls and answers below 500 */
    uint64_t cancelled;  /* of a route: 499; of a backend: nobody waited for it any more */
    uint64_t attempts, retries, hedges; /* of a backend */
    int64_t in_flight, waiting;         /* of a backend, now */
    struct gw_metric_histogram durations;
};

struct gw_meter *gw_meters_first(enum gw_meter_kind kind); /* the newest; NULL if there is none */
struct gw_meter *gw_meter_next(const struct gw_meter *meter);
/* NULL if there is none of that name. */
struct gw_meter *gw_meters_find(enum gw_meter_kind kind, struct gw_str name);
void gw_meter_read(const struct gw_meter *meter, struct gw_meter_reading *out);

#endif
