/* Which of very many things have been seen lately: perhaps, or certainly not. A Bloom filter of a
 * fixed size in two halves: what is added is remembered for `keep_ms` at least, for twice as long
 * at most, so that it never fills up. Embedded in its owner, who guards it. */
#ifndef GW_POLICY_SEEN_H
#define GW_POLICY_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct gw_seen {
    uint64_t *young, *old; /* owned: bits */
    int64_t keep_ms;
    int64_t turned_ms; /* when the young ones were none */
};

void gw_seen_init(struct gw_seen *seen, int64_t keep_ms, int64_t now_ms);
void gw_seen_fini(struct gw_seen *seen);

/* `sum`: a hash of the thing, all of whose bits are good. */
void gw_seen_add(struct gw_seen *seen, uint64_t sum, int64_t now_ms);

/* Of a million things a half remembers, one in five hundred of the others seems to be among them.
 */
bool gw_seen_perhaps(struct gw_seen *seen, uint64_t sum, int64_t now_ms);

#endif
