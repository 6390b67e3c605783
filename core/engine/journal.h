/* The journal: what must survive the process. One thread of its own owns the store and does one
 * thing after the other; all that is queued meanwhile goes into the next transaction, so that many
 * who wait at the same time pay for one fsync together (group commit).
 *
 * Who wants something done hands over an operation: its `run` is called on the journal's thread,
 * within a transaction, and its `done` on the loop of whoever handed it over, when what it wrote is
 * durable. It is the caller's memory and must stay until `done`; there is no cancelling, since what
 * is on its way to the disk cannot be called back: who no longer waits says so in his operation.
 *
 * If the disk fails, operations end with `ok` false, and the journal goes on trying: the next ones
 * may succeed. gw_journal_fault() says what is wrong, for /ready and for operators. */
#ifndef GW_ENGINE_JOURNAL_H
#define GW_ENGINE_JOURNAL_H

#include "engine/store.h"

#include <sys/queue.h>

struct event_base;
struct gw_journal;
struct gw_journal_port;
struct gw_journal_op;

struct gw_journal_op {
    /* On the journal's thread, in a transaction. False: the store failed, nothing of the whole
     * transaction stays, and it is tried again without the operations that failed. So it must not
     * change anything but the store and the operation itself, and must bear being run twice. */
    bool (*run)(struct gw_journal_op *op, struct gw_store *store);

    /* On the port's loop, never from within gw_journal_submit(). Not `ok`: nothing was written. */
    void (*done)(struct gw_journal_op *op, bool ok);

    struct gw_journal_port *port; /* the journal's from here on */
    STAILQ_ENTRY(gw_journal_op) link;
    bool ok;
};

/* Takes the store. */
struct gw_journal *gw_journal_new(struct gw_store *take_store,
                                  const struct gw_store_limits *limits);

/* Waits for what is queued; the ports are freed before. */
void gw_journal_free(struct gw_journal *journal);

/* NULL while all is well, else what is wrong: static text or text that stays. Any thread. */
const char *gw_journal_fault(struct gw_journal *journal);

/* For metrics and the bench; any thread. */
struct gw_journal_counts {
    uint64_t operations, transactions, failures;
    unsigned queued; /* now */
};
struct gw_journal_counts gw_journal_count(struct gw_journal *journal);

/* One loop's side of the journal: where its operations' ends are told. Used by its thread only. */
struct gw_journal_port *gw_journal_port_new(struct gw_journal *journal, struct event_base *base);

/* Waits until none of its operations is under way; their `done` is called, not ok or ok. */
void gw_journal_port_free(struct gw_journal_port *port);

void gw_journal_submit(struct gw_journal_port *port, struct gw_journal_op *op);

#endif
