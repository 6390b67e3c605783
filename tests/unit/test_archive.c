#include "lua/archive.h"

#include "folder_fixture.h"

static struct gw_sources *make(void) {
    struct gw_sources *sources = gw_sources_new();
    gw_buf_append_str(&gw_sources_add(sources, GW_STR("lib/b.lua"))->text, GW_STR("a\0b\n"));
    gw_sources_add(sources, GW_STR("empty.lua"));
    gw_buf_append_str(&gw_sources_add(sources, GW_STR("init.lua"))->text, GW_STR("return 1"));
    gw_sources_seal(sources);
    return sources;
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct gw_sources *sources = make();
    struct gw_buf text = {0};
    gw_archive_write(&text, sources);
    struct gw_sources *read = gw_archive_read(gw_buf_str(&text));
    assert_non_null(read);
    assert_int_equal(read->n, 3);
    assert_string_equal(read->sha256, sources->sha256);
    assert_string_equal(read->items[2].path, "lib/b.lua");
    assert_true(gw_str_equal(gw_buf_str(&read->items[2].text), GW_STR("a\0b\n")));
    gw_sources_free(read);
    gw_sources_free(sources);
    gw_buf_fini(&text);
}

/* Cut off anywhere, or with any byte changed. */
static void what_is_not_whole_is_refused(void **state) {
    (void)state;
    struct gw_sources *sources = make();
    struct gw_buf text = {0};
    gw_archive_write(&text, sources);
    for (size_t n = 0; n < text.len; n++) {
        assert_null(gw_archive_read((struct gw_str){text.data, n}));
        text.data[n] ^= 1;
        assert_null(gw_archive_read(gw_buf_str(&text)));
        text.data[n] ^= 1;
    }
    gw_sources_free(sources);
    gw_buf_fini(&text);
}

static void it_is_a_file_of_a_folder(void **state) {
    (void)state;
    struct gw_sources *sources = make();
    struct gw_buf error = {0};
    assert_null(gw_archive_load(folder, &error));
    assert_non_null(memmem(error.data, error.len, "No such file", 12));
    for (int i = 0; i < 2; i++)
        assert_true(gw_archive_save(folder, sources, &error));
    struct gw_sources *read = gw_archive_load(folder, &error);
    assert_string_equal(read->sha256, sources->sha256);
    gw_sources_free(read);
    put("last-good.scripts", "moongate scripts 1\n");
    gw_buf_clear(&error);
    assert_null(gw_archive_load(folder, &error));
    assert_non_null(memmem(error.data, error.len, "not a whole set", 15));
    gw_sources_free(sources);
    gw_buf_fini(&error);
}

static void a_folder_that_takes_nothing_is_told(void **state) {
    (void)state;
    struct gw_sources *sources = make();
    struct gw_buf error = {0};
    assert_false(gw_archive_save(at("nowhere"), sources, &error));
    assert_non_null(memmem(error.data, error.len, "No such file", 12));
    gw_sources_free(sources);
    gw_buf_fini(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_not_whole_is_refused),
        cmocka_unit_test(it_is_a_file_of_a_folder),
        cmocka_unit_test(a_folder_that_takes_nothing_is_told),
    };
    return cmocka_run_group_tests_name("archive", tests, make_folder, remove_folder);
}
