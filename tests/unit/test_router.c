#include "policy/router.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct gw_router *router;
    struct gw_route_match match;
    struct gw_buf told;
};

static int set_up(void **state) {
    struct fixture *f = gw_calloc(1, sizeof *f);
    f->router = gw_router_new();
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    gw_router_free(f->router);
    gw_route_match_fini(&f->match);
    gw_buf_fini(&f->told);
    free(f);
    return 0;
}

static const char *add(struct fixture *f, const char *method, const char *pattern, int route) {
    const char *error;
    bool added = gw_router_add(f->router, gw_str_from(method), gw_str_from(pattern), route, &error);
    return added ? NULL : error;
}

/* "7 id=x", "404", "405 GET, HEAD", "options GET, HEAD" or "400". */
static const char *find(struct fixture *f, const char *method, const char *path) {
    static const char *const outcomes[] = {
        [GW_ROUTE_NOT_FOUND] = "404",
        [GW_ROUTE_METHOD_NOT_ALLOWED] = "405 ",
        [GW_ROUTE_OPTIONS] = "options ",
        [GW_ROUTE_BAD_PATH] = "400",
    };
    enum gw_route_outcome outcome =
        gw_router_find(f->router, gw_str_from(method), gw_str_from(path), &f->match);
    gw_buf_clear(&f->told);
    if (outcome == GW_ROUTE_FOUND)
        gw_buf_printf(&f->told, "%d", f->match.route);
    else
        gw_buf_printf(&f->told, "%s", outcomes[outcome]);
    for (unsigned i = 0; i < f->match.n_params; i++)
        gw_buf_printf(&f->told, " %.*s=%.*s", GW_STR_ARG(f->match.params[i].name),
                      GW_STR_ARG(f->match.params[i].value));
    gw_buf_append_str(&f->told, gw_buf_str(&f->match.allow));
    gw_buf_append_char(&f->told, '\0');
    return f->told.data;
}

static void finds_literals(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/", 1));
    assert_null(add(f, "GET", "/a/b", 2));
    assert_null(add(f, "GET", "/a/", 3));
    assert_string_equal(find(f, "GET", "/"), "1");
    assert_string_equal(find(f, "GET", "/a/b"), "2");
    assert_string_equal(find(f, "GET", "/x/../a/%62"), "2");
    assert_string_equal(find(f, "GET", "/a/"), "3");
    assert_string_equal(find(f, "GET", "/a/b/.."), "3");
    assert_string_equal(find(f, "GET", "/a"), "404");
    assert_string_equal(find(f, "GET", "/a/b/"), "404");
    assert_string_equal(find(f, "GET", "//"), "404");
    assert_string_equal(find(f, "GET", "/A/b"), "404");
}

static void takes_parameters(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/p/:id", 1));
    assert_null(add(f, "GET", "/p/:product/prices/:price", 2));
    assert_string_equal(find(f, "GET", "/p/TEST-001"), "1 id=TEST-001");
    assert_string_equal(find(f, "GET", "/p/a%2Fb%20c"), "1 id=a/b c");
    assert_string_equal(find(f, "GET", "/p/a/prices/b"), "2 product=a price=b");
    assert_string_equal(find(f, "GET", "/p/"), "404");
    assert_string_equal(find(f, "GET", "/p//prices/b"), "404");
    assert_string_equal(find(f, "GET", "/p/a/prices"), "404");
}

static void names_parameters_per_route(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/p/:id", 1));
    assert_null(add(f, "PUT", "/p/:sku", 2));
    assert_string_equal(find(f, "GET", "/p/x"), "1 id=x");
    assert_string_equal(find(f, "PUT", "/p/x"), "2 sku=x");
}

static void prefers_literals(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/p/:id", 1));
    assert_null(add(f, "GET", "/p/new", 2));
    assert_null(add(f, "GET", "/:a/new/x", 3));
    assert_string_equal(find(f, "GET", "/p/new"), "2");
    assert_string_equal(find(f, "GET", "/p/newer"), "1 id=newer");
    assert_string_equal(find(f, "GET", "/p/new/x"), "3 a=p");
}

static void backtracks(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/a/b/c", 1));
    assert_null(add(f, "GET", "/a/:x/d", 2));
    assert_null(add(f, "GET", "/:y/b/:z", 3));
    assert_string_equal(find(f, "GET", "/a/b/c"), "1");
    assert_string_equal(find(f, "GET", "/a/b/d"), "2 x=b");
    assert_string_equal(find(f, "GET", "/a/b/e"), "3 y=a z=e");
    assert_string_equal(find(f, "GET", "/a/c/e"), "404");
}

