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

static void append_word(struct gw_buf *path, const char *word) {
    gw_buf_append_char(path, '/');
    gw_buf_append_percent(path, gw_str_from(word));
}

/* A list or, by its name, one of it. */
static void ask_for(struct question *question, const char *list, const char *name) {
    question->method = "GET";
    gw_buf_printf(&question->path, "/admin/%s", list);
    if (name)
        append_word(&question->path, name);
}

static void ask_to(struct question *question, const char *list, const char *name, const char *act) {
    ask_for(question, list, name);
    question->method = "POST";
    gw_buf_printf(&question->path, "/%s", act);
}

static void set_text(struct question *question, const char *member, const char *text) {
    gw_buf_printf(&question->body, "{\"%s\":", member);
    gw_buf_append_json(&question->body, gw_str_from(text));
    gw_buf_append_char(&question->body, '}');
}

static void add_parameter(struct question *question, const char *name, const char *value) {
    bool is_first = !memchr(question->path.data, '?', question->path.len);
    if (!value)
        return;
    gw_buf_printf(&question->path, "%c%s=", is_first ? '?' : '&', name);
    gw_buf_append_percent(&question->path, gw_str_from(value));
}

static void ask_status(struct question *question, const struct gw_remote_words *words) {
    (void)words;
    ask_for(question, "status", NULL);
}

static void ask_reload(struct question *question, const struct gw_remote_words *words) {
    (void)words;
    question->method = "POST";
    gw_buf_printf(&question->path, "/admin/reload");
}

static void ask_generations(struct question *question, const struct gw_remote_words *words) {
    ask_for(question, "generations", words->words[0]);
    if (words->words[0])
        gw_buf_printf(&question->path, "/diff");
}

static void ask_rollback(struct question *question, const struct gw_remote_words *words) {
    question->method = "POST";
    gw_buf_printf(&question->path, "/admin/rollback");
    if (words->words[0])
        gw_buf_printf(&question->body, "{\"generation\":%s}", words->words[0]);
}

static void ask_backends(struct question *question, const struct gw_remote_words *words) {
    ask_for(question, "backends", words->words[0]);
}

static void ask_breaker(struct question *question, const struct gw_remote_words *words) {
    ask_to(question, "backends", words->words[0], words->words[1]);
}

/* The word is the id of one, 16 hexadecimal digits, or the correlation id of any number. */
static void ask_requests(struct question *question, const struct gw_remote_words *words) {
    const char *word = words->words[0];
    bool is_id = word && strlen(word) == 16 && strspn(word, "0123456789abcdef") == 16;
    ask_for(question, "requests", is_id ? word : NULL);
    add_parameter(question, "correlation_id", is_id ? NULL : word);
}

static void ask_sagas(struct question *question, const struct gw_remote_words *words) {
    ask_for(question, "sagas", words->words[0]);
    if (words->open)
        gw_buf_printf(&question->path, "?open");
}

static void ask_retry(struct question *question, const struct gw_remote_words *words) {
    ask_to(question, "sagas", words->words[0], "retry");
}

static void ask_resolve(struct question *question, const struct gw_remote_words *words) {
    ask_to(question, "sagas", words->words[0], "resolve");
    set_text(question, "reason", words->reason);
}

static void ask_jobs(struct question *question, const struct gw_remote_words *words) {
    ask_for(question, "jobs", words->words[0]);
    add_parameter(question, "kind", words->kind);
    add_parameter(question, "status", words->status);
}

static void ask_cancel(struct question *question, const struct gw_remote_words *words) {
    ask_to(question, "jobs", words->words[0], "cancel");
}

static void ask_log_level(struct question *question, const struct gw_remote_words *words) {
    ask_for(question, "log-level", NULL);
    if (!words->words[0])
        return;
    question->method = "PUT";
    set_text(question, "level", words->words[0]);
}

/* --- Commands --- */

struct command {
    const char *name;
    unsigned least, most; /* words */
    const char *missing;  /* what is, where there are too few; or NULL */
    bool is_numbered;     /* the word is the number of a generation */
    void (*ask)(struct question *question, const struct gw_remote_words *words);
};

static const struct command commands[] = {
    {"status", 0, 0, NULL, false, ask_status},
    {"reload", 0, 0, NULL, false, ask_reload},
    {"generations", 0, 1, NULL, true, ask_generations},
    {"rollback", 0, 1, NULL, true, ask_rollback},
    {"backends", 0, 1, NULL, false, ask_backends},
    {"breaker", 2, 2, "a backend's name and force-open, close, reset or disable", false,
     ask_breaker},
    {"requests", 0, 1, NULL, false, ask_requests},
    {"sagas", 0, 1, NULL, false, ask_sagas},
    {"retry", 1, 1, "the id of a saga", false, ask_retry},
    {"resolve", 1, 1, "the id of a saga", false, ask_resolve},
    {"jobs", 0, 1, NULL, false, ask_jobs},
    {"cancel", 1, 1, "the id of a job", false, ask_cancel},
    {"log-level", 0, 1, NULL, false, ask_log_level},
};

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool gw_remote_is_command(const char *command) {
    return find_command(command) != NULL;
}

