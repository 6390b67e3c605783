/* Numbers as JSON writes them (RFC 8259, 6). Plain C: no Lua, nothing raises.
 *
 * strtod() and printf() follow the locale's decimal point. The process never calls setlocale(), so
 * it is always the C locale's, a dot. */
#ifndef GW_LUA_JSON_NUMBER_H
#define GW_LUA_JSON_NUMBER_H

#include "base/str.h"

#define GW_JSON_NUMBER_SIZE 32 /* room for any number printed here */

enum gw_json_number_kind {
    GW_JSON_INTEGER,
    GW_JSON_FLOAT,
    GW_JSON_MALFORMED,
    GW_JSON_OUT_OF_RANGE, /* beyond the largest double */
};

struct gw_json_number {
    const char *end; /* after the last byte read; of a malformed number, the offending byte */
    union {
        int64_t integer;
        double real;
    };
};

/* Reads the number that `text` starts with. An integer that int64 cannot hold, and -0, which no
 * integer can say, are floats. */
enum gw_json_number_kind gw_json_number_read(struct gw_str text, struct gw_json_number *out);

/* Both print without a NUL and return the length. A float always carries a fraction or an exponent,
 * so that it is a float when read back: 42.0. `value` must be finite. */
size_t gw_json_print_integer(char out[GW_JSON_NUMBER_SIZE], int64_t value);
size_t gw_json_print_float(char out[GW_JSON_NUMBER_SIZE], double value);

#endif
