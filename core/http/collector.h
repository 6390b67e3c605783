/* Puts a response together: from what the parser hands out, or a transfer library, which hands out
 * the lines of header sections, those of interim responses and trailers among them. Embedded in the
 * call whose response it fills. */
#ifndef GW_HTTP_COLLECTOR_H
#define GW_HTTP_COLLECTOR_H

#include "http/client.h"
#include "http/message.h"

struct gw_collector {
    struct gw_call_response *response; /* not owned: status, fields and body are filled */
    uint64_t max_body;                 /* bytes */
    bool in_head;                      /* between a status line and its empty line; of lines only */
    bool too_large;
};

/* The response's buffers are emptied. */
void gw_collector_begin(struct gw_collector *collector, struct gw_call_response *response,
                        uint64_t max_body);

/* A whole header section: the final response's is what stays. */
void gw_collector_head(struct gw_collector *collector, const struct gw_message *message);

/* `line` may have its line end. False, from both, once the response is too large. */
bool gw_collector_line(struct gw_collector *collector, struct gw_str line);
bool gw_collector_body(struct gw_collector *collector, struct gw_str piece);

/* Whether the header section of a final response has ended. */
bool gw_collector_has_head(const struct gw_collector *collector);

#endif
