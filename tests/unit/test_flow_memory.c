/* Each allocation of the Lua heap fails in turn, through a request with two steps, a fan-out,
 * children and two undos: there must be an answer each time, no panic, no leak, no flow left,
 * nothing reserved that is not released, and the same state must serve the next request. Everything
 * is real: the client, the gateway's server, the flow and the backend all run on one event loop
 * over loopback. */
#include "base/clock.h"
#include "engine/jobs_internal.h"
#include "http/client.h"
#include "http/server.h"
#include "lua/flow.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_MS 10000

static const char script[] =
    "local gateway <const> = require 'gateway'\n"
    "local peer <const> = gateway.backend('peer', { url = gateway.env 'INVENTORY_SERVICE_URL',\n"
    "                                               threshold = 1000000 })\n"
    "local function order(req)\n"
    "  local saga <close> = gateway.saga('order', req.params.id)\n"
    "  for n = 1, 2 do\n"
    "    saga:step(peer:post('/reserve/{n}', { n = n, json = { n = n } }),\n"
    "              peer:post('/release/{n}', { n = n, json = { n = n } }))\n"
    "  end\n"
    "  gateway.gather { one = peer:get '/price', list = { peer:get('/price', { fallback = true }) } }\n"
    "  gateway.map({ 1, 2, 3 }, function(n) gateway.call(peer:get '/price') return n end, { limit = 2 })\n"
    "  gateway.fail(409, 'always undone')\n"
    "end\n"
    "gateway.route('POST /orders/:id', order)\n"
    "gateway.job('job', function(args, job)\n"
    "  job:progress(50)\n"
    "  return { args = args, price = gateway.call(peer:get '/price').json }\n"
    "end)\n"
    "gateway.route('POST /jobs', function() return 202, { id = gateway.enqueue('job', { 1 }) } end)\n"
    "gateway.route('GET /jobs', function()\n"
    "  local newest <const> = gateway.jobs('job', { limit = 1 })[1]\n"
    "  local result <close> = gateway.job_status(newest.id, { result = true }).result\n"
    "  local body <const> = gateway.buffer()\n"
    "  for n in result:each 'args' do body:write(n, ' ', result:get('price').list[3]) end\n"
    "  return 200, body\n"
    "end)\n"
    "gateway.route('GET /ping', function() return 200, { pong = true } end)\n";

/* --- an allocator that fails on demand --- */

static long countdown = -1; /* growing allocations: the last two of so many fail; negative: none */
static unsigned n_failed;

/* Lua answers a failure by collecting garbage and asking once more, so both must fail. It relies on
 * shrinking always to succeed. */
static bool is_to_fail(size_t old_size, size_t size) {
    if (countdown <= 0 || size <= old_size)
        return false;
    if (--countdown > 1)
        return false;
    n_failed++;
    return true;
}

static void *failing_heap(void *user, void *block, size_t old_size, size_t size) {
    (void)user;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return is_to_fail(block ? old_size : 0, size) ? NULL : realloc(block, size);
}

/* --- the world: one loop for all --- */

static struct event_base *base;
static struct gw_server *peer, *front;
static struct gw_client *client;
static struct gw_caller *caller;
static struct gw_state *state;
static struct gw_backends *backends;
static struct gw_jobs *jobs;
static struct gw_job_runner *runner;
static struct gw_settings settings;
static struct gw_journal *journal;
static struct gw_sagas_shared shared;
static struct gw_sagas *sagas;
static unsigned n_reserved, n_released;

static void ignore(struct gw_exchange *exchange, void *user) {
    (void)exchange, (void)user;
}

static void ignore_reply(struct gw_exchange *exchange, unsigned status, size_t bytes, void *user) {
    (void)exchange, (void)status, (void)bytes, (void)user;
}

static void peer_request(struct gw_exchange *exchange, void *user) {
    (void)user;
    struct gw_reply reply = {.status = 200};
    struct gw_str path = gw_message_path(gw_exchange_message(exchange));
    n_released += path.len > 9 && memcmp(path.data, "/release/", 9) == 0;
    n_reserved += path.len > 9 && memcmp(path.data, "/reserve/", 9) == 0;
    gw_buf_printf(&reply.fields, "content-type: application/json\r\n");
    gw_buf_printf(&reply.body, "{\"ok\":true,\"list\":[1,2.5,\"three\"]}");
    gw_exchange_reply(exchange, &reply);
}

static void front_head(struct gw_exchange *exchange, void *user) {
    (void)user;
    struct gw_flow *flow;
    struct gw_buf allow = {0};
    assert_int_equal(gw_flow_open(state, exchange, &flow, &allow), GW_ROUTE_FOUND);
    gw_exchange_set_user(exchange, flow);
    gw_buf_fini(&allow);
}

static void front_request(struct gw_exchange *exchange, void *user) {
    (void)user;
    gw_flow_start(gw_exchange_user(exchange));
}

static struct gw_server *serve(const struct gw_server_handler *handler) {
    struct gw_server_options options = {.host = "127.0.0.1",
                                        .limits = {8192, 32768, 100},
                                        .max_body = 65536,
                                        .max_connections = 100,
                                        .cors_allow_origins = GW_STR("")};
    char error[256];
    struct gw_server *server = gw_server_new(base, &options, handler, NULL, error, sizeof error);
    assert_non_null(server);
    return server;
}

static bool ready(void *user, const char **reason) {
    (void)user, (void)reason;
    return true;
}

static void load_settings(void) {
    char url[64];
    struct gw_buf error = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u", gw_server_port(peer));
    setenv("INVENTORY_SERVICE_URL", url, 1);
    assert_true(gw_settings_load(&settings, 0, NULL, &error));
}

