#include "lua/json_number.h"

#include "base/alloc.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every integer up to here, and every power of ten up to 1e22, is a double exactly. One operation
 * on two exact doubles rounds once, and so gives the double nearest to the decimal (W. Clinger, How
 * to Read Floating Point Numbers Accurately, 1990). */
#define EXACT_INTEGER  (UINT64_C(1) << 53)
#define EXACT_EXPONENT 22
_Static_assert(FLT_EVAL_METHOD == 0, "doubles must not be computed in a wider type");

static const double powers_of_ten[EXACT_EXPONENT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

#define MAX_DIGITS     19                          /* as many always fit 64 bits */
#define MAX_EXPONENT   INT64_C(100000000000000000) /* more than a text can have digits */
#define UNIQUE_DECIMAL 1e15                        /* decimals of 15 digits all differ as doubles */
#define MAX_DECIMALS   8                           /* what is worth trying before printf() */
#define SHORT_NUMBER   64                          /* bytes that are copied to the C stack */

/* mantissa * 10^exponent; the mantissa is only right while digits <= MAX_DIGITS. */
struct decimal {
    uint64_t mantissa;
    size_t digits; /* without leading zeros */
    int64_t exponent;
    bool negative;
    bool is_integer; /* neither fraction nor exponent was written */
};

static bool is_digit(const char *p, const char *end) {
    return p < end && *p >= '0' && *p <= '9';
}

static const char *read_digits(const char *p, const char *end, struct decimal *d) {
    for (; is_digit(p, end); p++) {
        d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
        d->digits += d->mantissa > 0;
    }
    return p;
}

/* The readers of the three parts return where they stopped, and clear *ok where a digit is missing
 * there. */
static const char *read_whole(const char *p, const char *end, struct decimal *d, bool *ok) {
    *ok = is_digit(p, end);
    return *ok && *p == '0' ? p + 1 : read_digits(p, end, d);
}

static const char *read_fraction(const char *p, const char *end, struct decimal *d, bool *ok) {
    const char *digits = p + 1;
    p = read_digits(digits, end, d);
    d->exponent -= p - digits;
    d->is_integer = false;
    *ok = p > digits;
    return p;
}

static const char *read_exponent(const char *p, const char *end, struct decimal *d, bool *ok) {
    bool negative = ++p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    *ok = is_digit(p, end);
    int64_t exponent = 0;
    for (; is_digit(p, end); p++)
        if (exponent < MAX_EXPONENT)
            exponent = exponent * 10 + (*p - '0');
    d->exponent += negative ? -exponent : exponent;
    d->is_integer = false;
    return p;
}

static bool read_decimal(struct gw_str text, struct decimal *d, const char **stopped) {
    const char *p = text.data, *end = text.data + text.len;
    bool ok;
    d->negative = p < end && *p == '-';
    p = read_whole(p + d->negative, end, d, &ok);
    if (ok && p < end && *p == '.')
        p = read_fraction(p, end, d, &ok);
    if (ok && p < end && (*p == 'e' || *p == 'E'))
        p = read_exponent(p, end, d, &ok);
    *stopped = p;
    return ok;
}

/* strtod() wants a NUL behind the number, which a slice does not have. */
static double convert_slowly(struct gw_str number) {
    if (number.len < SHORT_NUMBER) {
        char copy[SHORT_NUMBER];
        memcpy(copy, number.data, number.len);
        copy[number.len] = '\0';
        return strtod(copy, NULL);
    }
    char *copy = gw_strndup(number.data, number.len);
    double value = strtod(copy, NULL);
    free(copy);
    return value;
}

static double convert(const struct decimal *d, struct gw_str number) {
    bool is_exact = d->digits <= MAX_DIGITS && d->mantissa <= EXACT_INTEGER &&
                    d->exponent >= -EXACT_EXPONENT && d->exponent <= EXACT_EXPONENT;
    if (!is_exact)
        return convert_slowly(number);
    double value = (double)d->mantissa;
    if (d->exponent < 0)
        value /= powers_of_ten[-d->exponent];
    else
        value *= powers_of_ten[d->exponent];
    return d->negative ? -value : value;
}

static bool fits_integer(const struct decimal *d) {
    return d->is_integer && d->digits <= MAX_DIGITS &&
           d->mantissa <= (uint64_t)INT64_MAX + d->negative && !(d->negative && d->mantissa == 0);
}

enum gw_json_number_kind gw_json_number_read(struct gw_str text, struct gw_json_number *out) {
    struct decimal d = {.is_integer = true};
    if (!read_decimal(text, &d, &out->end))
        return GW_JSON_MALFORMED;
    if (fits_integer(&d)) {
        out->integer = (int64_t)(d.negative ? 0 - d.mantissa : d.mantissa);
        return GW_JSON_INTEGER;
    }
    out->real = convert(&d, (struct gw_str){text.data, (size_t)(out->end - text.data)});
    return isinf(out->real) ? GW_JSON_OUT_OF_RANGE : GW_JSON_FLOAT;
}

static char *put_pair(char *end, uint64_t below_100) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    return memcpy(end - 2, pairs + below_100 * 2, 2);
}

