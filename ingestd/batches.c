/* Filling batches and closing them by count, size and age. */
#include "ingestd/batches.h"

#include <stdlib.h>

#include "common/batch.h"
#include "common/log.h"

struct open_batch {
    bool open;
    int64_t opened_us;   /* of the clock that never steps */
    int64_t received_us; /* since 1970 */
};

struct batches {
    struct window *window;
    struct batches_limits limits;
    struct batches_counts counts;
    struct batch_writer *writer;
    struct open_batch records;
    struct pack reject_frame;
    uint32_t reject_count;
    struct open_batch rejects;
    struct pack frame;       /* where a records frame is put together */
    uint64_t allowance;      /* rejects that may be kept now, in millionths */
    int64_t allowance_at_us; /* when that was so */
};

struct batches *batches_new(struct window *window, const struct batches_limits *limits)
{
    struct batches *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    b->window = window;
    pack_init(&b->reject_frame);
    pack_init(&b->frame);
    batches_set_limits(b, limits);
    b->writer = batch_writer_new();
    if (b->writer == NULL) {
        batches_free(&b);
    }
    return b;
}

void batches_free(struct batches **b)
{
    if (*b != NULL) {
        batch_writer_free(&(*b)->writer);
        pack_release(&(*b)->reject_frame);
        pack_release(&(*b)->frame);
        free(*b);
        *b = NULL;
    }
}

void batches_set_limits(struct batches *b, const struct batches_limits *limits)
{
    b->limits = *limits;
    b->allowance = limits->rejects_per_second * 1000000;
}

/* ---- closing ---- */

static void open_now(struct open_batch *o, int64_t received_us, int64_t now_us)
{
    if (!o->open) {
        *o = (struct open_batch){true, now_us, received_us};
    }
}

static void hand_over(struct batches *b, enum batch_kind kind, uint32_t count, int64_t received_us,
                      struct slice frame)
{
    if (frame.at != NULL && window_add(b->window, kind, count, received_us, frame) != 0) {
        b->counts.closed++;
        return;
    }
    b->counts.lost++;
    b->counts.records_lost += kind == BATCH_RECORDS ? count : 0;
    log_error("batch.lost", "items=%u reason=\"out of memory\"", (unsigned)count);
}

static void close_records(struct batches *b)
{
    uint32_t count = batch_writer_count(b->writer);
    if (!b->records.open) {
        return;
    }
    pack_reset(&b->frame);
    struct slice frame = {NULL, 0};
    if (batch_writer_finish(b->writer, &b->frame) == 0) {
        frame = pack_bytes(&b->frame);
    }
    hand_over(b, BATCH_RECORDS, count, b->records.received_us, frame);
    b->records.open = false;
}

static void close_rejects(struct batches *b)
{
    if (!b->rejects.open) {
        return;
    }
    hand_over(b, BATCH_REJECTS, b->reject_count, b->rejects.received_us,
              pack_bytes(&b->reject_frame));
    pack_reset(&b->reject_frame);
    b->reject_count = 0;
    b->rejects.open = false;
}

void batches_close_all(struct batches *b)
{
    close_records(b);
    close_rejects(b);
}

int64_t batches_close_old(struct batches *b, int64_t now_us)
{
    if (b->records.open && now_us - b->records.opened_us >= b->limits.age_us) {
        close_records(b);
    }
    if (b->rejects.open && now_us - b->rejects.opened_us >= b->limits.age_us) {
        close_rejects(b);
    }
    int64_t next = INT64_MAX;
    if (b->records.open) {
        next = b->records.opened_us;
    }
    if (b->rejects.open && b->rejects.opened_us < next) {
        next = b->rejects.opened_us;
    }
    return next == INT64_MAX ? -1 : next + b->limits.age_us - now_us;
}

/* ---- filling ---- */

int batches_add(struct batches *b, const struct schema_message *schema,
                struct record_message *record, int64_t received_us, int64_t now_us)
{
    int rc = batch_writer_add(b->writer, schema, record);
    if (rc == 1) {
        close_records(b);
        rc = batch_writer_add(b->writer, schema, record);
    }
    if (rc != 0) {
        b->counts.records_lost++;
        return -1;
    }
    open_now(&b->records, received_us, now_us);
    if (batch_writer_count(b->writer) >= b->limits.records ||
        batch_writer_size(b->writer) >= BATCH_BYTES) {
        close_records(b);
    }
    return 0;
}

/* A bucket that holds a second's worth and is filled as time goes on. */
static bool take_allowance(struct batches *b, int64_t now_us)
{
    uint64_t most = b->limits.rejects_per_second * 1000000;
    uint64_t passed = (uint64_t)(now_us - b->allowance_at_us);
    b->allowance += (passed < 1000000 ? passed : 1000000) * b->limits.rejects_per_second;
    b->allowance = b->allowance < most ? b->allowance : most;
    b->allowance_at_us = now_us;
    if (b->allowance < 1000000) {
        return false;
    }
    b->allowance -= 1000000;
    return true;
}

int batches_reject(struct batches *b, const struct reject_message *reject, int64_t now_us)
{
    if (!take_allowance(b, now_us)) {
        return 1;
    }
    size_t before = pack_bytes(&b->reject_frame).len;
    reject_encode(&b->reject_frame, reject);
    if (!pack_ok(&b->reject_frame)) {
        b->reject_frame.buffer.size = before;
        b->reject_frame.failed = false;
        return -1;
    }
    b->reject_count++;
    open_now(&b->rejects, reject->received_us, now_us);
    if (b->reject_count >= b->limits.records || pack_bytes(&b->reject_frame).len >= BATCH_BYTES) {
        close_rejects(b);
    }
    return 0;
}

struct batches_counts batches_counts(const struct batches *b)
{
    return b->counts;
}
