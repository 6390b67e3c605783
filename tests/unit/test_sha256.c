#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_sum(const char *text, size_t repeat, const char *expected) {
    struct gw_sha256 sum;
    char out[GW_SHA256_TEXT_SIZE];
    gw_sha256_init(&sum);
    for (size_t i = 0; i < repeat; i++)
        gw_sha256_add(&sum, text, strlen(text));
    gw_sha256_text(&sum, out);
    assert_string_equal(out, expected);
}

/* NIST's examples for FIPS 180-4, and the million of its predecessor. */
static void sums_are_those_of_the_standard(void **state) {
    (void)state;
    assert_sum("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_sum("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_sum("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* However it is cut, around the sizes at which a block is full and the length does not fit. */
static void pieces_make_no_difference(void **state) {
    (void)state;
    static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (size_t n = 50; n < sizeof text; n++) {
        char whole[GW_SHA256_TEXT_SIZE], cut[GW_SHA256_TEXT_SIZE];
        struct gw_sha256 sum;
        gw_sha256_init(&sum);
        gw_sha256_add(&sum, text, n);
        gw_sha256_text(&sum, whole);
        gw_sha256_init(&sum);
        for (size_t i = 0; i < n; i += 7)
            gw_sha256_add(&sum, text + i, n - i < 7 ? n - i : 7);
        gw_sha256_text(&sum, cut);
        assert_string_equal(cut, whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_standard),
        cmocka_unit_test(pieces_make_no_difference),
    };
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
