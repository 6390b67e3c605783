/* Finished records as OTLP's JSON (ExportTraceServiceRequest by proto3's mapping as OTLP has it:
 * ids in hexadecimal, enumerations as numbers, 64-bit integers as text), with the names of the
 * stable semantic conventions for HTTP. What these have no name for is called moongate.*.
 *
 * The root becomes a SERVER span of its request, each call and each of its attempts a CLIENT span,
 * the rest of what took time INTERNAL ones; what was a moment is an event of the span it was in. */
#ifndef GW_ENGINE_OTLP_H
#define GW_ENGINE_OTLP_H

#include "engine/trace.h"

/* The attributes of who sends: `service_name` (NULL: not set) goes before the "service.name" of
 * `attributes`, pairs as in base/pairs.h; without either it is "moongate". */
void gw_otlp_resource(struct gw_buf *out, const char *service_name, const char *attributes);

/* One request: begun with such a resource, then records, then its end. */
void gw_otlp_open(struct gw_buf *out, struct gw_str resource);
void gw_otlp_append(struct gw_buf *out, const struct gw_trace *trace);
void gw_otlp_close(struct gw_buf *out);

/* The spans it does not take, of the answer to a request it has taken (ExportTraceServiceResponse,
 * partialSuccess), and why, with the quotes of JSON. */
uint64_t gw_otlp_rejected(struct gw_str answer, struct gw_str *message);

#endif
