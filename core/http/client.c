#include "http/client_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "http/grammar.h"
#include "http/sockets.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DNS_CACHE_S  5L  /* how soon a changed address is seen ... */
#define CONNECTION_S 60L /* ... and how long a busy connection to the old one lives */

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *unused);
static int want_timer(CURLM *multi, long timeout_ms, void *user);
static void on_socket(void *user, evutil_socket_t fd, short what);
static void on_timer(evutil_socket_t fd, short what, void *user);

/* --- The client --- */

static void init_library(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* libcurl's handles are refused only where memory is. */
static void *or_abort(void *handle) {
    if (!handle) {
        gw_log(GW_LOG_ERROR, "out of memory for libcurl");
        abort();
    }
    return handle;
}

static CURLM *multi_new(struct gw_client *client) {
    CURLM *multi = or_abort(curl_multi_init());
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)client->max_connections);
    return multi;
}

struct gw_client *gw_client_new(struct event_base *base, const struct gw_client_options *options) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct gw_client *client = gw_calloc(1, sizeof *client);
    client->base = base;
    client->max_connections = options->max_connections;
    client->max_idle = options->max_idle_connections;
    client->ca_file = options->ca_file ? gw_strdup(options->ca_file) : NULL;
    client->multi = multi_new(client);
    client->sockets = gw_sockets_new(base, on_socket, client);
    evtimer_assign(&client->timer, base, on_timer, client);
    evtimer_assign(&client->turn, base, on_timer, client);
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->finished);
    TAILQ_INIT(&client->spare);
    return client;
}

static void free_host(struct gw_client_host *host) {
    curl_url_cleanup(host->url);
    free(host->name);
}

void gw_client_free(struct gw_client *client) {
    if (!client)
        return;
    gw_client_free_calls(client);
    curl_multi_cleanup(client->multi); /* closes the kept connections: `sockets` is still needed */
    event_del(&client->timer);
    event_del(&client->turn);
    gw_sockets_free(client->sockets);
    for (unsigned i = 0; i < client->n_hosts; i++)
        free_host(&client->hosts[i]);
    free(client->hosts);
    free(client->ca_file);
    free(client);
}

/* libcurl counts all connections, in use or idle, to any host. Given so many, it closes the one
 * that has been idle longest. */
static void limit_idle(struct gw_client *client) {
    long connections = (long)client->n_running + (long)client->max_idle * (long)client->n_hosts;
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections > 0 ? connections : 1L);
}

/* --- Hosts --- */

/* "http://name:port", of whatever follows. */
static struct gw_str host_of(const char *url) {
    const char *slashes = strstr(url, "://");
    size_t scheme = slashes ? (size_t)(slashes - url) + 3 : 0;
    return (struct gw_str){url, scheme + strcspn(url + scheme, "/?#")};
}

static const struct gw_client_host *find_host(const struct gw_client *client, struct gw_str name) {
    for (unsigned i = 0; i < client->n_hosts; i++)
        if (gw_str_equal(gw_str_from(client->hosts[i].name), name))
            return &client->hosts[i];
    return NULL;
}

/* NULL if it is not the beginning of a URL. */
static const struct gw_client_host *add_host(struct gw_client *client, struct gw_str name) {
    struct gw_client_host host = {gw_strndup(name.data, name.len), or_abort(curl_url())};
    if (curl_url_set(host.url, CURLUPART_URL, host.name, 0) != CURLUE_OK) {
        free_host(&host);
        return NULL;
    }
    client->hosts = gw_realloc(client->hosts, (client->n_hosts + 1) * sizeof *client->hosts);
    client->hosts[client->n_hosts] = host;
    return &client->hosts[client->n_hosts++];
}

/* Path and query in one, so that nothing in it ends the request line early. */
static bool is_target(const char *target) {
    struct gw_str text = gw_str_from(target);
    return *target == '/' && gw_str_span(text, GW_CHAR_FIELD) == text.len &&
           !strpbrk(target, " \t#");
}

