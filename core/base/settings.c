#include "base/settings_internal.h"

#include "base/cores.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct gw_settings, field)
#define MIB       (1024 * 1024)

static const struct setting table[] = {
    {"HOST", TEXT, AT(host), 0, 0, "0.0.0.0", "address to listen on"},
    {"PORT", PORT, AT(port), 0, 65535, "8000", "port to listen on; 0: any free one"},
    {"ADMIN_HOST", TEXT, AT(admin_host), 0, 0, "127.0.0.1", "address of the admin listener"},
    {"ADMIN_PORT", PORT, AT(admin_port), 0, 65535, "8900", "port of the admin listener"},
    {"ADMIN_TOKEN", SECRET, AT(admin_token), 0, 0, NULL, "bearer token of the admin listener"},
    {"SCRIPTS_DIR", TEXT, AT(scripts_dir), 0, 0, NULL,
     "folder of the Lua scripts; else ./scripts, else those beside the binary"},
    {"DATA_DIR", TEXT, AT(data_dir), 0, 0, NULL,
     "folder of the journal and of the last good scripts; not set: in memory"},
    {"LAST_GOOD", SWITCH, AT(last_good), 0, 0, "0",
     "1: if the scripts are broken at the start, serve those of DATA_DIR"},
    {"WORKERS", COUNT, AT(workers), 0, 256, "0", "worker threads; 0: one per core"},
    {"LOG_LEVEL", LEVEL, AT(log_level), 0, 0, "info", "debug, info, warn or error"},
    {"LOG_FORMAT", FORMAT, AT(log_format), 0, 0, "auto",
     "json, text (for people), or auto: text on a terminal, else json"},
    {"LOG_FOLD_SECONDS", SECONDS, AT(log_fold_ms), 0, 86400, "60",
     "how often errors that repeat are told, with their number; 0: each as it comes"},
    {"LOG_REDACT", TEXT, AT(log_redact), 0, 0, "",
     "further names whose values never appear in the log, comma separated"},
    {"GATEWAY_ENV", MODE, AT(development), 0, 0, "production", "production or development"},
    {"DRAIN_SECONDS", SECONDS, AT(drain_ms), 0, 3600, "5",
     "after SIGTERM: not ready, but still accepting, for so long"},
    {"INVENTORY_SERVICE_URL", URL, AT(inventory_url), 0, 0, NULL, "inventory's base URL"},
    {"PRICING_SERVICE_URL", URL, AT(pricing_url), 0, 0, NULL, "pricing's base URL"},
    {"SERVICE_TIMEOUT", SECONDS, AT(service_timeout_ms), 1, 3600, "30",
     "longest backend call, and default deadline of a route"},
    {"CIRCUIT_BREAKER_THRESHOLD", COUNT, AT(breaker_threshold), 1, 1000000, "5",
     "failures in a row that open a breaker"},
    {"CIRCUIT_BREAKER_TIMEOUT", SECONDS, AT(breaker_timeout_ms), 1, 86400, "60",
     "how long a breaker stays open before it lets trials in"},
    {"CORS_ALLOW_ORIGINS", ORIGINS, AT(cors_allow_origins), 0, 0, "",
     "origins, comma separated, or *; empty: no CORS"},
    {"SCRIPT_ENV", TEXT, AT(script_env), 0, 0, "",
     "further variables that gateway.env() may read, comma separated"},
    {"SCRIPT_RUN_SECONDS", SECONDS, AT(script_run_ms), 1, 60, "0.1",
     "of CPU between two waits, else 500"},
    {"SCRIPT_REQUEST_SECONDS", SECONDS, AT(script_request_ms), 1, 3600, "1",
     "of CPU for one request in all, else 500"},
    {"SCRIPT_JOB_SECONDS", SECONDS, AT(script_job_ms), 1, 86400, "60",
     "of CPU for one background job in all"},
    {"SCRIPT_LOAD_SECONDS", SECONDS, AT(script_load_ms), 1, 60, "0.5",
     "of CPU to load the scripts once"},
    {"MAX_SCRIPT_REQUEST_BYTES", COUNT, AT(max_script_request), MIB, 1024 * MIB, "16777216",
     "of memory for one request's Lua, else 500"},
    {"MAX_SCRIPT_STATE_BYTES", COUNT, AT(max_script_state), 16 * MIB, 2047 * MIB, "67108864",
     "of memory for the scripts of one worker"},
    {"MAX_REQUEST_LINE_BYTES", COUNT, AT(max_request_line), 256, MIB, "8192", "else 414"},
    {"MAX_HEADER_BYTES", COUNT, AT(max_head), 256, MIB, "32768", "header section, else 431"},
    {"MAX_HEADER_FIELDS", COUNT, AT(max_fields), 1, 10000, "100", "else 431"},
    {"MAX_BODY_BYTES", COUNT, AT(max_body), 0, 1024 * MIB, "1048576",
     "else 413; a route's max_body overrides it"},
    {"MAX_CONNECTIONS", COUNT, AT(max_connections), 1, 1000000, "10000",
     "client connections at once, over all workers"},
    {"MAX_IN_FLIGHT", COUNT, AT(max_in_flight), 0, 1000000, "10000",
     "requests in work at once, over all workers, else 503; 0: no limit"},
    {"RECENT_REQUESTS", COUNT, AT(recent_requests), 0, 100000, "1000",
     "requests kept for /admin/requests, per worker, and as many failed ones; 0: none"},
    {"IDLE_SECONDS", SECONDS, AT(idle_ms), 1, 3600, "60", "between requests on a connection"},
    {"HEADER_SECONDS", SECONDS, AT(head_ms), 1, 3600, "10", "to send a header section, else 408"},
    {"BODY_IDLE_SECONDS", SECONDS, AT(body_idle_ms), 1, 3600, "30",
     "between two pieces of a body, else 408"},
    {"WRITE_STALLED_SECONDS", SECONDS, AT(write_stalled_ms), 1, 3600, "30",
     "without the client taking a byte: closed"},
    {"IDEMPOTENCY_KEEP_SECONDS", SECONDS, AT(idempotency_keep_ms), 1, 2592000, "86400",
     "an answer is given again for its Idempotency-Key"},
    {"IDEMPOTENCY_MAX_BYTES", COUNT, AT(idempotency_max_bytes), 1024, 64 * MIB, "262144",
     "of such an answer, headers and body; more is not kept"},
    {"CONNECT_TIMEOUT", SECONDS, AT(connect_timeout_ms), 1, 3600, "5", "to connect to a backend"},
    {"BACKEND_CONNECTIONS", COUNT, AT(backend_connections), 1, 100000, "100",
     "connections to one backend, per worker"},
    {"BACKEND_IDLE_CONNECTIONS", COUNT, AT(backend_idle_connections), 1, 100000, "20",
     "of which kept when idle"},
    {"MAX_RESPONSE_BYTES", COUNT, AT(max_response), 1024, 1024 * MIB, "10485760",
     "of a backend's answer, else the call fails with too_large"},
    {"JOBS_AT_ONCE", COUNT, AT(jobs_at_once), 1, 10000, "8",
     "background jobs that run, over all workers; the others wait"},
    {"JOB_RETRY_SECONDS", SECONDS, AT(job_retry_ms), 0, 3600, "5",
     "between a job's first and second attempt; twice as long before the third"},
    {"MAX_JOB_RESULT_BYTES", COUNT, AT(max_job_result), 1, 64 * MIB, "10485760",
     "of a background job, else it fails"},
    {"OTEL_SDK_DISABLED", TRUTH, AT(otel_disabled), 0, 0, "false",
     "true: no trace is sampled but those of callers that are, and none is exported"},
    {"OTEL_SERVICE_NAME", TEXT, AT(otel_service_name), 0, 0, NULL,
     "service.name of traces; else that of OTEL_RESOURCE_ATTRIBUTES, else moongate"},
    {"OTEL_RESOURCE_ATTRIBUTES", ATTRIBUTES, AT(otel_resource), 0, 0, NULL,
     "of traces: key=value, comma separated, percent-encoded"},
    {"OTEL_TRACES_SAMPLER", SAMPLER, AT(otel_sampler), 0, 0, "parentbased_always_on",
     "always_on, always_off, traceidratio, or one of these after parentbased_"},
    {"OTEL_TRACES_SAMPLER_ARG", RATIO, AT(otel_sampler_ratio), 0, 1, "1",
     "the share of traces that traceidratio keeps, from 0 to 1"},
    {"OTEL_TRACES_EXPORTER", EXPORTER, AT(otel_exporter), 0, 0, "otlp", "otlp or none"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT", URL, AT(otlp_endpoint), 0, 0, NULL,
     "base URL of the collector of traces; not set: none are exported"},
    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", URL, AT(otlp_traces_endpoint), 0, 0, NULL,
     "the whole URL instead, for traces"},
    {"OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL, AT(otlp_protocol), 0, 0, "http/json", "http/json"},
    {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", PROTOCOL, AT(otlp_traces_protocol), 0, 0, NULL,
     "http/json"},
    {"OTEL_EXPORTER_OTLP_HEADERS", HEADERS, AT(otlp_headers), 0, 0, NULL,
     "sent to the collector: name=value, comma separated, percent-encoded"},
    {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", HEADERS, AT(otlp_traces_headers), 0, 0, NULL,
     "these instead, for traces"},
    {"OTEL_EXPORTER_OTLP_CERTIFICATE", TEXT, AT(otlp_certificate), 0, 0, NULL,
     "file of the authorities that are trusted for an https collector; else the system's"},
    {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", TEXT, AT(otlp_traces_certificate), 0, 0, NULL,
     "this one instead, for traces"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", COUNT, AT(otlp_timeout_ms), 1, 600000, "10000",
     "ms for a batch, with its retries"},
    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", COUNT, AT(otlp_traces_timeout_ms), 1, 600000, NULL,
     "this one instead, for traces"},
    {"OTEL_BSP_SCHEDULE_DELAY", COUNT, AT(otel_delay_ms), 1, 600000, "5000",
     "ms that a trace waits for others, at most"},
    {"OTEL_BSP_MAX_QUEUE_SIZE", COUNT, AT(otel_queue_size), 1, 1000000, "2048",
     "spans that wait to be exported; what comes then is dropped"},
    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", COUNT, AT(otel_batch_size), 1, 1000000, "512",
     "spans that are sent at once, but a trace is not divided"},
};

