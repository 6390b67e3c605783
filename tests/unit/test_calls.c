/* The table of calls against openapi.json: neither has what the other has not. */
#include "admin/admin_internal.h"
#include "admin/words.h"
#include "base/json_scan.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gw_str inside_of(struct gw_str inside, const char *key) {
    struct gw_str value;
    if (!gw_json_find(inside, key, &value))
        fail_msg("no %s", key);
    return gw_json_inside(value);
}

static struct gw_str paths(void) {
    const struct gw_embedded *file = gw_embedded_find(gw_admin_files, GW_STR("openapi.json"));
    assert_non_null(file);
    return inside_of(gw_json_inside((struct gw_str){file->text.data, file->text.len - 1}), "paths");
}

/* "/a/:id/b" is "/a/{id}/b" there. */
static const char *as_described(const char *path) {
    static char text[128];
    size_t n = 0;
    bool is_open = false;
    for (; *path; path++) {
        if (is_open && *path == '/')
            text[n++] = '}';
        is_open = *path == ':' || (is_open && *path != '/');
        text[n++] = *path;
        if (*path == ':')
            text[n - 1] = '{';
    }
    if (is_open)
        text[n++] = '}';
    text[n] = '\0';
    return text;
}

static struct gw_str operation_of(const struct gw_admin_call *call) {
    char method[8];
    size_t i = 0;
    for (; call->method[i]; i++)
        method[i] = (char)tolower(call->method[i]);
    method[i] = '\0';
    return inside_of(inside_of(paths(), as_described(call->path)), method);
}

/* How many of its parameters are of the query; each must be a name that the call knows. */
static unsigned check_query(const struct gw_admin_call *call, struct gw_str operation) {
    struct gw_str parameters, where, name;
    struct gw_json_item item;
    unsigned n = 0;
    if (!gw_json_find(operation, "parameters", &parameters))
        return 0;
    parameters = gw_json_inside(parameters);
    while (gw_json_next(&parameters, &item)) {
        struct gw_str parameter = gw_json_inside(item.value);
        assert_true(gw_json_find(parameter, "in", &where));
        assert_true(gw_json_find(parameter, "name", &name));
        if (!gw_str_equal(where, GW_STR("\"query\"")))
            continue;
        assert_true(gw_words_have(call->query, (struct gw_str){name.data + 1, name.len - 2}));
        n++;
    }
    return n;
}

static unsigned count_words(const char *list) {
    struct gw_str rest = gw_str_from(list), word;
    unsigned n = 0;
    while (gw_str_split(rest, ' ', &word, &rest))
        n++;
    return n;
}

static void each_call_is_described(void **state) {
    (void)state;
    for (const struct gw_admin_call *call = gw_admin_calls; call->method; call++) {
        struct gw_str operation = operation_of(call), body;
        assert_int_equal(check_query(call, operation), count_words(call->query));
        assert_true(count_words(call->query) <= GW_QUERY_MAX_ITEMS);
        assert_true(count_words(call->members) <= GW_BODY_MAX_MEMBERS);
        assert_int_equal(gw_json_find(operation, "requestBody", &body), *call->members != '\0');
    }
}

static bool is_call(struct gw_str path, struct gw_str method) {
    for (const struct gw_admin_call *call = gw_admin_calls; call->method; call++)
        if (gw_str_equal_nocase(method, gw_str_from(call->method)) &&
            gw_str_equal(path, gw_str_from(as_described(call->path))))
            return true;
    return false;
}

static void what_is_described_is_a_call(void **state) {
    (void)state;
    struct gw_str all = paths();
    struct gw_json_item path, method;
    unsigned n = 0;
    for (; gw_json_next(&all, &path); n++) {
        struct gw_str methods = gw_json_inside(path.value);
        while (gw_json_next(&methods, &method))
            if (!is_call(path.key, method.key))
                fail_msg("%.*s %.*s", GW_STR_ARG(method.key), GW_STR_ARG(path.key));
    }
    assert_true(n > 10);
}

static void they_can_be_found(void **state) {
    (void)state;
    struct gw_router *router = gw_admin_new_router();
    struct gw_route_match match = {0};
    for (int i = 0; gw_admin_calls[i].method; i++) {
        assert_int_equal(gw_router_find(router, gw_str_from(gw_admin_calls[i].method),
                                        gw_str_from(gw_admin_calls[i].path), &match),
                         GW_ROUTE_FOUND);
        assert_int_equal(match.route, i);
        assert_true(match.n_params <= 1);
    }
    gw_route_match_fini(&match);
    gw_router_free(router);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_described),
        cmocka_unit_test(what_is_described_is_a_call),
        cmocka_unit_test(they_can_be_found),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
