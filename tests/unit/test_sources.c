#include "lua/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder: init.lua, lib/money.lua, reports/init.lua, routes.home.lua, .hidden/x.lua, notes.txt,
 * linked -> lib, and spec/init_spec.lua, which is not the gateway's. */
static char folder[] = "/tmp/moongate-sources-XXXXXX";

static const char *at(const char *path) {
    static char full[256];
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return full;
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(at(path), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_folder(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    mkdir(at("lib"), 0700);
    mkdir(at("reports"), 0700);
    mkdir(at(".hidden"), 0700);
    mkdir(at("spec"), 0700);
    put("spec/init_spec.lua", "return 4");
    put("init.lua", "return 1");
    put("lib/money.lua", "return 2");
    put("reports/init.lua", "");
    put("routes.home.lua", "");
    put(".hidden/x.lua", "return 3");
    put("notes.txt", "no");
    return symlink("lib", at("linked"));
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const files[] = {"init.lua",           "lib/money.lua",  "reports/init.lua",
                                        ".hidden/x.lua",      "notes.txt",      "linked",
                                        "spec/init_spec.lua", "routes.home.lua"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(at(files[i]));
    rmdir(at("lib"));
    rmdir(at("reports"));
    rmdir(at(".hidden"));
    rmdir(at("spec"));
    return rmdir(folder);
}

static void lua_files_are_read_in_order(void **state) {
    (void)state;
    struct gw_buf error = {0};
    struct gw_sources *sources = gw_sources_read(folder, &error);
    assert_non_null(sources);
    assert_int_equal(sources->n, 5);
    assert_string_equal(sources->items[0].path, "init.lua");
    assert_string_equal(sources->items[1].path, "lib/money.lua");
    assert_string_equal(sources->items[2].path, "linked/money.lua");
    assert_string_equal(sources->items[3].path, "reports/init.lua");
    assert_string_equal(sources->items[4].path, "routes.home.lua");
    assert_true(gw_str_equal(gw_buf_str(&sources->items[1].text), GW_STR("return 2")));
    gw_sources_free(sources);
}

static void modules_are_found_by_name(void **state) {
    (void)state;
    struct gw_buf error = {0};
    struct gw_sources *sources = gw_sources_read(folder, &error);
    assert_string_equal(gw_sources_find(sources, GW_STR("lib.money"))->path, "lib/money.lua");
    assert_string_equal(gw_sources_find(sources, GW_STR("reports"))->path, "reports/init.lua");
    assert_string_equal(gw_sources_find(sources, GW_STR("routes.home"))->path, "routes.home.lua");
    assert_null(gw_sources_find(sources, GW_STR("lib")));
    assert_null(gw_sources_find(sources, GW_STR("")));
    assert_null(gw_sources_find(sources, GW_STR("../etc/passwd")));
    gw_sources_free(sources);
}

static void a_missing_folder_is_named(void **state) {
    (void)state;
    struct gw_buf error = {0};
    assert_null(gw_sources_read("/nowhere/at/all", &error));
    assert_non_null(memmem(error.data, error.len, "/nowhere/at/all", 15));
    gw_buf_fini(&error);
}

static void assert_refused(const char *reason) {
    struct gw_buf error = {0};
    assert_null(gw_sources_read(folder, &error));
    assert_non_null(memmem(error.data, error.len, reason, strlen(reason)));
    gw_buf_fini(&error);
}

static void what_is_too_large_is_refused(void **state) {
    (void)state;
    assert_int_equal(truncate(at("lib/money.lua"), GW_SOURCES_MAX_FILE + 1), 0);
    assert_refused("money.lua: the file is larger than 256 KiB");
    char path[32];
    for (int i = 0; i < GW_SOURCES_MAX_BYTES / GW_SOURCES_MAX_FILE + 1; i++) {
        snprintf(path, sizeof path, "lib/large%d.lua", i);
        put(path, "");
        assert_int_equal(truncate(at(path), GW_SOURCES_MAX_FILE), 0);
    }
    put("lib/money.lua", "return 2");
    assert_refused("the files are larger than 16 MiB together");
    for (int i = 0; i < GW_SOURCES_MAX_BYTES / GW_SOURCES_MAX_FILE + 1; i++) {
        snprintf(path, sizeof path, "lib/large%d.lua", i);
        unlink(at(path));
    }
    for (int i = 0; i < GW_SOURCES_MAX_FOLDERS; i++) {
        snprintf(path, sizeof path, "lib/%d", i);
        mkdir(at(path), 0700);
    }
    assert_refused("there are more than 1000 folders");
    for (int i = 0; i < GW_SOURCES_MAX_FOLDERS; i++) {
        snprintf(path, sizeof path, "lib/%d", i);
        rmdir(at(path));
    }
}

/* Nobody may write into a pipe for ever. */
static void what_is_no_file_is_left_out(void **state) {
    (void)state;
    struct gw_buf error = {0};
    assert_int_equal(mkfifo(at("pipe.lua"), 0600), 0);
    struct gw_sources *sources = gw_sources_read(folder, &error);
    assert_int_equal(sources->n, 5);
    gw_sources_free(sources);
    unlink(at("pipe.lua"));
}

static void equal_files_have_equal_sums(void **state) {
    (void)state;
    struct gw_buf error = {0};
    struct gw_sources *one = gw_sources_read(folder, &error);
    put("init.lua", "return 2");
    struct gw_sources *two = gw_sources_read(folder, &error);
    put("init.lua", "return 1");
    struct gw_sources *three = gw_sources_read(folder, &error);
    assert_string_not_equal(one->sha256, two->sha256);
    assert_string_equal(one->sha256, three->sha256);
    gw_sources_free(one);
    gw_sources_free(two);
    gw_sources_free(gw_sources_keep(three));
    assert_int_equal(three->n, 5); /* somebody kept it */
    gw_sources_free(three);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lua_files_are_read_in_order),
        cmocka_unit_test(modules_are_found_by_name),
        cmocka_unit_test(a_missing_folder_is_named),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(what_is_no_file_is_left_out),
        cmocka_unit_test(equal_files_have_equal_sums),
    };
    return cmocka_run_group_tests_name("sources", tests, make_folder, remove_folder);
}
