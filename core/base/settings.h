/* The settings of `moongate serve`: environment first, flags override. HOST is also --host, and
 * DRAIN_SECONDS is --drain-seconds; --dev is short for development and a coloured log. Each is
 * checked as it is read; a bad value or an unknown flag is one line that names it. Read once at the
 * start, then never changed. */
#ifndef GW_BASE_SETTINGS_H
#define GW_BASE_SETTINGS_H

#include "base/buf.h"
#include "base/log.h"

/* Texts belong to the environment, to argv, or are literals; they live as long as the process. */
struct gw_settings {
    const char *host;
    int64_t port;
    const char *admin_host;
    int64_t admin_port;
    const char *admin_token;
    const char *scripts_dir;
    const char *data_dir;
    bool last_good; /* where the scripts are broken at the start, those of data_dir will do */
    int64_t workers;
    enum gw_log_level log_level;
    enum gw_log_format log_format;
    int64_t log_fold_ms;    /* 0: nothing is folded */
    const char *log_redact; /* names, comma separated, that are secrets' too */
    bool development;
    int64_t drain_ms;
    const char *inventory_url;
    const char *pricing_url;
    int64_t service_timeout_ms;
    int64_t breaker_threshold;
    int64_t breaker_timeout_ms;
    const char *cors_allow_origins;
    const char *script_env; /* names, comma separated, that gateway.env() may also read */
    int64_t script_run_ms, script_request_ms, script_job_ms, script_load_ms; /* of CPU */
    int64_t max_script_request, max_script_state;                            /* bytes */
    int64_t max_request_line, max_head, max_fields, max_body, max_connections;
    int64_t max_in_flight;   /* 0: no limit */
    int64_t recent_requests; /* 0: none are kept */
    int64_t idle_ms, head_ms, body_idle_ms, write_stalled_ms;
    int64_t idempotency_keep_ms, idempotency_max_bytes;
    int64_t connect_timeout_ms, backend_connections, backend_idle_connections, max_response;
    int64_t jobs_at_once, job_retry_ms, max_job_result;
    /* Tracing, by OpenTelemetry's names. What is only for traces goes before what is for all. */
    bool otel_disabled;
    const char *otel_service_name, *otel_resource;
    const char *otel_sampler, *otel_exporter;
    double otel_sampler_ratio;
    const char *otlp_endpoint, *otlp_traces_endpoint;
    const char *otlp_protocol, *otlp_traces_protocol;
    const char *otlp_headers, *otlp_traces_headers;
    const char *otlp_certificate, *otlp_traces_certificate;
    int64_t otlp_timeout_ms, otlp_traces_timeout_ms; /* 0: not set */
    int64_t otel_delay_ms;
    int64_t otel_queue_size, otel_batch_size; /* spans */
};

/* Reads the environment and then argv[0..argc). False: `error` holds one line that names the
 * setting or the flag. */
bool gw_settings_load(struct gw_settings *settings, int argc, char **argv, struct gw_buf *error);

/* Whether only this machine can connect to that address. */
bool gw_settings_is_loopback(const char *host);

bool gw_settings_has_token(const struct gw_settings *settings); /* ADMIN_TOKEN */

/* What must go together to serve: whoever else can reach the admin listener must know a token, and
 * the last good scripts must be somewhere. */
bool gw_settings_check_serve(const struct gw_settings *settings, struct gw_buf *error);

/* For gateway.env(): the text of a setting or of a variable listed in SCRIPT_ENV. *allowed says
 * whether scripts may read that name at all; NULL if it is not set. Secrets are never given:
 * ADMIN_TOKEN and the headers for a collector. */
const char *gw_settings_env(const struct gw_settings *settings, const char *name, bool *allowed);

/* The table of settings for people: name, default, meaning; one line each. */
void gw_settings_help(struct gw_buf *out);

#endif
