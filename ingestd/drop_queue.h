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

struct drop_queue;

/* What became of those of one file. */
struct drop_tally {
    uint64_t kept, records;
    uint64_t refused;   /* documents, or parts that are none */
    uint64_t passed;    /* bytes of such parts */
    char reasons[4096]; /* of the first refusals, a line each */
};

/* stopping() is asked while it waits. NULL after an error was logged. The caller owns it. */
struct drop_queue *drop_queue_new(bool (*stopping)(void *context), void *context);
void drop_queue_free(struct drop_queue **q);

/* Begins a file: the name of its owner, and its own for those who read what was refused. */
void drop_queue_begin(struct drop_queue *q, const char *owner, const char *name);

/* Sends a copy of the document, once there is room. -1: stopping. */
int drop_queue_add(struct drop_queue *q, const struct split_item *item);

/* Waits until all are answered. -1: stopping. */
int drop_queue_end(struct drop_queue *q, struct drop_tally *tally);

/* Note what never was sent: something passed over, or all that would follow. */
void drop_queue_refuse_passed(struct drop_queue *q, const struct split_item *item);
void drop_queue_refuse_rest(struct drop_queue *q, const char *why);

#endif