/* --- A transfer begins --- */

static size_t on_header(char *data, size_t size, size_t n, void *user);
static size_t on_body(char *data, size_t size, size_t n, void *user);
static curl_socket_t open_socket(void *user, curlsocktype type, struct curl_sockaddr *address);
static int close_socket(void *user, curl_socket_t fd);

/* What is the same for each call of the client. */
static void set_common_options(CURL *easy, const struct gw_client *client) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not what the environment says */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_S);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled call must not wait for its DNS */
    if (client->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
}

void gw_transfer_init(struct gw_call *call) {
    CURL *easy = or_abort(curl_easy_init());
    set_common_options(easy, call->client);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    call->easy = easy;
    call->plain_get = true;
}

void gw_transfer_fini(struct gw_call *call) {
    curl_easy_cleanup(call->easy);
    gw_outgoing_fini(&call->outgoing);
    free(call->fields);
}

/* libcurl takes the host as parsed once, and what comes after it as it is: to have a URL taken
 * apart and put together again costs a fifth of a call. */
static bool set_url(struct gw_call *call, const char *url) {
    struct gw_str name = host_of(url);
    const char *target = url[name.len] ? url + name.len : "/";
    const struct gw_client_host *host = find_host(call->client, name);
    if (!host)
        host = add_host(call->client, name);
    if (!host || !is_target(target))
        return false;
    curl_easy_setopt(call->easy, CURLOPT_CURLU, host->url);
    curl_easy_setopt(call->easy, CURLOPT_REQUEST_TARGET, target);
    return true;
}

/* With a body, libcurl would add a Content-Type of its own, and Expect to a long one; a name
 * without a value keeps it from that, and a Content-Type among the fields is still sent. */
static void set_fields(struct gw_call *call, bool sends_body) {
    static char expect[] = "Expect:", type[] = "Content-Type:";
    static struct curl_slist no_expect = {expect, NULL}, no_type = {type, &no_expect};
    struct curl_slist *chain = sends_body ? &no_type : NULL;
    unsigned n = call->outgoing.n_lines;
    call->fields = gw_realloc(call->fields, (n + 1) * sizeof *call->fields);
    while (n-- > 0) {
        call->fields[n] = (struct curl_slist){call->outgoing.lines[n], chain};
        chain = &call->fields[n];
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, chain);
}

static void set_body(struct gw_call *call) {
    const struct gw_str *body = &call->outgoing.body;
    curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, body->data);
}

/* These say "Content-Length: 0" when they have no body (RFC 9110, 8.6). */
static bool expects_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

static void set_method(struct gw_call *call, const char *method, bool sends_body) {
    bool plain_get = !sends_body && strcmp(method, "GET") == 0;
    bool head = !sends_body && strcmp(method, "HEAD") == 0;
    if (plain_get && call->plain_get)
        return;
    call->plain_get = plain_get;
    curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L); /* undoes NOBODY and POST */
    curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, plain_get || head ? NULL : method);
    if (head)
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    if (sends_body)
        set_body(call);
}

bool gw_transfer_prepare(struct gw_call *call, const struct gw_call_request *request) {
    if (!gw_outgoing_copy(&call->outgoing, request) || !set_url(call, request->url))
        return false;
    bool sends_body = request->has_body || expects_body(request->method);
    set_method(call, request->method, sends_body);
    set_fields(call, sends_body);
    if (call->connect_timeout_ms != request->connect_timeout_ms)
        curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    call->connect_timeout_ms = request->connect_timeout_ms;
    return true;
}

void gw_transfer_start(struct gw_call *call) {
    limit_idle(call->client);
    curl_multi_add_handle(call->client->multi, call->easy);
}

void gw_transfer_stop(struct gw_call *call) {
    curl_multi_remove_handle(call->client->multi, call->easy);
    limit_idle(call->client);
}

