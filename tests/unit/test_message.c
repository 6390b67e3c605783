#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t append(struct gw_message *message, const char *text) {
    uint32_t at = (uint32_t)message->text.len;
    gw_buf_append_str(&message->text, gw_str_from(text));
    return at;
}

static void add(struct gw_message *message, const char *name, const char *value) {
    uint32_t name_at = append(message, name), value_at = append(message, value);
    *gw_message_add_field(message) = (struct gw_field){
        .name_at = name_at,
        .name_len = (uint32_t)gw_str_from(name).len,
        .value_at = value_at,
        .value_len = (uint32_t)gw_str_from(value).len,
    };
}

static void finds_the_first_field(void **state) {
    (void)state;
    struct gw_message message = {0};
    struct gw_str value;
    add(&message, "accept", "a");
    add(&message, "accept", "b");
    add(&message, "empty", "");
    assert_true(gw_message_find(&message, GW_STR("accept"), &value));
    assert_true(gw_str_equal(value, GW_STR("a")));
    assert_true(gw_message_find(&message, GW_STR("empty"), &value));
    assert_int_equal(value.len, 0);
    assert_false(gw_message_find(&message, GW_STR("accep"), &value));
    assert_true(gw_str_equal(gw_message_field_value(&message, 1), GW_STR("b")));
    gw_message_fini(&message);
}

static void gives_empty_slices_when_empty(void **state) {
    (void)state;
    struct gw_message message = {0};
    struct gw_str value;
    assert_string_equal(gw_message_method(&message).data, "");
    assert_string_equal(gw_message_target(&message).data, "");
    assert_string_equal(gw_message_path(&message).data, "");
    assert_string_equal(gw_message_query(&message).data, "");
    assert_string_equal(gw_message_host(&message).data, "");
    assert_false(gw_message_find(&message, GW_STR("host"), &value));
}

static void forgets_all_when_cleared(void **state) {
    (void)state;
    struct gw_message message = {.status = 200, .keep_alive = true, .content_length = 7};
    struct gw_str value;
    message.method_len = 3;
    append(&message, "GET");
    add(&message, "host", "a");
    gw_message_clear(&message);
    assert_false(gw_message_find(&message, GW_STR("host"), &value));
    assert_int_equal(gw_message_method(&message).len, 0);
    assert_int_equal(message.status, 0);
    assert_int_equal(message.content_length, 0);
    assert_false(message.keep_alive);
    gw_message_fini(&message);
}

static void keeps_small_buffers_only(void **state) {
    (void)state;
    struct gw_message message = {0};
    add(&message, "host", "a");
    struct gw_field *fields = message.fields;
    char *text = message.text.data;
    gw_message_clear(&message);
    assert_ptr_equal(message.fields, fields);
    assert_ptr_equal(message.text.data, text);
    for (int i = 0; i <= GW_MESSAGE_KEPT_TEXT / 16; i++)
        add(&message, "12345678", "12345678");
    gw_message_clear(&message);
    assert_int_equal(message.text.cap, 0);
    assert_int_equal(message.cap_fields, 0);
    add(&message, "host", "a");
    assert_true(gw_str_equal(gw_message_field_name(&message, 0), GW_STR("host")));
    gw_message_fini(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_field),
        cmocka_unit_test(gives_empty_slices_when_empty),
        cmocka_unit_test(forgets_all_when_cleared),
        cmocka_unit_test(keeps_small_buffers_only),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
