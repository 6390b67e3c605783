#include "base/id.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* One getrandom() serves many ids; bytes are used once. */
static void random_bytes(unsigned char *out, size_t n) {
    static _Thread_local unsigned char pool[512];
    static _Thread_local size_t left;
    if (left < n) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool)
            abort(); /* up to 256 bytes never fail, 512 only before the kernel is seeded */
        left = sizeof pool;
    }
    left -= n;
    memcpy(out, pool + left, n);
}

static void format(const unsigned char bytes[16], char out[GW_ID_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    *p = '\0';
}

void gw_id_new(char out[GW_ID_SIZE]) {
    unsigned char bytes[16];
    uint64_t ms = (uint64_t)gw_clock_wall_ms();
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    random_bytes(bytes + 6, 10);
    bytes[6] = (unsigned char)(0x70 | (bytes[6] & 0x0f));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
    format(bytes, out);
}

static bool is_id_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool gw_id_valid(struct gw_str id) {
    if (id.len == 0 || id.len > GW_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_char(id.data[i]))
            return false;
    return true;
}
