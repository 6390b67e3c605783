/* What is wrong with scripts, as text for people and as its parts: "file:line: message", or
 * "file:line:column: message", one after the other, each on a line of its own. What follows a
 * message without such a beginning is the message's second line; what has none at all, as a folder
 * that is not there, is a message only. */
#ifndef GW_BASE_FAULT_H
#define GW_BASE_FAULT_H

#include "base/str.h"

struct gw_fault {
    struct gw_str file;    /* empty: not known */
    unsigned line, column; /* from 1; 0: not known */
    struct gw_str message;
};

/* Takes the first one off the front of *rest; the slices are into it. False at the end. */
bool gw_fault_next(struct gw_str *rest, struct gw_fault *fault);

#endif
