/* A Lua state for the commands that work on the scripts without serving them (check, test). Unlike
 * a gateway's it has the whole standard library and no sandbox: what runs in it is the prelude's
 * own (gateway.check, gateway.testing) and an operator's specs, and those make a sandbox of their
 * own for the scripts. Its require() finds the system's modules and also
 *
 *     each module of the prelude      "gateway.testing"
 *     gateway.core, gateway.json, gateway.secret
 *                                     the real ones; what needs a request in work raises
 *     gateway.prelude                 a function: the text of a module of the prelude, or nil
 *     gateway.forget                  a function: gateway.core forgets what was declared
 *
 * It lives for one gw_tool_run(). */
#ifndef GW_LUA_TOOL_H
#define GW_LUA_TOOL_H

#include "base/settings.h"
#include "lua/sources.h"

/* What the command is about; nothing of it is owned. The module finds it in its argument. */
struct gw_tool {
    const struct gw_settings *settings;
    const struct gw_sources *sources; /* `sources`, path -> text; NULL: none */
    const char *arguments;            /* `arguments`: the command's own words, one a line */
    /* `load()`: loads the scripts as the server does; false with the reason in `error`. */
    bool (*load)(const struct gw_settings *settings, struct gw_buf *error);
};

/* Calls the function that `module` of the prelude returns, with { folder, sources, arguments, load
 * }, and returns the exit code that it returns. 2, with the reason on standard error, if it raises.
 */
int gw_tool_run(const struct gw_tool *tool, const char *module);

#endif
