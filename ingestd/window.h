/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches on their way, in memory: those next to be pushed and those pushed and not yet
 * acknowledged; numbered without holes, handed out to be pushed, and pushed again when no
 * acknowledgement came. Pure: no clock, no sockets.
 */
#ifndef EZREPO_INGESTD_WINDOW_H
#define EZREPO_INGESTD_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "schemas/messages.h"

struct window;

struct window_batch {
    uint64_t sequence;
    uint64_t epoch;       /* of the start of ingestd that closed it; 0: none had one then */
    uint64_t epoch_first; /* the first sequence given in it */
    enum batch_kind kind;
    uint32_t count;        /* records or rejects in it */
    uint32_t delivered;    /* of the records: who sent them is told when they are not spooled */
    int64_t received_us;   /* when its oldest datagram came */
    uint64_t dropped;      /* by the kernel since the batch before */
    struct slice frame;    /* both valid until the batch is acknowledged */
    struct slice accounts; /* may be empty, as the frame of a batch that has nothing but them */
    bool pushed;           /* at least once */
};

/* What it holds, for the status. */
struct window_state {
    uint64_t batches, records, rejects, bytes;
    int64_t oldest_received_us; /* of the oldest batch; 0 when there is none */
};

/*
 * A window that is full from limit_bytes on (frames and their administration), and hands a batch
 * out again retry_us after it was pushed. NULL when memory is out. The caller owns it.
 */
struct window *window_new(size_t limit_bytes, int64_t retry_us);
void window_free(struct window **w);
void window_set_retry(struct window *w, int64_t retry_us);

/* A copy of both frames, one behind the other, for window_take(); NULL when memory is out. */
char *window_copy_frames(const struct window_batch *batch);

/*
 * Takes the batch; bytes is from window_copy_frames() and belongs to the window from now on. Its
 * sequence must be window_next(), or any later one when nothing is held. -1 when it is another or
 * memory is out; then nothing has changed. A full window still takes it: who adds looks at
 * window_is_full() before.
 */
int window_take(struct window *w, const struct window_batch *batch, char *bytes);

/* Counts window_next() among those acknowledged, without a batch: 0, or -1 when memory is out. */
int window_skip(struct window *w);

/* The sequence after the last one taken. */
uint64_t window_next(const struct window *w);

/* The batch, or NULL when it is not held. */
const struct window_batch *window_find(const struct window *w, uint64_t sequence);

/* Drops an acknowledged batch, which is told in *was, its frames by their lengths only. -1 when it
 * is not held, or was never pushed. */
int window_acknowledge(struct window *w, uint64_t sequence, struct window_batch *was);

/*
 * A batch that one pushed so much later has overtaken is lost, or as good as that; or stored makes
 * room for it (its days): so twice as late for each time it was pushed again, up to 16 times.
 */
#define WINDOW_OVERTAKEN_US     500000
#define WINDOW_OVERTAKEN_DOUBLE 4

/*
 * The batch to push now: one whose retry is due, or which a batch pushed so much later has
 * overtaken (that one is acknowledged, this is not); else the first never pushed; NULL when
 * there is none. The caller says window_pushed() once it is on its way. now_us is of a clock that
 * never steps.
 */
const struct window_batch *window_next_to_push(const struct window *w, int64_t now_us);
void window_pushed(struct window *w, uint64_t sequence, int64_t now_us);

/* The lowest sequence not acknowledged; the next to be taken when all are. */
uint64_t window_oldest(const struct window *w);

bool window_is_full(const struct window *w);

struct window_state window_state(const struct window *w);

#endif
