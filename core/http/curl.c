#include "http/client_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/sockets.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DNS_CACHE_S 5L /* how soon a changed address is seen by new connections */

struct gw_curl {
    struct gw_client *client;
    CURLM *multi;               /* owned */
    struct gw_sockets *sockets; /* owned */
    struct event timer;         /* libcurl's */
    struct event turn;          /* activated: libcurl wants a turn soon */
    unsigned n_running;         /* handles in `multi` */
    char *ca_file;              /* owned; NULL: the system's */
};

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *unused);
static int want_timer(CURLM *multi, long timeout_ms, void *user);
static void on_socket(void *user, evutil_socket_t fd, short what);
static void on_timer(evutil_socket_t fd, short what, void *user);

/* --- The library --- */

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

static CURLM *multi_new(struct gw_curl *curl) {
    CURLM *multi = or_abort(curl_multi_init());
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, curl);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return multi;
}

struct gw_curl *gw_curl_new(struct gw_client *client, const char *ca_file) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct gw_curl *curl = gw_calloc(1, sizeof *curl);
    curl->client = client;
    curl->ca_file = ca_file ? gw_strdup(ca_file) : NULL;
    curl->multi = multi_new(curl);
    curl->sockets = gw_sockets_new(client->base, on_socket, curl);
    evtimer_assign(&curl->timer, client->base, on_timer, curl);
    evtimer_assign(&curl->turn, client->base, on_timer, curl);
    return curl;
}

void gw_curl_free(struct gw_curl *curl) {
    curl_multi_cleanup(curl->multi); /* closes the kept connections: `sockets` is still needed */
    event_del(&curl->timer);
    event_del(&curl->turn);
    gw_sockets_free(curl->sockets);
    free(curl->ca_file);
    free(curl);
}

static unsigned count_https_hosts(const struct gw_client *client) {
    unsigned n = 0;
    for (unsigned i = 0; i < client->n_hosts; i++)
        n += !client->hosts[i]->is_plain;
    return n;
}

/* libcurl counts all its connections, in use or idle, to any host. Given so many, it closes the one
 * that has been idle longest. */
static void limit_idle(const struct gw_curl *curl) {
    const struct gw_client *client = curl->client;
    long idle = (long)client->max_idle * (long)count_https_hosts(client);
    long connections = (long)curl->n_running + idle;
    curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, connections > 0 ? connections : 1L);
}

void *gw_curl_parse(const char *name) {
    CURLU *url = or_abort(curl_url());
    if (curl_url_set(url, CURLUPART_URL, name, 0) == CURLUE_OK)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

void gw_curl_free_url(void *url) {
    curl_url_cleanup(url);
}

/* --- A transfer begins --- */

static size_t on_header(char *data, size_t size, size_t n, void *user);
static size_t on_body(char *data, size_t size, size_t n, void *user);
static curl_socket_t open_socket(void *user, curlsocktype type, struct curl_sockaddr *address);
static int close_socket(void *user, curl_socket_t fd);

/* What is the same for each call of the client. */
static void set_common_options(CURL *easy, const struct gw_client *client) {
    long lifetime_s = (long)((client->lifetime_us + 999999) / 1000000);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not what the environment says */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, lifetime_s);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled call must not wait for its DNS */
    if (client->curl->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->curl->ca_file);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client->curl);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client->curl);
}

static CURL *easy_new(struct gw_call *call) {
    CURL *easy = or_abort(curl_easy_init());
    set_common_options(easy, call->client);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    return easy;
}

/* libcurl takes the host as parsed once, and what comes after it as it is: to have a URL taken
 * apart and put together again costs a fifth of a call. */
static void set_host(struct gw_call *call) {
    if (!call->easy) {
        call->easy = easy_new(call);
        call->plain_get = true;
        call->easy_connect_timeout_ms = 0;
    }
    curl_easy_setopt(call->easy, CURLOPT_CURLU, call->host->url);
    curl_easy_setopt(call->easy, CURLOPT_CONNECT_ONLY, call->host->is_plain ? 1L : 0L);
    if (call->easy_connect_timeout_ms != call->connect_timeout_ms)
        curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms);
    call->easy_connect_timeout_ms = call->connect_timeout_ms;
}

void gw_curl_fini(struct gw_call *call) {
    curl_easy_cleanup(call->easy);
    free(call->fields);
}

/* With a body, libcurl would add a Content-Type of its own, and Expect to a long one; a name
 * without a value keeps it from that, and a Content-Type among the fields is still sent. */