#define N_SETTINGS (sizeof table / sizeof table[0])

static const char *current_text[N_SETTINGS]; /* as given; for gateway.env() */

static bool set(struct gw_settings *s, const struct setting *setting, const char *text,
                struct gw_buf *error) {
    current_text[setting - table] = text;
    if (gw_setting_read(s, setting, text))
        return true;
    gw_setting_explain(setting, text, error);
    return false;
}

/* An empty variable counts as not set, as compose files leave them. */
static bool load_environment(struct gw_settings *s, struct gw_buf *error) {
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const char *text = getenv(table[i].name);
        if (table[i].fallback)
            gw_setting_read(s, &table[i], table[i].fallback);
        if (text && *text && !set(s, &table[i], text, error))
            return false;
    }
    return true;
}

/* Whether the flag "--drain-seconds" or "--drain-seconds=7" names DRAIN_SECONDS. */
static bool names(const char *flag, const char *name) {
    for (flag += 2; *name; flag++, name++)
        if (toupper((unsigned char)*flag) != (*name == '_' ? '-' : *name))
            return false;
    return *flag == '\0' || *flag == '=';
}

static const struct setting *find_flag(const char *flag) {
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strncmp(flag, "--", 2) == 0 && names(flag, table[i].name))
            return &table[i];
    return NULL;
}

