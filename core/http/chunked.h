/* The chunked coding (RFC 9112, 7.1) of one message's body: a decoder that is fed bytes in pieces
 * of any size and keeps none. Sizes are hexadecimal digits and nothing else, CR LF stands exactly
 * where it must, extensions are bounded and ignored, trailers are checked and dropped. Embedded in
 * the parser; all of its fields are its own but for the error. */
#ifndef GW_HTTP_CHUNKED_H
#define GW_HTTP_CHUNKED_H

#include "base/str.h"

#define GW_CHUNKED_MAX_EXTENSIONS 4096 /* bytes, of all chunks of a message together */

enum gw_chunked_event {
    GW_CHUNKED_MORE, /* all of the input is consumed */
    GW_CHUNKED_DATA, /* a slice of the input */
    GW_CHUNKED_END,  /* the trailer section is in too */
    GW_CHUNKED_ERROR,
};

struct gw_chunked {
    unsigned status;    /* after an error: 400 or 431 */
    const char *reason; /* after an error: static text */
    uint64_t left;      /* the size read so far, then the bytes of the chunk still to come */
    uint32_t extension_bytes_left;
    uint32_t trailer_bytes_left;
    uint32_t trailers_left;
    uint8_t size_digits;
    uint8_t state;
};

void gw_chunked_init(struct gw_chunked *chunked, uint32_t max_trailer_bytes, uint32_t max_trailers);
enum gw_chunked_event gw_chunked_next(struct gw_chunked *chunked, struct gw_str *in,
                                      struct gw_str *data);

#endif
