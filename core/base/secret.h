/* What must not be read by whoever reads the log, or the page of the development mode: the values
 * of what has a secret's name (passwords, tokens, cookies, keys, and what LOG_REDACT names), and
 * what looks like a secret wherever it stands. In their place stands GW_SECRET_HIDDEN. */
#ifndef GW_BASE_SECRET_H
#define GW_BASE_SECRET_H

#include "base/buf.h"

#define GW_SECRET_HIDDEN "[redacted]"

/* Further names, comma separated; the text lives as long as the process. Call before other threads
 * start. */
void gw_secret_add_names(const char *names);

/* Whether a header, field or parameter of this name is one. Case, "-", "_" and spaces do not
 * matter. */
bool gw_secret_is_name(struct gw_str name);

/* Appends a text without its secrets: JSON Web Tokens, what follows "Bearer" or "Basic", in URLs
 * user and password; the values of parameters, and of members of JSON, that have a secret's name;
 * and lines that are such a header field. Takes time in proportion to the text, whoever wrote it.
 */
void gw_secret_append(struct gw_buf *out, struct gw_str text);

/* Appends JSON that our own encoder has made, without the values of such members at any depth, and
 * its strings without their secrets. */
void gw_secret_append_json(struct gw_buf *out, struct gw_str json);

#endif
