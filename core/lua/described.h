/* A request as a script describes it, in C: its strings are copied, so that nothing of the script
 * is needed while it is sent, or kept as an undo. Embedded; all zero is a valid empty one. */
#ifndef GW_LUA_DESCRIBED_H
#define GW_LUA_DESCRIBED_H

#include "lua/core.h"

struct gw_described {
    struct gw_backend *backend;
    char method[16];
    struct gw_buf path, fields, body; /* fields: lines, each ended by a line feed */
    bool has_body, has_fallback, raw;
    enum gw_repeat repeat;
    unsigned attempts;                            /* 0: the backend's */
    int64_t timeout_ms, try_timeout_ms, hedge_ms; /* likewise; no hedge */
};

/* Reads the request at `index`; raises if it is none that can be sent. Its owner is a userdata,
 * since what was read until then stays. */
void l_describe(lua_State *L, int index, struct gw_described *described);
void gw_described_fini(struct gw_described *described);

#endif
