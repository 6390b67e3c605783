/* What the files of OTLP share: otlp.c has the request, otlp_span.c one span, otlp_http.c what the
 * semantic conventions say of HTTP, otlp_attribute.c one attribute. Not for others. */
#ifndef GW_ENGINE_OTLP_INTERNAL_H
#define GW_ENGINE_OTLP_INTERNAL_H

#include "engine/trace.h"

#define GW_OTLP_CLIENT_CLOSED 499 /* a record's status: nothing was answered */

/* --- otlp_attribute.c: one element of a list of attributes --- */

/* Of any key. */
void gw_otlp_attribute(struct gw_buf *out, struct gw_str key, struct gw_str value);

/* Of a key that needs no escapes. A text that is empty is not known, and left out. */
void gw_otlp_add_text(struct gw_buf *out, const char *key, struct gw_str value);
void gw_otlp_add_int(struct gw_buf *out, const char *key, int64_t value);
void gw_otlp_add_true(struct gw_buf *out, const char *key);

/* --- a span as it is written --- */

struct gw_otlp_span {
    struct gw_buf *out;
    const struct gw_trace *trace;
    const struct gw_span *span;
    uint16_t index;
};

static inline struct gw_str gw_otlp_text(const struct gw_trace *trace, uint16_t text) {
    return gw_str_from(gw_trace_text(trace, text));
}

/* The first word of a text, and what comes after it. */
struct gw_str gw_otlp_first_word(struct gw_str text, struct gw_str *rest);
struct gw_str gw_otlp_after_word(struct gw_str text);

/* --- otlp_http.c --- */

/* The method and path of a call or an undo, or of the one that this is an attempt of. */
struct gw_str gw_otlp_target(const struct gw_otlp_span *shown, struct gw_str *path);

/* As it is part of a name: "HTTP" for one that is not known. */
void gw_otlp_append_method(struct gw_buf *name, struct gw_str method);

void gw_otlp_add_request(const struct gw_otlp_span *shown);
void gw_otlp_add_call(const struct gw_otlp_span *shown);
void gw_otlp_add_attempt(const struct gw_otlp_span *shown);

/* --- otlp_span.c --- */

/* Whether it was a moment, told with the span it was in. */
bool gw_otlp_is_event(const struct gw_span *span);

void gw_otlp_append_span(struct gw_buf *out, const struct gw_trace *trace, uint16_t index);

#endif