/* Digits are put in front of `end`; returns the first one. */
static char *put_integer(char *end, uint64_t value) {
    for (; value >= 100; value /= 100)
        end = put_pair(end, value % 100);
    if (value >= 10)
        return put_pair(end, value);
    *--end = (char)('0' + value);
    return end;
}

static size_t finish(char *out, bool negative, char *first, const char *end) {
    if (negative)
        *--first = '-';
    memcpy(out, first, (size_t)(end - first));
    return (size_t)(end - first);
}

size_t gw_json_print_integer(char out[GW_JSON_NUMBER_SIZE], int64_t value) {
    char text[GW_JSON_NUMBER_SIZE], *end = text + sizeof text;
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return finish(out, value < 0, put_integer(end, size), end);
}

/* digits / 10^decimals */
static size_t print_decimal(char *out, bool negative, uint64_t digits, int decimals) {
    char text[GW_JSON_NUMBER_SIZE], *end = text + sizeof text;
    uint64_t unit = (uint64_t)powers_of_ten[decimals];
    char *first = put_integer(end, digits % unit);
    while (first > end - decimals)
        *--first = '0';
    *--first = '.';
    return finish(out, negative, put_integer(first, digits / unit), end);
}

/* The first precision that reads back the same. Any decimal of 15 digits comes back from a normal
 * double, so nothing shorter need be tried; below those fewer digits may do. (At a few powers of
 * two, which lie off the middle of what reads back as them, this is one digit more than the least.)
 */
static size_t print_slowly(char *out, double value) {
    int precision = fabs(value) < DBL_MIN ? 1 : 15;
    size_t n;
    do
        n = (size_t)snprintf(out, GW_JSON_NUMBER_SIZE, "%.*g", precision, value);
    while (precision++ < 17 && strtod(out, NULL) != value);
    if (strpbrk(out, ".e"))
        return n;
    memcpy(out + n, ".0", 2);
    return n + 2;
}

/* Most numbers that people write have few decimals. What a division of two exact doubles gives back
 * is by the rule above what the decimal reads as. */
size_t gw_json_print_float(char out[GW_JSON_NUMBER_SIZE], double value) {
    double size = fabs(value);
    for (int decimals = 1; decimals <= MAX_DECIMALS; decimals++) {
        double scaled = size * powers_of_ten[decimals];
        if (scaled >= UNIQUE_DECIMAL)
            break;
        uint64_t digits = (uint64_t)(scaled + 0.5);
        if ((double)digits / powers_of_ten[decimals] == size)
            return print_decimal(out, signbit(value), digits, decimals);
    }
    return print_slowly(out, value);
}
