/* Sends sampled records to a collector of traces, in batches, as OTLP over HTTP with JSON. It has a
 * thread, a loop and a client of its own, so that nothing a collector does or fails to do is felt
 * elsewhere: a worker that hands over a record takes a mutex for a few instructions and counts
 * itself among the record's readers; the rest, its text too, is made by the thread.
 *
 * What waits is bounded by its spans, and what does not fit is dropped and counted. A batch that
 * the collector cannot take now is sent again, as OTLP has it: after a failed connection, a
 * timeout, and the answers 429, 502, 503 and 504, with Retry-After or pauses that grow; when its
 * time is over, or after any other answer, it is dropped and counted. */
#ifndef GW_ENGINE_EXPORTER_H
#define GW_ENGINE_EXPORTER_H

#include "base/settings.h"
#include "engine/trace.h"

/* Made from the settings, by exporter_options.c. Owns its texts. */
struct gw_exporter_options {
    struct gw_buf url;               /* with a NUL */
    struct gw_buf fields;            /* of each request, lines "name: value" */
    struct gw_buf resource;          /* see otlp.h */
    const char *ca_file;             /* NULL: the system's */
    int64_t timeout_ms;              /* of a batch, with its retries */
    int64_t delay_ms;                /* that a record waits for others */
    int64_t flush_ms;                /* for all that is left at the end */
    unsigned queue_size, batch_size; /* spans */
};

/* False if nothing is to be exported; `options` needs no fini then. */
bool gw_exporter_options_init(struct gw_exporter_options *options,
                              const struct gw_settings *settings);
void gw_exporter_options_fini(struct gw_exporter_options *options);

/* Which traces are sampled, whether or not anything is exported. */
struct gw_sampler gw_exporter_sampler(const struct gw_settings *settings);

struct gw_exporter;

struct gw_exporter *gw_exporter_new(struct gw_exporter_options *take);

/* Sends what there is, once and within a few seconds; a collector that does not answer is not
 * waited for any longer. No thread hands it records any more. NULL is fine, here and below. */
void gw_exporter_free(struct gw_exporter *exporter);

/* From any thread; a finished record. */
void gw_exporter_take(struct gw_exporter *exporter, struct gw_trace *trace);

struct gw_exporter_counts {
    uint64_t exported, dropped; /* spans and events, since the start */
};
struct gw_exporter_counts gw_exporter_counts(const struct gw_exporter *exporter);

#endif
