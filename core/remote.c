#include "remote.h"

#include "http/client.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS   (120 * 1000) /* scripts are loaded before there is an answer */
#define CONNECT_MS   5000
#define MAX_RESPONSE (64 << 20)

struct question {
    const char *method;
    struct gw_buf path, body;
    int code; /* of exit */
};

/* --- What is asked --- */

static bool is_number(const char *text) {
    uint64_t value;
    return gw_str_to_u64(gw_str_from(text), UINT32_MAX, &value) && value > 0;
}

static bool is_one_of(const char *command, const char *const *list) {
    while (*list && strcmp(command, *list) != 0)
        list++;
    return *list != NULL;
}

static bool is_of_sagas(const char *command) {
    return is_one_of(command, (const char *const[]){"sagas", "retry", "resolve", NULL});
}

bool gw_remote_is_command(const char *command) {
    return is_of_sagas(command) ||
           is_one_of(command, (const char *const[]){"reload", "generations", "rollback", NULL});
}

struct gw_remote_words gw_remote_take(int *argc, char **argv) {
    static const char reason[] = "--reason=";
    struct gw_remote_words words = {0};
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--open") == 0)
            words.open = true;
        else if (strncmp(argv[i], reason, sizeof reason - 1) == 0)
            words.reason = argv[i] + sizeof reason - 1;
        else if (strcmp(argv[i], "--reason") == 0 && i + 1 < *argc)
            words.reason = argv[++i];
        else if (argv[i][0] != '-' && !words.word)
            words.word = argv[i];
        else {
            bool has_value =
                strncmp(argv[i], "--", 2) == 0 && !strchr(argv[i], '=') && i + 1 < *argc;
            argv[n++] = argv[i];
            if (has_value)
                argv[n++] = argv[++i];
        }
    }
    *argc = n;
    return words;
}

/* Why these words do not belong to the command, or NULL. */
static const char *refuse(const char *command, const struct gw_remote_words *words) {
    bool resolve = strcmp(command, "resolve") == 0, sagas = strcmp(command, "sagas") == 0;
    if (words->reason && !resolve)
        return "--reason belongs to resolve";
    if (words->open && (!sagas || words->word))
        return "--open belongs to sagas, without an id";
    if (is_of_sagas(command))
        return !words->word && !sagas      ? "the id of a saga is missing"
               : resolve && !words->reason ? "--reason is missing"
                                           : NULL;
    if (words->word && (!is_number(words->word) || strcmp(command, "reload") == 0))
        return "that is not the number of a generation";
    return NULL;
}

static void ask_of_sagas(struct question *question, const char *command,
                         const struct gw_remote_words *words) {
    bool sagas = strcmp(command, "sagas") == 0;
    question->method = sagas ? "GET" : "POST";
    gw_buf_printf(&question->path, "/admin/sagas%s", words->open ? "?open" : "");
    if (words->word) {
        gw_buf_append_char(&question->path, '/');
        gw_buf_append_percent(&question->path, gw_str_from(words->word));
    }
    if (!sagas)
        gw_buf_printf(&question->path, "/%s", command);
    if (words->reason) {
        gw_buf_printf(&question->body, "{\"reason\":");
        gw_buf_append_json(&question->body, gw_str_from(words->reason));
        gw_buf_append_char(&question->body, '}');
    }
}

static void ask(struct question *question, const char *command,
                const struct gw_remote_words *words) {
    const char *number = words->word;
    if (is_of_sagas(command)) {
        ask_of_sagas(question, command, words);
        return;
    }
    question->method = "POST";
    if (strcmp(command, "generations") == 0) {
        question->method = "GET";
        gw_buf_printf(&question->path, "/admin/generations");
        if (number)
            gw_buf_printf(&question->path, "/%s/diff", number);
        return;
    }
    gw_buf_printf(&question->path, "/admin/%s", command);
    if (number)
        gw_buf_printf(&question->body, "{\"generation\":%s}", number);
}

/* Where it listens on all addresses it listens on this machine's own, too. */
static void append_address(struct gw_buf *url, const struct gw_settings *settings) {
    const char *host = settings->admin_host;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    gw_buf_printf(url, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host,
                  (unsigned)settings->admin_port);
}

/* --- The answer --- */

static void on_answer(void *user, struct gw_call_response *response) {
    struct question *question = user;
    bool ok = response->outcome == GW_CALL_OK && response->status == 200;
    question->code = ok ? 0 : 1;
    if (response->outcome != GW_CALL_OK)
        fprintf(stderr, "moongate: no answer from the admin listener: %s\n", response->error);
    else
        fprintf(ok ? stdout : stderr, "%.*s", GW_STR_ARG(gw_buf_str(&response->body)));
}

static void send_question(struct gw_client *client, const struct gw_settings *settings,
                          struct question *question) {
    struct gw_buf url = {0}, token = {0};
    struct gw_str fields[3] = {GW_STR("accept: text/plain"),
                               GW_STR("content-type: application/json")};
    append_address(&url, settings);
    gw_buf_append_str(&url, gw_buf_str(&question->path));
    gw_buf_append_char(&url, '\0');
    gw_buf_printf(&token, "authorization: Bearer %s",
                  settings->admin_token ? settings->admin_token : "");
    fields[2] = gw_buf_str(&token);
    struct gw_call_request request = {
        .method = question->method,
        .url = url.data,
        .fields = fields,
        .n_fields = gw_settings_has_token(settings) ? 3 : 2,
        .body = gw_buf_str(&question->body),
        .has_body = question->body.len > 0,
        .connect_timeout_ms = CONNECT_MS,
        .timeout_ms = TIMEOUT_MS,
        .max_response = MAX_RESPONSE,
    };
    gw_client_start(client, &request, on_answer, question);
    gw_buf_fini(&url);
    gw_buf_fini(&token);
}

int gw_remote_run(const struct gw_settings *settings, const char *command,
                  const struct gw_remote_words *words) {
    const char *refused = refuse(command, words);
    if (refused) {
        fprintf(stderr, "moongate: %s%s%s: %s\n", command, words->word ? " " : "",
                words->word ? words->word : "", refused);
        return 2;
    }
    struct question question = {.code = -1};
    struct gw_client_options options = {.max_connections = 1, .max_idle_connections = 1};
    struct event_base *base = event_base_new();
    struct gw_client *client = gw_client_new(base, &options);
    signal(SIGPIPE, SIG_IGN);
    ask(&question, command, words);
    send_question(client, settings, &question);
    while (question.code < 0)
        event_base_loop(base, EVLOOP_ONCE);
    gw_client_free(client);
    event_base_free(base);
    gw_buf_fini(&question.path);
    gw_buf_fini(&question.body);
    return question.code;
}
