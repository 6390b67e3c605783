#include "base/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include <cmocka.h>

static void assert_diff(const char *old, const char *new, const char *expected) {
    struct gw_buf out = {0};
    gw_diff(&out, "a", gw_str_from(old), "b", gw_str_from(new));
    gw_buf_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    gw_buf_fini(&out);
}

#define NAMES "--- a\n+++ b\n"

static void equal_texts_have_none(void **state) {
    (void)state;
    assert_diff("", "", "");
    assert_diff("1\n2\n", "1\n2\n", "");
}

/* As `diff -u` prints them. */
static void changes_are_told(void **state) {
    (void)state;
    assert_diff("", "1\n2\n", NAMES "@@ -0,0 +1,2 @@\n+1\n+2\n");
    assert_diff("1\n2\n", "", NAMES "@@ -1,2 +0,0 @@\n-1\n-2\n");
    assert_diff("1\n", "2\n", NAMES "@@ -1 +1 @@\n-1\n+2\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
                NAMES "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void near_changes_are_one_hunk(void **state) {
    (void)state;
    assert_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
                NAMES "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
    assert_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
                NAMES "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
                      "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

static void a_missing_end_is_told(void **state) {
    (void)state;
    assert_diff("1", "1\n", NAMES "@@ -1 +1 @@\n-1\n\\ No newline at end of file\n+1\n");
}

/* --- Against patch's idea of it: what is applied to the old text gives the new one --- */

static uint64_t seed = 1;

static void make_text(char *text, int n) {
    *text = '\0';
    for (int i = 0; i < n; i++)
        sprintf(text + strlen(text), "%c\n", (int)('a' + next_random(&seed) % 4));
}

static struct gw_str next_line(struct gw_str *rest) {
    const char *end = memchr(rest->data, '\n', rest->len);
    size_t n = end ? (size_t)(end + 1 - rest->data) : rest->len;
    struct gw_str line = {rest->data, n};
    *rest = (struct gw_str){rest->data + n, rest->len - n};
    return line;
}

static void copy_lines(struct gw_buf *out, struct gw_str *from, int n) {
    for (int i = 0; i < n; i++)
        gw_buf_append_str(out, next_line(from));
}

/* Applies it strictly: each line that it says is there must be. */
static void apply(struct gw_buf *out, struct gw_str old, struct gw_str diff) {
    int at = 0;
    if (diff.len) {
        next_line(&diff);
        next_line(&diff);
    }
    while (diff.len > 0) {
        struct gw_str line = next_line(&diff), was;
        int from, n = 1;
        if (*line.data == '@') {
            sscanf(line.data, "@@ -%d,%d", &from, &n);
            copy_lines(out, &old, from - (n > 0) - at);
            at = from - (n > 0);
            continue;
        }
        struct gw_str text = {line.data + 1, line.len - 1};
        if (*line.data != '+') {
            was = next_line(&old);
            at++;
            assert_true(gw_str_equal(was, text));
        }
        if (*line.data != '-')
            gw_buf_append_str(out, text);
    }
    gw_buf_append_str(out, old);
}

static void applied_it_gives_the_new_text(void **state) {
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char old[200], new[200];
        struct gw_buf diff = {0}, applied = {0};
        make_text(old, (int)(next_random(&seed) % 30));
        make_text(new, (int)(next_random(&seed) % 30));
        gw_diff(&diff, "a", gw_str_from(old), "b", gw_str_from(new));
        gw_buf_append_char(&diff, '\0'); /* for sscanf */
        diff.len--;
        apply(&applied, gw_str_from(old), gw_buf_str(&diff));
        assert_true(gw_str_equal(gw_buf_str(&applied), gw_str_from(new)));
        gw_buf_fini(&diff);
        gw_buf_fini(&applied);
    }
}

static void texts_without_a_common_line_take_no_square(void **state) {
    (void)state;
    struct gw_buf old = {0}, new = {0}, diff = {0};
    for (int i = 0; i < 20000; i++) {
        gw_buf_printf(&old, "old %d\n", i);
        gw_buf_printf(&new, "new %d\n", i);
    }
    gw_diff(&diff, "a", gw_buf_str(&old), "b", gw_buf_str(&new));
    assert_true(diff.len > old.len + new.len);
    gw_buf_fini(&old);
    gw_buf_fini(&new);
    gw_buf_fini(&diff);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_none),
        cmocka_unit_test(changes_are_told),
        cmocka_unit_test(near_changes_are_one_hunk),
        cmocka_unit_test(a_missing_end_is_told),
        cmocka_unit_test(applied_it_gives_the_new_text),
        cmocka_unit_test(texts_without_a_common_line_take_no_square),
    };
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
