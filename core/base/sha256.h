/* SHA-256 (FIPS 180-4), to tell whether two sets of scripts are the same. Embedded in its owner;
 * nothing to free. */
#ifndef GW_BASE_SHA256_H
#define GW_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define GW_SHA256_TEXT_SIZE 65 /* hexadecimal, and its NUL */

struct gw_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t block[64]; /* what does not fill one yet */
};

void gw_sha256_init(struct gw_sha256 *sum);
void gw_sha256_add(struct gw_sha256 *sum, const void *data, size_t n);

/* The end: nothing can be added afterwards. */
void gw_sha256_text(struct gw_sha256 *sum, char out[GW_SHA256_TEXT_SIZE]);

#endif
