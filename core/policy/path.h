/* A request path as its segments: split at "/" first and percent-decoded after, so that an encoded
 * slash stays inside its segment (RFC 3986, 2.4), then without dot segments (5.2.4), whether they
 * were encoded or not. Nothing else is normalised: "/a", "/a/" and "/a//" are three paths. */
#ifndef GW_POLICY_PATH_H
#define GW_POLICY_PATH_H

#include "base/buf.h"

#define GW_PATH_MAX_SEGMENTS 64

struct gw_path {
    /* More segments than the maximum are counted, not kept. */
    unsigned n;
    struct gw_str segments[GW_PATH_MAX_SEGMENTS]; /* point into the buffer given; no NUL inside */
};

/* Overwrites `decoded`. False for what has no leading slash, a broken escape, an encoded NUL, or
 * dot segments that climb out of the root. */
bool gw_path_parse(struct gw_path *path, struct gw_str raw, struct gw_buf *decoded);

#endif