static size_t on_header(char *data, size_t size, size_t n, void *user) {
    struct gw_call *call = user;
    return gw_collector_line(&call->collector, (struct gw_str){data, size * n}) ? n : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
    struct gw_call *call = user;
    return gw_collector_body(&call->collector, (struct gw_str){data, size * n}) ? n : 0;
}

/* --- A transfer ends --- */

/* The one time limit that libcurl is given is that of connecting. */
static enum gw_call_outcome timed_out(CURL *easy) {
    curl_off_t resolved = 0;
    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
    return resolved ? GW_CALL_CONNECT : GW_CALL_DNS;
}

static enum gw_call_outcome outcome_of(const struct gw_call *call, CURLcode code) {
    if (call->collector.too_large)
        return GW_CALL_TOO_LARGE;
    switch (code) {
    case CURLE_OK: /* also where the connection ended within the header section */
        return gw_collector_has_head(&call->collector) ? GW_CALL_OK : GW_CALL_BROKEN;
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(call->easy);
    case CURLE_COULDNT_CONNECT:
        return GW_CALL_CONNECT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return GW_CALL_DNS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return GW_CALL_TLS;
    case CURLE_URL_MALFORMAT:
        return GW_CALL_INVALID;
    default:
        return GW_CALL_BROKEN;
    }
}

static const char *error_of(const struct gw_call *call, enum gw_call_outcome outcome,
                            CURLcode code) {
    long os_error = 0;
    if (outcome == GW_CALL_OK)
        return "";
    if (outcome == GW_CALL_TOO_LARGE)
        return "the response is too large";
    if (code == CURLE_OK)
        return "the response ended within its header section";
    if (code == CURLE_COULDNT_CONNECT)
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_error);
    const char *text = os_error ? strerrordesc_np((int)os_error) : NULL;
    return text ? text : curl_easy_strerror(code);
}

static void collect_finished(struct gw_client *client) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct gw_call *call;
        CURLcode code = message->data.result; /* gone once the call is finished */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        enum gw_call_outcome outcome = outcome_of(call, code);
        gw_call_finish(call, outcome, error_of(call, outcome, code));
    }
}

/* --- libcurl's view of the loop --- */

static void act(struct gw_client *client, curl_socket_t fd, int what) {
    int running;
    curl_multi_socket_action(client->multi, fd, what, &running);
    collect_finished(client);
    gw_client_deliver(client);
}

static void on_socket(void *user, evutil_socket_t fd, short what) {
    act(user, fd, what == EV_READ ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
}

static void on_timer(evutil_socket_t fd, short what, void *user) {
    (void)fd, (void)what;
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *unused) {
    (void)easy, (void)unused;
    static const short events[] = {
        [CURL_POLL_IN] = EV_READ,
        [CURL_POLL_OUT] = EV_WRITE,
        [CURL_POLL_INOUT] = EV_READ | EV_WRITE,
        [CURL_POLL_REMOVE] = 0,
    };
    struct gw_client *client = user;
    gw_sockets_want(client->sockets, fd, events[what]);
    return 0;
}

/* No time at all is a turn in this round of the loop, without another look at epoll. */
static int want_timer(CURLM *multi, long timeout_ms, void *user) {
    (void)multi;
    struct gw_client *client = user;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (timeout_ms < 0)
        event_del(&client->timer);
    else if (timeout_ms == 0)
        event_active(&client->turn, EV_TIMEOUT, 1);
    else
        event_add(&client->timer, &timeout);
    return 0;
}

static curl_socket_t open_socket(void *user, curlsocktype type, struct curl_sockaddr *address) {
    (void)type;
    struct gw_client *client = user;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    gw_sockets_opened(client->sockets, fd);
    return fd;
}

static int close_socket(void *user, curl_socket_t fd) {
    struct gw_client *client = user;
    gw_sockets_closing(client->sockets, fd);
    return close(fd);
}
