/* What the files of OTLP share: otlp.c has the request, otlp_span.c one span. Not for others. */
#ifndef GW_ENGINE_OTLP_INTERNAL_H
#define GW_ENGINE_OTLP_INTERNAL_H

#include "engine/trace.h"

/* One element of a list of attributes. */
void gw_otlp_attribute(struct gw_buf *out, struct gw_str key, struct gw_str value);

/* Whether it was a moment, told with the span it was in. */
bool gw_otlp_is_event(const struct gw_span *span);

void gw_otlp_append_span(struct gw_buf *out, const struct gw_trace *trace, uint16_t index);

#endif
