/* What the parser's tests do not reach by way of a request: the bounds. */
#include "http/chunked.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct gw_chunked chunked;
    struct gw_buf in, body;
};

static enum gw_chunked_event decode(struct fixture *f) {
    struct gw_str in = gw_buf_str(&f->in), data;
    for (;;) {
        enum gw_chunked_event event = gw_chunked_next(&f->chunked, &in, &data);
        if (event != GW_CHUNKED_DATA)
            return event;
        gw_buf_append_str(&f->body, data);
    }
}

static void start(struct fixture *f, uint32_t max_trailer_bytes, uint32_t max_trailers) {
    *f = (struct fixture){0};
    gw_chunked_init(&f->chunked, max_trailer_bytes, max_trailers);
}

static void end(struct fixture *f) {
    gw_buf_fini(&f->in);
    gw_buf_fini(&f->body);
}

static void joins_chunks(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 100, 2);
    gw_buf_printf(&f.in, "1\r\na\r\n00002;x\r\nbc\r\n000\r\n\r\nrest");
    assert_int_equal(decode(&f), GW_CHUNKED_END);
    assert_true(gw_str_equal(gw_buf_str(&f.body), GW_STR("abc")));
    end(&f);
}

static void counts_digits_per_chunk(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 100, 2);
    for (int i = 0; i < 20; i++)
        gw_buf_printf(&f.in, "1\r\nx\r\n");
    assert_int_equal(decode(&f), GW_CHUNKED_MORE);
    assert_int_equal(f.body.len, 20);
    end(&f);
}

static void leaves_what_follows(void **state) {
    (void)state;
    struct gw_chunked chunked;
    struct gw_str in = GW_STR("0\r\n\r\nrest"), data;
    gw_chunked_init(&chunked, 100, 2);
    assert_int_equal(gw_chunked_next(&chunked, &in, &data), GW_CHUNKED_END);
    assert_true(gw_str_equal(in, GW_STR("rest")));
}

static void takes_the_largest_size(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 100, 2);
    gw_buf_printf(&f.in, "fFfFfFfFfFfFfFfF\r\nx");
    assert_int_equal(decode(&f), GW_CHUNKED_MORE);
    assert_true(f.chunked.left == UINT64_MAX - 1);
    end(&f);
}

/* Extensions that together have `n` bytes more than the chunks may have. */
static enum gw_chunked_event decode_extensions(unsigned n) {
    struct fixture f;
    start(&f, 100, 2);
    gw_buf_printf(&f.in, "1;%0*d\r\nx\r\n1;%0*d\r\nx\r\n0\r\n\r\n", GW_CHUNKED_MAX_EXTENSIONS / 2,
                  0, GW_CHUNKED_MAX_EXTENSIONS / 2 + (int)n, 0);
    enum gw_chunked_event event = decode(&f);
    end(&f);
    return event;
}

static void bounds_extensions(void **state) {
    (void)state;
    assert_int_equal(decode_extensions(0), GW_CHUNKED_END);
    assert_int_equal(decode_extensions(1), GW_CHUNKED_ERROR);
}

/* The status of the error, or 0. The trailer section is 12 bytes in 2 fields. */
static unsigned decode_trailers(uint32_t max_bytes, uint32_t max_trailers) {
    struct fixture f;
    start(&f, max_bytes, max_trailers);
    gw_buf_printf(&f.in, "0\r\na: b\r\nc:\r\n\r\n");
    unsigned status = decode(&f) == GW_CHUNKED_END ? 0 : f.chunked.status;
    end(&f);
    return status;
}

static void bounds_trailers(void **state) {
    (void)state;
    assert_int_equal(decode_trailers(12, 2), 0);
    assert_int_equal(decode_trailers(11, 2), 431);
    assert_int_equal(decode_trailers(12, 1), 431);
}

static void stays_failed(void **state) {
    (void)state;
    struct gw_chunked chunked;
    struct gw_str bad = GW_STR("x"), good = GW_STR("0\r\n\r\n"), data;
    gw_chunked_init(&chunked, 100, 2);
    assert_int_equal(gw_chunked_next(&chunked, &bad, &data), GW_CHUNKED_ERROR);
    assert_int_equal(gw_chunked_next(&chunked, &good, &data), GW_CHUNKED_ERROR);
    assert_int_equal(chunked.status, 400);
    assert_non_null(chunked.reason);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_chunks),        cmocka_unit_test(counts_digits_per_chunk),
        cmocka_unit_test(leaves_what_follows), cmocka_unit_test(takes_the_largest_size),
        cmocka_unit_test(bounds_extensions),   cmocka_unit_test(bounds_trailers),
        cmocka_unit_test(stays_failed),
    };
    return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