/* --- Words --- */

/* "--reason TEXT" or "--reason=TEXT", at argv[*i], which is left at its end. */
static bool take_option(const char *name, int argc, char **argv, int *i, const char **value) {
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return false;
    if (argv[*i][n] == '=')
        *value = argv[*i] + n + 1;
    else if (argv[*i][n] == '\0' && *i + 1 < argc)
        *value = argv[++*i];
    else
        return false;
    return true;
}

static bool take_word(struct gw_remote_words *words, const char *word) {
    for (unsigned i = 0; word[0] != '-' && i < GW_REMOTE_MAX_WORDS; i++) {
        if (!words->words[i]) {
            words->words[i] = word;
            return true;
        }
    }
    return false;
}

/* A setting is followed by its value. */
static bool has_value(int argc, char **argv, int i) {
    return strncmp(argv[i], "--", 2) == 0 && !strchr(argv[i], '=') && i + 1 < argc;
}

struct gw_remote_words gw_remote_take(int *argc, char **argv) {
    struct gw_remote_words words = {0};
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--open") == 0)
            words.open = true;
        else if (!take_option("--reason", *argc, argv, &i, &words.reason) &&
                 !take_option("--kind", *argc, argv, &i, &words.kind) &&
                 !take_option("--status", *argc, argv, &i, &words.status) &&
                 !take_word(&words, argv[i])) {
            bool takes_two = has_value(*argc, argv, i);
            argv[n++] = argv[i];
            if (takes_two)
                argv[n++] = argv[++i];
        }
    }
    *argc = n;
    return words;
}

/* --- What does not belong together --- */

static bool is_number(const char *text) {
    uint64_t value;
    return gw_str_to_u64(gw_str_from(text), UINT32_MAX, &value) && value > 0;
}

static bool is_act(const char *word) {
    static const char *const acts[] = {"force-open", "close", "reset", "disable"};
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(word, acts[i]) == 0)
            return true;
    return false;
}

static const char *refuse_options(const char *command, const struct gw_remote_words *words) {
    bool is_list = !words->words[0];
    if (words->reason && strcmp(command, "resolve") != 0)
        return "--reason belongs to resolve";
    if (words->open && !(is_list && strcmp(command, "sagas") == 0))
        return "--open belongs to sagas, without an id";
    if ((words->kind || words->status) && !(is_list && strcmp(command, "jobs") == 0))
        return "--kind and --status belong to jobs, without an id";
    if (!words->reason && strcmp(command, "resolve") == 0)
        return "--reason is missing";
    return NULL;
}

static unsigned count(const struct gw_remote_words *words) {
    unsigned n = 0;
    while (n < GW_REMOTE_MAX_WORDS && words->words[n])
        n++;
    return n;
}

/* Says why these words do not belong to the command, if so. */
static bool refuse(const struct command *command, const struct gw_remote_words *words) {
    unsigned n = count(words);
    const char *word = n ? words->words[n - 1] : "", *reason = NULL;
    if (n < command->least) {
        fprintf(stderr, "moongate: %s: what is missing: %s\n", command->name, command->missing);
        return true;
    }
    if (n > command->most)
        reason = "that is a word too many";
    else if (n && command->is_numbered && !is_number(word))
        reason = "that is not the number of a generation";
    else if (command->ask == ask_breaker && !is_act(word))
        reason = "that is not force-open, close, reset or disable";
    else
        reason = refuse_options(command->name, words);
    if (reason)
        fprintf(stderr, "moongate: %s%s%s: %s\n", command->name, n ? " " : "", word, reason);
    return reason != NULL;
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
    const struct command *found = find_command(command);
    if (refuse(found, words))
        return 2;
    struct question question = {.code = -1};
    struct gw_client_options options = {.max_connections = 1, .max_idle_connections = 1};
    struct event_base *base = event_base_new();
    struct gw_client *client = gw_client_new(base, &options);
    signal(SIGPIPE, SIG_IGN);
    found->ask(&question, words);
    send_question(client, settings, &question);
    while (question.code < 0)
        event_base_loop(base, EVLOOP_ONCE);
    gw_client_free(client);
    event_base_free(base);
    gw_buf_fini(&question.path);
    gw_buf_fini(&question.body);
    return question.code;
}
