/*
 * Batches that are not yet acknowledged: numbered without holes, held until stored has committed
 * them, handed out to be pushed, and pushed again when no acknowledgement came. Pure memory: no
 * clock, no sockets.
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
    enum batch_kind kind;
    uint32_t count;        /* records or rejects in it */
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

/*
 * Takes a copy of the batch and its frames under the next sequence number, from 1. 0 when memory is
 * out or the frame is no value; then nothing has changed. A full window still takes it: who adds
 * looks at window_is_full() before it takes in more.
 */
uint64_t window_add(struct window *w, const struct window_batch *batch);

/* Drops an acknowledged batch and returns how many records or rejects it had; -1 when it is not
 * held. */
int64_t window_acknowledge(struct window *w, uint64_t sequence, enum batch_kind *kind);

/* A batch that one pushed so much later has overtaken is lost, or as good as that. */
#define WINDOW_OVERTAKEN_US 500000

/*
 * The batch to push now: one whose retry is due, or which a batch pushed WINDOW_OVERTAKEN_US later
 * has overtaken (that one is acknowledged, this is not); else the first never pushed; NULL when
 * there is none. The caller says window_pushed() once it is on its way. now_us is of a clock that
 * never steps.
 */
const struct window_batch *window_next_to_push(const struct window *w, int64_t now_us);
void window_pushed(struct window *w, uint64_t sequence, int64_t now_us);

/* The lowest sequence not acknowledged; the next to be given when all are. */
uint64_t window_oldest(const struct window *w);

bool window_is_full(const struct window *w);
/* Whether it has room again: below three quarters of its limit. */
bool window_has_room(const struct window *w);

struct window_state window_state(const struct window *w);

#endif
