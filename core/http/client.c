#include "http/client_internal.h"

#include "base/alloc.h"
#include "http/grammar.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_MS 60000 /* of a connection, unless the options say */

/* --- The client --- */

static void on_turn(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    gw_client_deliver(user);
}

struct gw_client *gw_client_new(struct event_base *base, const struct gw_client_options *options) {
    struct gw_client *client = gw_calloc(1, sizeof *client);
    int64_t lifetime_ms = options->lifetime_ms ? options->lifetime_ms : LIFETIME_MS;
    client->base = base;
    client->max_connections = options->max_connections;
    client->max_idle = options->max_idle_connections;
    client->lifetime_us = lifetime_ms * 1000;
    client->curl = gw_curl_new(client, options->ca_file);
    evtimer_assign(&client->turn, base, on_turn, client);
    evtimer_assign(&client->reaper, base, gw_pool_reap, client);
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->finished);
    TAILQ_INIT(&client->spare);
    return client;
}

static void free_host(struct gw_client_host *host) {
    gw_pool_fini(host);
    gw_curl_free_url(host->url);
    free(host->name);
    free(host);
}

void gw_client_free(struct gw_client *client) {
    if (!client)
        return;
    gw_client_free_calls(client);
    for (unsigned i = 0; i < client->n_hosts; i++)
        free_host(client->hosts[i]);
    free(client->hosts);
    gw_curl_free(client->curl);
    event_del(&client->turn);
    event_del(&client->reaper);
    free(client);
}

/* --- Hosts --- */

static size_t scheme_size(struct gw_str name) {
    const char *slashes = name.len ? memmem(name.data, name.len, "://", 3) : NULL;
    return slashes ? (size_t)(slashes - name.data) + 3 : 0;
}

/* "http://name:port", of whatever follows. */
static struct gw_str host_of(const char *url) {
    size_t scheme = scheme_size(gw_str_from(url));
    return (struct gw_str){url, scheme + strcspn(url + scheme, "/?#")};
}

static bool ends_with(struct gw_str s, struct gw_str end) {
    return s.len >= end.len && memcmp(s.data + s.len - end.len, end.data, end.len) == 0;
}

/* What Host says (RFC 9110, 4.2.1 and 7.2): without the port if that is the scheme's own. */
static struct gw_str without_default_port(struct gw_str authority) {
    if (ends_with(authority, GW_STR(":80")))
        authority.len -= 3;
    else if (ends_with(authority, GW_STR(":")))
        authority.len--;
    return authority;
}

static struct gw_client_host *find_host(const struct gw_client *client, struct gw_str name) {
    for (unsigned i = 0; i < client->n_hosts; i++)
        if (gw_str_equal(gw_str_from(client->hosts[i]->name), name))
            return client->hosts[i];
    return NULL;
}

static struct gw_client_host *host_new(struct gw_client *client, struct gw_str name) {
    struct gw_client_host *host = gw_calloc(1, sizeof *host);
    size_t scheme = scheme_size(name);
    host->client = client;
    host->name = gw_strndup(name.data, name.len);
    host->authority = (struct gw_str){host->name + scheme, name.len - scheme};
    host->is_plain = gw_str_equal_nocase((struct gw_str){name.data, scheme}, GW_STR("http://"));
    host->url = gw_curl_parse(host->name);
    TAILQ_INIT(&host->idle);
    return host;
}

static void find_metrics(struct gw_client_host *host) {
    if (!host->is_plain)
        return; /* those are libcurl's connections */
    host->open = gw_core_metric(GW_CORE_BACKEND_CONNECTIONS, host->name, NULL, NULL);
    host->opened = gw_core_metric(GW_CORE_BACKEND_CONNECTIONS_OPENED, host->name, NULL, NULL);
}

/* NULL if it is not the beginning of a URL. */
static struct gw_client_host *add_host(struct gw_client *client, struct gw_str name) {
    struct gw_client_host *host = host_new(client, name);
    if (!host->url || (host->is_plain && !gw_authority_is_valid(host->authority))) {
        free_host(host);
        return NULL;
    }
    host->authority = without_default_port(host->authority);
    find_metrics(host);
    client->hosts = gw_realloc(client->hosts, (client->n_hosts + 1) * sizeof *client->hosts);
    client->hosts[client->n_hosts++] = host;
    return host;
}

bool gw_client_has_room(const struct gw_client *client, const char *url) {
    const struct gw_client_host *host = find_host(client, host_of(url));
    return !host || host->n_running < client->max_connections;
}

/* --- Transfers --- */

/* Path and query in one, so that nothing in it ends the request line early. */
static bool is_target(const char *target) {
    struct gw_str text = gw_str_from(target);
    return *target == '/' && gw_str_span(text, GW_CHAR_FIELD) == text.len &&
           !strpbrk(target, " \t#");
}

bool gw_transfer_prepare(struct gw_call *call, const struct gw_call_request *request) {
    struct gw_str name = host_of(request->url);
    const char *target = request->url[name.len] ? request->url + name.len : "/";
    call->host = find_host(call->client, name);
    if (!call->host)
        call->host = add_host(call->client, name);
    if (!call->host || !is_target(target))
        return false;
    call->connect_timeout_ms = request->connect_timeout_ms;
    return call->host->is_plain
               ? gw_outgoing_write(&call->outgoing, request, call->host->authority, target)
               : gw_curl_prepare(call, request, target);
}

void gw_transfer_start(struct gw_call *call) {
    call->host->n_running += !call->takes_no_room;
    if (call->host->is_plain)
        gw_pool_start(call);
    else
        gw_curl_start(call);
}

void gw_transfer_stop(struct gw_call *call) {
    call->host->n_running -= !call->takes_no_room;
    if (call->host->is_plain)
        gw_pool_stop(call);
    else
        gw_curl_stop(call);
}

void gw_transfer_fini(struct gw_call *call) {
    gw_curl_fini(call);
    gw_outgoing_fini(&call->outgoing);
}
