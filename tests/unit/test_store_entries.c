#include "engine/entries.h"

#include "store_fixture.h"

static struct gw_store *open_entries(void) {
    struct gw_buf error = {0};
    struct gw_store *store = gw_entries_open(folder, "test", &error);
    if (error.len)
        fail_msg("%.*s", GW_STR_ARG(gw_buf_str(&error)));
    return store;
}

static void put(struct gw_store *store, const char *key, const char *value) {
    assert_true(gw_entries_put(store, gw_str_from(key), gw_str_from(value)));
}

/* Its version, 0 if it is not there. */
static int64_t find(struct gw_store *store, const char *key, const char *wanted) {
    struct gw_buf value = {0};
    int64_t version;
    assert_true(gw_entries_find(store, gw_str_from(key), &value, &version));
    assert_str(gw_buf_str(&value), gw_str_from(wanted));
    gw_buf_fini(&value);
    return version;
}

static void what_is_committed_is_there_when_it_is_opened_again(void **state) {
    (void)state;
    struct gw_store *store = open_entries();
    begin(store);
    put(store, "a", "1");
    commit(store);
    begin(store);
    put(store, "b", "2");
    store->functions->rollback(store);
    gw_store_close(store);

    store = open_entries();
    begin(store);
    assert_int_not_equal(find(store, "a", "1"), 0);
    assert_int_equal(find(store, "b", ""), 0);
    commit(store);
    gw_store_close(store);
}

static void no_version_is_used_twice(void **state) {
    (void)state;
    struct gw_store *store = open_entries();
    bool found;
    begin(store);
    put(store, "a", "1");
    int64_t first = find(store, "a", "1");
    put(store, "a", "1");
    int64_t second = find(store, "a", "1");
    assert_true(second > first);
    assert_true(gw_entries_delete(store, GW_STR("a"), &found));
    assert_true(found);
    assert_true(gw_entries_delete(store, GW_STR("a"), &found));
    assert_false(found);
    put(store, "a", "1");
    assert_true(find(store, "a", "1") > second);
    commit(store);
    gw_store_close(store);
}

static void what_is_dropped_never_was(void **state) {
    (void)state;
    struct gw_store *store = open_entries();
    begin(store);
    put(store, "a", "1");
    assert_true(gw_entries_hold(store));
    put(store, "a", "2");
    put(store, "b", "2");
    assert_true(gw_entries_drop(store));
    assert_true(gw_entries_hold(store));
    put(store, "c", "3");
    assert_true(gw_entries_keep(store));
    commit(store);
    begin(store);
    find(store, "a", "1");
    find(store, "b", "");
    find(store, "c", "3");
    commit(store);
    gw_store_close(store);
}

struct listed {
    char keys[64];
    unsigned n, max;
};

static bool list_key(void *user, const struct gw_entry *entry) {
    struct listed *listed = user;
    assert_true(entry->version > 0);
    strncat(listed->keys, entry->key.data, entry->key.len);
    strcat(listed->keys, " ");
    return ++listed->n < listed->max;
}

static void assert_listed(struct gw_store *store, const char *prefix, const char *after,
                          unsigned max, const char *wanted) {
    struct listed listed = {.max = max};
    assert_true(gw_entries_list(store, gw_str_from(prefix), gw_str_from(after), list_key, &listed));
    assert_string_equal(listed.keys, wanted);
}

static void lists_are_of_a_prefix_in_the_order_of_bytes(void **state) {
    (void)state;
    struct gw_store *store = open_entries();
    static const char *const keys[] = {"b", "a/2", "a/\xff", "a/1", "a/10", "a", "B"};
    begin(store);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put(store, keys[i], "0");
    assert_listed(store, "", "", 99, "B a a/1 a/10 a/2 a/\xff b ");
    assert_listed(store, "a/", "", 99, "a/1 a/10 a/2 a/\xff ");
    assert_listed(store, "a/", "a/10", 99, "a/2 a/\xff ");
    assert_listed(store, "a/", "a/15", 99, "a/2 a/\xff ");
    assert_listed(store, "a/", "A", 99, "a/1 a/10 a/2 a/\xff ");
    assert_listed(store, "a/", "b", 99, "");
    assert_listed(store, "", "", 2, "B a ");
    assert_listed(store, "nothing", "", 99, "");
    commit(store);
    gw_store_close(store);
}

static void what_cannot_be_used_is_tried_again(void **state) {
    (void)state;
    struct gw_buf error = {0};
    gw_store_close(open_store());
    char from[PATH_SIZE + 64];
    strcpy(from, in_folder("moongate.db"));
    assert_int_equal(rename(from, in_folder("store-test.db")), 0);
    struct gw_store *store = gw_entries_open(folder, "test", &error);
    gw_buf_append_char(&error, '\0');
    assert_non_null(strstr(error.data, "store-test.db: it is a database of another program"));
    gw_buf_fini(&error);
    assert_false(store->functions->begin(store));
    assert_int_equal(remove(in_folder("store-test.db")), 0);
    begin(store);
    put(store, "a", "1");
    commit(store);
    gw_store_close(store);
}

static void without_a_folder_it_is_in_memory(void **state) {
    (void)state;
    struct gw_store *store = gw_entries_open(NULL, "test", NULL);
    begin(store);
    put(store, "a", "1");
    commit(store);
    begin(store);
    find(store, "a", "1");
    commit(store);
    gw_store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_committed_is_there_when_it_is_opened_again),
        TEST(no_version_is_used_twice),
        TEST(what_is_dropped_never_was),
        TEST(lists_are_of_a_prefix_in_the_order_of_bytes),
        TEST(what_cannot_be_used_is_tried_again),
        TEST(without_a_folder_it_is_in_memory),
    };
    return cmocka_run_group_tests_name("store_entries", tests, NULL, NULL);
}
