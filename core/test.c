#include "test.h"

#include "lua/tool.h"

int gw_test_run(const struct gw_settings *settings, int argc, char **argv) {
    struct gw_buf words = {0};
    for (int i = 0; i < argc; i++)
        gw_buf_printf(&words, "%s\n", argv[i]);
    gw_buf_append_char(&words, '\0');
    struct gw_tool tool = {.settings = settings, .arguments = words.data};
    int code = gw_tool_run(&tool, "gateway.testing.runner");
    gw_buf_fini(&words);
    return code;
}
