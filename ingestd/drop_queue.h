/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results out of files on their way to ingestd's own door: sent, answered, sent again when it was
 * busy. Bounded; for one thread, which is not the loop's.
 */
#ifndef EZREPO_INGESTD_DROP_QUEUE_H
#define EZREPO_INGESTD_DROP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/message.h"
#include "common/split.h"

#define DROP_REASON_BYTES LIMIT_REASON_BYTES

struct drop_queue;

/* What became of the documents of one file. */
struct drop_tally {
    uint64_t kept, records;
    uint64_t refused;                /* documents, or parts that are none */
    uint64_t passed;                 /* bytes of such parts */
    char reasons[DROP_REASON_BYTES]; /* of the first refusals, a line each */
};

/* How far a file has been taken: documents before `open`, and those in `beyond`. */
struct drop_progress {
    uint64_t open, faults; /* as in schemas/messages.h, taken */
    uint64_t beyond[LIMIT_BEYOND];
    uint32_t beyond_count;
    struct drop_tally tally;
};

/* stopping() is asked while it waits. NULL after an error was logged. The caller owns it. */
struct drop_queue *drop_queue_new(bool (*stopping)(void *context), void *context);
void drop_queue_free(struct drop_queue **q);

/* Begins a file: the name of its owner, and its own for those who read what was refused. What was
 * taken of it before (NULL: nothing) is left out when it is given again. */
void drop_queue_begin(struct drop_queue *q, const char *owner, const char *name,
                      const struct drop_progress *before);

/* Sends a copy of the document, once there is room. -1: stopping. */
int drop_queue_add(struct drop_queue *q, const struct split_item *item);

/* Waits until all are answered. -1: stopping. */
int drop_queue_end(struct drop_queue *q);

/* Note what never was sent: something passed over, or all that would follow. */
void drop_queue_refuse_passed(struct drop_queue *q, const struct split_item *item);
void drop_queue_refuse_rest(struct drop_queue *q, const char *why);

/*
 * After a -1: waits for the answers to what is under way, until all that may come have come: each
 * was answered, or no more are given (over() says so) and none was for a moment.
 */
void drop_queue_settle(struct drop_queue *q, bool (*over)(void *context));

/* How far it is with the file. Valid until the next begin. */
const struct drop_progress *drop_queue_progress(struct drop_queue *q);

#endif