static const struct setting *find_name(const char *name) {
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

/* --dev: what somebody who writes scripts wants to see. */
static void set_dev(struct gw_settings *s, struct gw_buf *error) {
    set(s, find_name("GATEWAY_ENV"), "development", error);
    set(s, find_name("LOG_FORMAT"), "text", error);
    s->log_format = GW_LOG_COLOUR;
}

static bool load_flags(struct gw_settings *s, int argc, char **argv, struct gw_buf *error) {
    for (int i = 0; i < argc; i++) {
        const struct setting *setting = find_flag(argv[i]);
        if (strcmp(argv[i], "--dev") == 0) {
            set_dev(s, error);
            continue;
        }
        if (!setting) {
            gw_buf_printf(error, "%s: no such flag", argv[i]);
            return false;
        }
        const char *equals = strchr(argv[i], '=');
        const char *text = equals                    ? equals + 1
                           : setting->kind == SWITCH ? "1"
                           : i + 1 < argc            ? argv[++i]
                                                     : NULL;
        if (!text) {
            gw_buf_printf(error, "%s: needs a value", argv[i]);
            return false;
        }
        if (!set(s, setting, text, error))
            return false;
    }
    return true;
}

bool gw_settings_load(struct gw_settings *s, int argc, char **argv, struct gw_buf *error) {
    *s = (struct gw_settings){0};
    if (!load_environment(s, error) || !load_flags(s, argc, argv, error))
        return false;
    if (s->workers == 0)
        s->workers = gw_cores();
    return true;
}

bool gw_settings_is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

bool gw_settings_has_token(const struct gw_settings *s) {
    return s->admin_token && *s->admin_token;
}

bool gw_settings_check_serve(const struct gw_settings *s, struct gw_buf *error) {
    bool has_guard = gw_settings_has_token(s) || gw_settings_is_loopback(s->admin_host);
    bool has_place = !s->last_good || s->data_dir;
    if (!has_guard)
        gw_buf_printf(error,
                      "ADMIN_TOKEN: must be set, since ADMIN_HOST (%s) is not this machine's own",
                      s->admin_host);
    else if (!has_place)
        gw_buf_printf(error, "DATA_DIR: must be set, since LAST_GOOD is");
    return has_guard && has_place;
}

static bool listed(const char *list, struct gw_str name) {
    struct gw_str rest = gw_str_from(list), item;
    while (gw_str_split(rest, ',', &item, &rest))
        if (gw_str_equal(gw_str_trim(item), name))
            return true;
    return false;
}

const char *gw_settings_env(const struct gw_settings *s, const char *name, bool *allowed) {
    const struct setting *setting = find_name(name);
    if (setting) {
        *allowed = !gw_setting_is_secret(setting);
        return *allowed ? current_text[setting - table] : NULL;
    }
    *allowed = listed(s->script_env, gw_str_from(name));
    return *allowed ? getenv(name) : NULL;
}

void gw_settings_help(struct gw_buf *out) {
    for (size_t i = 0; i < N_SETTINGS; i++)
        gw_buf_printf(out, "  %-38s %-10s %s\n", table[i].name,
                      table[i].fallback ? table[i].fallback : "-", table[i].help);
    gw_buf_printf(out, "\n  --dev is --gateway-env development --log-format text, in colour\n");
}
