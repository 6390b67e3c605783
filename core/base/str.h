/* A slice: bytes that belong to somebody else, with their length. It is passed by value, is not
 * terminated by a NUL, and lives as long as what it points into. */
#ifndef GW_BASE_STR_H
#define GW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_str {
    const char *data;
    size_t len;
};

/* A slice of a string literal, usable as an initializer. */
#define GW_STR(literal) ((struct gw_str){"" literal, sizeof(literal) - 1})

/* For printf's "%.*s". */
#define GW_STR_ARG(s) (int)(s).len, (s).data

struct gw_str gw_str_from(const char *text);
bool gw_str_equal(struct gw_str a, struct gw_str b);
bool gw_str_starts_with(struct gw_str s, struct gw_str start);

/* ASCII letters compare without case, other bytes exactly; no locale is asked. */
bool gw_str_equal_nocase(struct gw_str a, struct gw_str b);

/* Whether it is one of the words of a list that ends with NULL, ASCII letters without case. */
bool gw_str_is_one_of_nocase(struct gw_str s, const char *const *words);

/* Without leading and trailing spaces and tabs. */
struct gw_str gw_str_trim(struct gw_str s);

/* Splits at the first `separator`: *head is what stands before it, *rest what comes after. Without
 * a separator *head is all of it and *rest is empty. False once `s` itself is empty. */
bool gw_str_split(struct gw_str s, char separator, struct gw_str *head, struct gw_str *rest);

/* Decimal digits only: no sign, no space, at least one digit, at most `max`. */
bool gw_str_to_u64(struct gw_str s, uint64_t max, uint64_t *out);

/* The value of a hexadecimal digit, or -1. */
int gw_hex_value(char c);

#endif