static void looks_on_for_the_method(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "POST", "/a/list", 1));
    assert_null(add(f, "GET", "/a/:id", 2));
    assert_string_equal(find(f, "GET", "/a/list"), "2 id=list");
    assert_string_equal(find(f, "PUT", "/a/list"), "405 POST, GET, HEAD, OPTIONS");
    assert_string_equal(find(f, "PUT", "/a/x"), "405 GET, HEAD, OPTIONS");
}

static void answers_head_by_get(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/a", 1));
    assert_null(add(f, "GET", "/b", 2));
    assert_null(add(f, "HEAD", "/b", 3));
    assert_null(add(f, "POST", "/c", 4));
    assert_string_equal(find(f, "HEAD", "/a"), "1");
    assert_string_equal(find(f, "HEAD", "/b"), "3");
    assert_string_equal(find(f, "HEAD", "/c"), "405 POST, OPTIONS");
}

static void answers_options(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/a", 1));
    assert_null(add(f, "POST", "/a", 2));
    assert_null(add(f, "OPTIONS", "/b", 3));
    assert_string_equal(find(f, "OPTIONS", "/a"), "options GET, HEAD, POST, OPTIONS");
    assert_string_equal(find(f, "OPTIONS", "/b"), "3");
    assert_string_equal(find(f, "GET", "/b"), "405 OPTIONS");
    assert_string_equal(find(f, "OPTIONS", "/c"), "404");
    assert_string_equal(find(f, "get", "/a"), "405 GET, HEAD, POST, OPTIONS");
}

static void refuses_bad_paths(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/:a", 1));
    assert_string_equal(find(f, "GET", "/%00"), "400");
    assert_string_equal(find(f, "GET", "/%zz"), "400");
    assert_string_equal(find(f, "GET", "/../x"), "400");
    assert_string_equal(find(f, "OPTIONS", "*"), "400");
    assert_string_equal(find(f, "GET", "/x"), "1 a=x");
}

static void refuses_bad_patterns(void **state) {
    struct fixture *f = *state;
    assert_null(add(f, "GET", "/p/:id", 1));
    assert_non_null(add(f, "GET", "", 2));
    assert_non_null(add(f, "GET", "p", 2));
    assert_non_null(add(f, "GET", "/:", 2));
    assert_non_null(add(f, "GET", "/:1a", 2));
    assert_non_null(add(f, "GET", "/:id.json", 2));
    assert_non_null(add(f, "GET", "/:a/:b/:a", 2));
    assert_non_null(add(f, "GET", "/{id}", 2));
    assert_non_null(add(f, "GET", "/files/*", 2));
    assert_non_null(add(f, "GET", "/p?x=1", 2));
    assert_string_equal(add(f, "GET", "/p/:other", 2), "there is such a route already");
    assert_string_equal(find(f, "GET", "/p/x"), "1 id=x");
}

static void refuses_bad_methods(void **state) {
    struct fixture *f = *state;
    assert_non_null(add(f, "", "/", 1));
    assert_non_null(add(f, "get", "/", 1));
    assert_non_null(add(f, "GET,POST", "/", 1));
    assert_null(add(f, "M-SEARCH", "/", 1));
    assert_string_equal(find(f, "M-SEARCH", "/"), "1");
}

static void bounds_patterns(void **state) {
    struct fixture *f = *state;
    struct gw_buf pattern = {0};
    for (int i = 0; i < GW_ROUTER_MAX_PARAMS; i++)
        gw_buf_printf(&pattern, "/:a%d", i);
    gw_buf_append_char(&pattern, '\0');
    assert_null(add(f, "GET", pattern.data, 1));
    pattern.len--;
    gw_buf_append(&pattern, "/:more", sizeof "/:more");
    assert_string_equal(add(f, "GET", pattern.data, 2), "too many parameters");
    assert_string_equal(find(f, "GET", "/0/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f"),
                        "1 a0=0 a1=1 a2=2 a3=3 a4=4 a5=5 a6=6 a7=7 a8=8 a9=9 a10=a a11=b a12=c "
                        "a13=d a14=e a15=f");
    gw_buf_fini(&pattern);
}

static void bounds_segments(void **state) {
    struct fixture *f = *state;
    char pattern[2 * 65 + 1] = "";
    for (int i = 0; i < 64; i++)
        strcat(pattern, "/s");
    assert_null(add(f, "GET", pattern, 1));
    assert_string_equal(find(f, "GET", pattern), "1");
    strcat(pattern, "/s");
    assert_string_equal(add(f, "GET", pattern, 2), "too many segments");
    assert_string_equal(find(f, "GET", pattern), "404");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(finds_literals),       TEST(takes_parameters),    TEST(names_parameters_per_route),
        TEST(prefers_literals),     TEST(backtracks),          TEST(looks_on_for_the_method),
        TEST(answers_head_by_get),  TEST(answers_options),     TEST(refuses_bad_paths),
        TEST(refuses_bad_patterns), TEST(refuses_bad_methods), TEST(bounds_patterns),
        TEST(bounds_segments),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