static void set_fields(struct gw_call *call) {
    static char expect[] = "Expect:", type[] = "Content-Type:";
    static struct curl_slist no_expect = {expect, NULL}, no_type = {type, &no_expect};
    struct curl_slist *chain = call->outgoing.sends_body ? &no_type : NULL;
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

static void set_method(struct gw_call *call, const char *method) {
    bool sends_body = call->outgoing.sends_body;
    bool plain_get = !sends_body && strcmp(method, "GET") == 0;
    bool head = !sends_body && call->outgoing.is_head;
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

bool gw_curl_prepare(struct gw_call *call, const struct gw_call_request *request,
                     const char *target) {
    if (!gw_outgoing_copy(&call->outgoing, request))
        return false;
    set_host(call);
    curl_easy_setopt(call->easy, CURLOPT_REQUEST_TARGET, target);
    set_method(call, request->method);
    set_fields(call);
    return true;
}

void gw_curl_start(struct gw_call *call) {
    struct gw_curl *curl = call->client->curl;
    curl->n_running++;
    call->curl_us = gw_clock_us();
    limit_idle(curl);
    curl_multi_add_handle(curl->multi, call->easy);
}

void gw_curl_connect(struct gw_call *call) {
    set_host(call);
    gw_curl_start(call);
}

static int64_t time_of(const struct gw_call *call, CURLINFO what) {
    curl_off_t us = 0;
    curl_easy_getinfo(call->easy, what, &us);
    return us;
}

/* The part that ended at `end_us`, or has not ended, after `before_us`; what follows it begins
 * where this returns. */
static int64_t note_part(int64_t *part_us, int64_t before_us, int64_t end_us, int64_t now_us) {
    int64_t until_us = end_us ? end_us : now_us;
    *part_us = until_us > before_us ? until_us - before_us : 0;
    return before_us + *part_us;
}

/* libcurl's times are all since the beginning; 0 is what it has not come to. */
static void note_times(struct gw_call *call) {
    struct gw_call_times *times = &call->response.times;
    int64_t now_us = gw_clock_us() - call->curl_us;
    int64_t at = 0;
    long n_connects = 0;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &n_connects);
    times->is_reused = n_connects == 0 && time_of(call, CURLINFO_PRETRANSFER_TIME_T);
    if (!times->is_reused) {
        at = note_part(&times->dns_us, 0, time_of(call, CURLINFO_NAMELOOKUP_TIME_T), now_us);
        at = note_part(&times->connect_us, at, time_of(call, CURLINFO_CONNECT_TIME_T), now_us);
        if (!call->host->is_plain)
            at = note_part(&times->tls_us, at, time_of(call, CURLINFO_APPCONNECT_TIME_T), now_us);
    }
    if (call->host->is_plain)
        return;
    at = note_part(&times->wait_us, at, time_of(call, CURLINFO_STARTTRANSFER_TIME_T), now_us);
    note_part(&times->transfer_us, at, 0, now_us);
}

void gw_curl_stop(struct gw_call *call) {
    struct gw_curl *curl = call->client->curl;
    note_times(call);
    curl_multi_remove_handle(curl->multi, call->easy);
    curl->n_running--;
    limit_idle(curl);
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

/* libcurl keeps nothing that it connected for another: it closes its own descriptor when the handle
 * is removed. */
static void take_connection(struct gw_call *call) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
    int ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (ours < 0) {
        gw_call_finish(call, GW_CALL_CONNECT, strerrordesc_np(errno));
        return;
    }
    gw_curl_stop(call);
    gw_pool_connected(call, ours);
}

static void collect(struct gw_call *call, CURLcode code) {
    if (call->host->is_plain && code == CURLE_OK) {
        take_connection(call);
        return;
    }
    enum gw_call_outcome outcome = outcome_of(call, code);
    gw_call_finish(call, outcome, error_of(call, outcome, code));
}

static void collect_finished(struct gw_curl *curl) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(curl->multi, &left))) {
        struct gw_call *call;
        CURLcode code = message->data.result; /* gone once the handle is removed */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        collect(call, code);
    }
}

/* --- libcurl's view of the loop --- */

static void act(struct gw_curl *curl, curl_socket_t fd, int what) {
    int running;
    curl_multi_socket_action(curl->multi, fd, what, &running);
    collect_finished(curl);
    gw_client_deliver(curl->client);
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
    struct gw_curl *curl = user;
    gw_sockets_want(curl->sockets, fd, events[what]);
    return 0;
}

/* No time at all is a turn in this round of the loop, without another look at epoll. */
static int want_timer(CURLM *multi, long timeout_ms, void *user) {
    (void)multi;
    struct gw_curl *curl = user;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (timeout_ms < 0)
        event_del(&curl->timer);
    else if (timeout_ms == 0)
        event_active(&curl->turn, EV_TIMEOUT, 1);
    else
        event_add(&curl->timer, &timeout);
    return 0;
}

static curl_socket_t open_socket(void *user, curlsocktype type, struct curl_sockaddr *address) {
    (void)type;
    struct gw_curl *curl = user;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    gw_sockets_opened(curl->sockets, fd);
    return fd;
}

static int close_socket(void *user, curl_socket_t fd) {
    struct gw_curl *curl = user;
    gw_sockets_closing(curl->sockets, fd);
    return close(fd);
}
