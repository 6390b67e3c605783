#include "engine/store_internal.h"

#define STEP          250  /* records of a kind in one go: some ten milliseconds */
#define FREE_PAGES    1024 /* room that is kept: records come and go */
#define PAGES_IN_STEP "512"
#define FREE_PART     4 /* of a larger file a quarter may be free */

/* The statements of one kind: how many may be forgotten; which go by age, up to a time; and which
 * go by number. Each finds its records by a partial index, in the order of age. */
struct kind {
    const char *count, *by_age, *by_number;
    enum gw_kind place; /* in gw_sqlite.n_over */
};

#define FORGET(kind, table, time, condition)                                            \
    {                                                                                   \
        .count = "SELECT count(" time ") FROM " table " WHERE " condition,              \
        .by_age = "DELETE FROM " table " WHERE number IN (SELECT number FROM " table    \
                  " WHERE " condition " AND " time " < ? ORDER BY " time " LIMIT ?)",   \
        .by_number = "DELETE FROM " table " WHERE number IN (SELECT number FROM " table \
                     " WHERE " condition " ORDER BY " time " LIMIT ?)",                 \
    }

static const struct kind sagas = FORGET(GW_KIND_SAGA, "sagas", "changed_ms", "state IN (1, 3, 4)");
static const struct kind jobs = FORGET(GW_KIND_JOB, "jobs", "finished_ms", "state IN (2, 3, 4)");
static const struct kind keys = FORGET(GW_KIND_KEY, "keys", "created_ms", "owner = ''");
static const struct kind keys_left = FORGET(GW_KIND_KEY, "keys", "created_ms", "owner <> ''");

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Each returns how many are gone. */
static int64_t forget_older(struct gw_sqlite *sqlite, const struct kind *kind, int64_t before_ms) {
    struct gw_sql sql = gw_sql(sqlite, kind->by_age);
    gw_sql_put_int(&sql, before_ms);
    gw_sql_put_int(&sql, STEP);
    return gw_sql_end(&sql) ? sqlite3_changes(sqlite->db) : 0;
}

static int64_t forget_oldest(struct gw_sqlite *sqlite, const struct kind *kind, int64_t n) {
    if (n <= 0)
        return 0;
    struct gw_sql sql = gw_sql(sqlite, kind->by_number);
    gw_sql_put_int(&sql, least(n, STEP));
    return gw_sql_end(&sql) ? sqlite3_changes(sqlite->db) : 0;
}

/* To count a million takes a while, so it is done once and not again until all that was found to be
 * too many are gone. */
static bool apply_count(struct gw_sqlite *sqlite, const struct kind *kind, int64_t max_count) {
    int64_t *n_over = &sqlite->n_over[kind->place];
    if (*n_over <= 0)
        *n_over = gw_sql_number(sqlite, kind->count) - max_count;
    int64_t n = forget_oldest(sqlite, kind, *n_over);
    *n_over = n == STEP ? *n_over - n : 0;
    return *n_over > 0;
}

static bool apply(struct gw_sqlite *sqlite, const struct kind *kind,
                  const struct gw_store_limit *limit, int64_t now_ms) {
    bool more = limit->keep_ms && forget_older(sqlite, kind, now_ms - limit->keep_ms) == STEP;
    bool more_by_count = limit->max_count && apply_count(sqlite, kind, limit->max_count);
    return more || more_by_count;
}

/* A key in work is its process's; one whose process died is kept as long as its answer would be. */
static bool apply_to_left(struct gw_sqlite *sqlite, const struct gw_store_limit *limit,
                          int64_t now_ms) {
    int64_t before_ms = least(now_ms - limit->keep_ms, sqlite->opened_ms);
    return limit->keep_ms && forget_older(sqlite, &keys_left, before_ms) == STEP;
}

static int64_t free_pages(struct gw_sqlite *sqlite) {
    return gw_sql_number(sqlite, "PRAGMA freelist_count");
}

static int64_t pages(struct gw_sqlite *sqlite) {
    return gw_sql_number(sqlite, "PRAGMA page_count");
}

static bool apply_bytes(struct gw_sqlite *sqlite, int64_t max_bytes) {
    int64_t bytes =
        (pages(sqlite) - free_pages(sqlite)) * gw_sql_number(sqlite, "PRAGMA page_size");
    if (!max_bytes || bytes <= max_bytes)
        return false;
    int64_t n = forget_oldest(sqlite, &jobs, STEP) + forget_oldest(sqlite, &keys, STEP);
    return n > 0 || forget_oldest(sqlite, &sagas, STEP) > 0;
}

static bool is_too_empty(struct gw_sqlite *sqlite) {
    int64_t n = free_pages(sqlite);
    return n > FREE_PAGES && n > pages(sqlite) / FREE_PART;
}

bool gw_sqlite_give_back(struct gw_sqlite *sqlite) {
    return is_too_empty(sqlite) &&
           gw_sql_exec(sqlite, "PRAGMA incremental_vacuum(" PAGES_IN_STEP ")") &&
           is_too_empty(sqlite);
}

bool gw_store_clean(struct gw_store *store, const struct gw_store_limits *limits, int64_t now_ms,
                    bool *more) {
    struct gw_sqlite *sqlite = gw_sqlite_of(store);
    bool is_more = apply(sqlite, &sagas, &limits->sagas, now_ms);
    is_more |= apply(sqlite, &jobs, &limits->jobs, now_ms);
    is_more |= apply(sqlite, &keys, &limits->keys, now_ms);
    is_more |= apply_to_left(sqlite, &limits->keys, now_ms);
    is_more |= apply_bytes(sqlite, limits->max_bytes);
    is_more |= gw_sqlite_give_back(sqlite);
    *more = is_more && !sqlite->failed;
    return !sqlite->failed;
}
