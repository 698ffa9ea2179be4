/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results out of files on their way to ingestd's own door: sent, answered, sent again when it was
 * busy. Bounded; for one thread, which is not the loop's.
 */
#ifndef EZREPO_INGESTD_FOLDER_QUEUE_H
#define EZREPO_INGESTD_FOLDER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/message.h"
#include "common/split.h"

#define FOLDER_REASON_BYTES LIMIT_REASON_BYTES

struct folder_queue;

/* What became of the documents of one file. */
struct folder_tally {
    uint64_t kept, records;
    uint64_t refused;                  /* documents, or parts that are none */
    uint64_t passed;                   /* bytes of such parts */
    char reasons[FOLDER_REASON_BYTES]; /* of the first refusals, a line each */
};

/* How far a file has been taken: documents before `open`, and those in `beyond`. */
struct folder_progress {
    uint64_t open, faults; /* as in schemas/messages.h, taken */
    uint64_t beyond[LIMIT_BEYOND];
    uint32_t beyond_count;
    struct folder_tally tally;
};

/* stopping() is asked while it waits. NULL after an error was logged. The caller owns it. */
struct folder_queue *folder_queue_new(bool (*stopping)(void *context), void *context);
void folder_queue_free(struct folder_queue **q);

/* What is told of a file with each document. */
struct folder_file {
    const char *owner;   /* who is accountable */
    const char *name;    /* for those who read what was refused */
    const char *format;  /* "": mPlane's */
    const char *changed; /* when; for formats, whose documents may have no time of their own */
};

/* Begins a file, whose texts must outlive what is under way. What was taken of it before (NULL:
 * nothing) is left out when it is given again. */
void folder_queue_begin(struct folder_queue *q, const struct folder_file *file,
                        const struct folder_progress *before);

/* Sends a copy of the document, once there is room. -1: stopping. */
int folder_queue_add(struct folder_queue *q, const struct split_item *item);

/* Waits until all are answered. -1: stopping. */
int folder_queue_end(struct folder_queue *q);

/* Note what never was sent: something passed over, or all that would follow. */
void folder_queue_refuse_passed(struct folder_queue *q, const struct split_item *item);
void folder_queue_refuse_rest(struct folder_queue *q, const char *why);

/*
 * After a -1: waits for the answers to what is under way, until all that may come have come: each
 * was answered, or no more are given (over() says so) and none was for a moment.
 */
void folder_queue_settle(struct folder_queue *q, bool (*over)(void *context));

/* How far it is with the file. Valid until the next begin. */
const struct folder_progress *folder_queue_progress(struct folder_queue *q);

#endif
