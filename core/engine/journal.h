/* The journal: what must survive the process. One thread of its own owns the store and does one
 * thing after the other; all that is queued meanwhile goes into the next transaction, so that many
 * who wait at the same time pay for one fsync together (group commit).
 *
 * Who wants something done hands over an operation: its `run` is called on the journal's thread,
 * within a transaction, and its `done` on the loop of whoever handed it over, when what it wrote is
 * durable. It is the caller's memory and must stay until `done`; there is no cancelling, since what
 * is on its way to the disk cannot be called back: who no longer waits says so in his operation.
 * What is handed over at one port is run, and told, in that order.
 *
 * If the disk fails, operations end with `ok` false, and the journal goes on trying: the next ones
 * may succeed. gw_journal_fault() says what is wrong, for /ready and for operators.
 *
 * `ok` false is not "it did not happen". If the disk failed at the end of the transaction (fsync),
 * nobody can say whether it did; what the store holds afterwards is the truth. So who was told no
 * does not go on as if yes, but bears to find later what it wrote: the saga that did not begin,
 * open; the key that was not taken, taken by it. And since an operation may be run again after such
 * an end, it must know its own traces: a key taken by this very request is not "in work". */
#ifndef GW_ENGINE_JOURNAL_H
#define GW_ENGINE_JOURNAL_H

#include "engine/store.h"

#include <sys/queue.h>

struct event_base;
struct gw_journal;
struct gw_journal_port;
struct gw_journal_op;

struct gw_journal_op {
    /* On the journal's thread, in a transaction. False: the store failed. Then nothing of the whole
     * transaction stays, and each of its operations is tried again in one of its own, so that only
     * those that fail do. So `run` changes nothing but the store and the operation itself, and
     * bears being run twice. */
    bool (*run)(struct gw_journal_op *op, struct gw_store *store);

    /* On the port's loop, never from within gw_journal_submit(). It may submit, but not free the
     * port. Not `ok`: see above. */
    void (*done)(struct gw_journal_op *op, bool ok);

    struct gw_journal_port *port; /* the journal's from here on */
    STAILQ_ENTRY(gw_journal_op) link;
    bool ok;
};

/* Takes the store, and forgets what is beyond the limits: when it starts, and now and then. */
struct gw_journal *gw_journal_new(struct gw_store *take_store,
                                  const struct gw_store_limits *limits);

/* Waits for what is queued; the ports are freed before. */
void gw_journal_free(struct gw_journal *journal);

/* NULL while all is well, else what is wrong, in text that stays as long as the journal. Set when
 * an operation fails, before its `done`; NULL again when something has been written, which the
 * journal tries once a second. Any thread. */
const char *gw_journal_fault(struct gw_journal *journal);

/* For metrics and the bench; any thread. */
struct gw_journal_counts {
    uint64_t operations, transactions, failures;
    unsigned queued; /* now */
};
struct gw_journal_counts gw_journal_count(struct gw_journal *journal);

/* One loop's side of the journal: where its operations' ends are told. Used by its thread only. */
struct gw_journal_port *gw_journal_port_new(struct gw_journal *journal, struct event_base *base);

/* Waits until none of its operations is under way; their `done` is called, from within. */
void gw_journal_port_free(struct gw_journal_port *port);

void gw_journal_submit(struct gw_journal_port *port, struct gw_journal_op *op);

#endif