static void load_state(void) {
    static struct gw_source source = {.path = "init.lua"};
    static struct gw_sources sources = {.items = &source, .n = 1};
    source.text = (struct gw_buf){.data = (char *)script, .len = sizeof script - 1};
    struct gw_host host = {.base = base,
                           .caller = caller,
                           .backends = backends,
                           .jobs = runner,
                           .sagas = sagas,
                           .settings = &settings,
                           .ready = ready,
                           .alloc = failing_heap};
    struct gw_buf error = {0};
    state = gw_state_new(&host, &sources, &error);
    if (!state)
        fail_msg("%.*s", GW_STR_ARG(error));
}

static void *start_job(void *user, struct gw_job *job) {
    (void)user;
    return gw_flow_start_job(state, job);
}

static int set_up(void **unused) {
    (void)unused;
    static const struct gw_server_handler peer_handler = {ignore, peer_request, ignore,
                                                          ignore_reply};
    static const struct gw_server_handler front_handler = {front_head, front_request, ignore,
                                                           ignore_reply};
    struct gw_client_options options = {.max_connections = 10, .max_idle_connections = 10};
    signal(SIGPIPE, SIG_IGN);
    gw_log_set_level(GW_LOG_ERROR + 1); /* each failure is logged: thousands of lines */
    base = event_base_new();
    client = gw_client_new(base, &options);
    caller = gw_caller_new(base, client);
    backends = gw_backends_new();
    jobs = gw_jobs_new(&(struct gw_job_limits){
        .max_unfinished = 9, .at_once = 9, .attempts = 1, .max_result = 1000});
    journal = gw_journal_new(gw_store_sqlite_open(NULL, NULL), &(struct gw_store_limits){0});
    sagas = gw_sagas_new(base, caller, backends, journal, &shared, &gw_saga_timing);
    runner =
        gw_job_runner_new(jobs, base, journal,
                          &(struct gw_job_work){.start = start_job, .cancel = gw_flow_cancel_job});
    peer = serve(&peer_handler);
    front = serve(&front_handler);
    load_settings();
    load_state();
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    gw_server_free(front);
    gw_state_free(state);
    gw_server_free(peer);
    gw_job_runner_free(runner);
    gw_sagas_free(sagas);
    gw_journal_free(journal);
    gw_caller_free(caller);
    gw_client_free(client);
    gw_backends_free(backends);
    gw_jobs_free(jobs);
    event_base_free(base);
    return 0;
}

/* --- one request --- */

static unsigned answered; /* the status, 0 while there is none */

static void on_answer(void *user, struct gw_call_response *response) {
    (void)user;
    assert_int_equal(response->outcome, GW_CALL_OK);
    answered = response->status;
}

static void wait_until(bool (*done)(void)) {
    int64_t until = gw_clock_ms() + LIMIT_MS;
    struct timeval tick = {0, 1000};
    while (!done()) {
        assert_true(gw_clock_ms() < until);
        event_base_loopexit(base, &tick);
        event_base_dispatch(base);
    }
}

static bool is_over(void) {
    return answered && gw_state_flows(state) == 0 && !gw_sagas_are_busy(sagas);
}

static bool is_no_job_left(void) {
    return jobs->n == 0 && gw_state_flows(state) == 0;
}

static unsigned ask(const char *method, const char *path) {
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", gw_server_port(front), path);
    struct gw_call_request request = {.method = method,
                                      .url = url,
                                      .connect_timeout_ms = LIMIT_MS,
                                      .timeout_ms = LIMIT_MS,
                                      .max_response = 65536};
    answered = 0;
    gw_client_start(client, &request, on_answer, NULL);
    wait_until(is_over);
    return answered;
}

static void the_flow_works_while_memory_lasts(void **unused) {
    (void)unused;
    n_released = 0;
    assert_int_equal(ask("GET", "/ping"), 200);
    assert_int_equal(ask("POST", "/orders/1"), 409);
    assert_int_equal(n_released, 2);
}

static void each_failed_allocation_is_survived(void **unused) {
    (void)unused;
    long n = 0;
    unsigned n_answered_500 = 0;
    do {
        n_failed = n_reserved = n_released = 0;
        countdown = ++n + 1;
        unsigned status = ask("POST", "/orders/1");
        countdown = -1;
        assert_true(status == 500 || status == 409 || status == 502);
        assert_true(n_released >= n_reserved);
        n_answered_500 += status == 500;
        assert_int_equal(ask("GET", "/ping"), 200);
    } while (n_failed > 0);
    assert_true(n > 50); /* it did go through a flow */
    assert_true(n_answered_500 > 20);
    n_released = 0;
    assert_int_equal(ask("POST", "/orders/1"), 409);
    assert_int_equal(n_released, 2);
}

/* Whatever fails in it, a job ends. */
static void each_failed_allocation_of_a_job_is_survived(void **unused) {
    (void)unused;
    long n = 0;
    do {
        n_failed = 0;
        countdown = ++n + 1;
        unsigned status = ask("POST", "/jobs");
        wait_until(is_no_job_left);
        unsigned then = ask("GET", "/jobs");
        countdown = -1;
        assert_true(status == 500 || status == 202);
        assert_true(then == 500 || then == 200);
    } while (n_failed > 0);
    assert_true(n > 50);
    assert_int_equal(ask("POST", "/jobs"), 202);
    wait_until(is_no_job_left);
    assert_int_equal(ask("GET", "/jobs"), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flow_works_while_memory_lasts),
        cmocka_unit_test(each_failed_allocation_is_survived),
        cmocka_unit_test(each_failed_allocation_of_a_job_is_survived),
    };
    return cmocka_run_group_tests_name("flow memory", tests, set_up, tear_down);
}
