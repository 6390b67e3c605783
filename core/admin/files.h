/* The dashboard's files, which travel inside the binary: the page at "/", the rest below
 * "/dashboard/". They have no data, so they are given without the token. */
#ifndef GW_ADMIN_FILES_H
#define GW_ADMIN_FILES_H

#include "base/embedded.h"
#include "http/server.h"

/* NULL if the path is none of theirs. */
const struct gw_embedded *gw_admin_find_file(struct gw_str path);

/* 304 if the caller has it already, 405 for other methods than GET and HEAD. */
void gw_admin_answer_file(struct gw_exchange *exchange, const struct gw_embedded *file);

#endif
