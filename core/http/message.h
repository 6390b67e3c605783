/* The head of one HTTP/1.1 message, request or response, as the parser found it. It owns its bytes:
 * everything is kept in one buffer and slices are made when asked for, so that the buffer may grow
 * while it is filled. Field names are kept in small letters; field values are trimmed. */
#ifndef GW_HTTP_MESSAGE_H
#define GW_HTTP_MESSAGE_H

#include "base/buf.h"

struct gw_field {
    uint32_t name_at, name_len; /* into the message's text */
    uint32_t value_at, value_len;
};

struct gw_message {
    struct gw_buf text;      /* owned: the lines of the head */
    struct gw_field *fields; /* owned */
    unsigned n_fields, cap_fields;
    uint32_t method_len; /* the method starts the text; empty for a response */
    uint32_t target_at, target_len;
    uint32_t path_at, path_len;   /* within the target; "*" for OPTIONS *; "/" if it was empty */
    uint32_t query_at, query_len; /* after the "?", empty if there is none */
    uint32_t host_at, host_len;   /* the authority: of an absolute-form target, else of Host */
    unsigned minor_version;       /* HTTP/1.x: 0 or 1 */
    unsigned status;              /* of a response, else 0 */
    bool keep_alive;              /* by version and Connection (RFC 9112, 9.3) */
    bool expects_continue;        /* Expect: 100-continue, in HTTP/1.1, with a body to come */
    bool chunked;
    bool has_length; /* content_length was given */
    uint64_t content_length;
};

/* What gw_message_clear() keeps for the next message: enough for an ordinary request, and under
 * 800 bytes together, because an idle connection holds it. */
#define GW_MESSAGE_KEPT_TEXT   512 /* bytes */
#define GW_MESSAGE_KEPT_FIELDS 16

void gw_message_clear(struct gw_message *message);
void gw_message_fini(struct gw_message *message);

/* One more field, for the parser to fill; the pointer is valid until the next one is added. */
struct gw_field *gw_message_add_field(struct gw_message *message);

/* The slices below are valid until the message is cleared. An empty one is "", never NULL. */

struct gw_str gw_message_method(const struct gw_message *message);
struct gw_str gw_message_target(const struct gw_message *message);
struct gw_str gw_message_path(const struct gw_message *message);
struct gw_str gw_message_query(const struct gw_message *message);
struct gw_str gw_message_host(const struct gw_message *message);
struct gw_str gw_message_field_name(const struct gw_message *message, unsigned i);
struct gw_str gw_message_field_value(const struct gw_message *message, unsigned i);

/* The first field of that name (in small letters); false if there is none. */
bool gw_message_find(const struct gw_message *message, struct gw_str name, struct gw_str *value);

#endif
