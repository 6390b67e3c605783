#include "http/message.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void gw_message_clear(struct gw_message *message) {
    struct gw_message empty = {0};
    if (message->text.cap <= GW_MESSAGE_KEPT_TEXT)
        empty.text = message->text;
    else
        gw_buf_fini(&message->text);
    empty.text.len = 0;
    if (message->cap_fields <= GW_MESSAGE_KEPT_FIELDS) {
        empty.fields = message->fields;
        empty.cap_fields = message->cap_fields;
    } else {
        free(message->fields);
    }
    *message = empty;
}

void gw_message_fini(struct gw_message *message) {
    gw_buf_fini(&message->text);
    free(message->fields);
    *message = (struct gw_message){0};
}

struct gw_field *gw_message_add_field(struct gw_message *message) {
    if (message->n_fields == message->cap_fields) {
        message->cap_fields = message->cap_fields ? message->cap_fields * 2 : 8;
        message->fields =
            gw_realloc(message->fields, message->cap_fields * sizeof message->fields[0]);
    }
    return &message->fields[message->n_fields++];
}

static struct gw_str slice(const struct gw_message *message, uint32_t at, uint32_t length) {
    return length ? (struct gw_str){message->text.data + at, length} : GW_STR("");
}

struct gw_str gw_message_method(const struct gw_message *message) {
    return slice(message, 0, message->method_len);
}

struct gw_str gw_message_target(const struct gw_message *message) {
    return slice(message, message->target_at, message->target_len);
}

struct gw_str gw_message_path(const struct gw_message *message) {
    return slice(message, message->path_at, message->path_len);
}

struct gw_str gw_message_query(const struct gw_message *message) {
    return slice(message, message->query_at, message->query_len);
}

struct gw_str gw_message_host(const struct gw_message *message) {
    return slice(message, message->host_at, message->host_len);
}

struct gw_str gw_message_field_name(const struct gw_message *message, unsigned i) {
    return slice(message, message->fields[i].name_at, message->fields[i].name_len);
}

struct gw_str gw_message_field_value(const struct gw_message *message, unsigned i) {
    return slice(message, message->fields[i].value_at, message->fields[i].value_len);
}

bool gw_message_find(const struct gw_message *message, struct gw_str name, struct gw_str *value) {
    for (unsigned i = 0; i < message->n_fields; i++) {
        if (gw_str_equal(gw_message_field_name(message, i), name)) {
            *value = gw_message_field_value(message, i);
            return true;
        }
    }
    return false;
}
