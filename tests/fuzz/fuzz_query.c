/* What operators' programs send beside a path: a query, then, after a line feed, a body. Whatever
 * is read points into what was given, and what is not read leaves a complaint. */
#include "admin/body.h"
#include "admin/query.h"

#include <stdlib.h>
#include <string.h>

#define KNOWN "kind status limit reason open"

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool is_within(struct gw_str inner, const char *data, size_t len) {
    return inner.data >= data && inner.data + inner.len <= data + len;
}

static void check_query(struct gw_str raw) {
    struct gw_query query = {0};
    uint64_t limit = 5;
    bool open = false, ok = gw_query_read(&query, raw, KNOWN);
    require(ok == (query.complaint.len == 0));
    for (unsigned i = 0; i < query.n_items; i++) {
        require(is_within(query.items[i].value, query.decoded.data, query.decoded.len));
        require(!memchr(query.items[i].value.data, '\0', query.items[i].value.len));
    }
    if (ok && gw_query_number(&query, "limit", 1, 1000, &limit))
        require(limit >= 1 && limit <= 1000);
    if (ok && query.complaint.len == 0)
        require(gw_query_flag(&query, "open", &open) == (query.complaint.len == 0));
    gw_query_fini(&query);
}

static void check_body(struct gw_str text) {
    struct gw_body body = {0};
    struct gw_buf reason = {0};
    bool ok = gw_body_read(&body, text, KNOWN);
    require(ok == (body.complaint.len == 0));
    for (unsigned i = 0; i < body.n_members; i++)
        require(is_within(body.members[i].value, text.data, text.len));
    if (ok && gw_body_text(&body, "reason", 100, &reason))
        require(reason.len > 0 && reason.len <= 100);
    gw_buf_fini(&reason);
    gw_body_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gw_str rest = {(const char *)data, size}, query = {"", 0};
    gw_str_split(rest, '\n', &query, &rest);
    check_query(query);
    check_body(rest);
    return 0;
}
