#include "command.h"

#include <string.h>

/* Whether `word` is one of the words of `list`. */
static bool is_one_of(const char *word, const char *list) {
    size_t n = strlen(word);
    for (const char *at = list; n && (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

static bool take_switch(struct gw_words *words, const char *switches, const char *word) {
    if (!is_one_of(word, switches))
        return false;
    words->json = words->json || strcmp(word, "--json") == 0;
    words->run = words->run || strcmp(word, "--run") == 0;
    return true;
}

static bool take_folder(struct gw_words *words, const char *word) {
    if (word[0] == '-' || words->folder)
        return false;
    words->folder = word;
    return true;
}

/* A flag without "=" has its value in the next word, which is no folder then. */
static bool has_value(const char *word) {
    return strncmp(word, "--", 2) == 0 && !strchr(word, '=');
}

struct gw_words gw_command_take(const char *switches, int *argc, char **argv) {
    struct gw_words words = {0};
    int n = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            words.rest = argv + i + 1;
            words.n_rest = *argc - i - 1;
            break;
        }
        if (take_switch(&words, switches, argv[i]) || take_folder(&words, argv[i]))
            continue;
        argv[n++] = argv[i];
        if (has_value(argv[i]) && i + 1 < *argc)
            argv[n++] = argv[++i];
    }
    *argc = n;
    return words;
}
